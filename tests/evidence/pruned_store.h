#pragma once

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "store/sqlite/store_check.h"
#include "tests/evidence/sealed_store.h"
#include "tests/support/prune_all.h"

namespace gatelog::store {

// A store with everything that the chain knows, and retention on it, step by step.
class PruningTest : public StoreAuditTest {
 protected:
  // What a later age adds to Fill(): both logs go on, and are sealed.
  void AddLater() {
    Commit({Next(kDoor).AddSome(5).Make(), Next(kGate).AddSome(4).Make()});
    Seal();
  }
  static ports::PruneLimits EventsBefore(Timestamp time) { return {.events_before = time}; }
  static ports::PruneLimits PeopleBefore(Timestamp time) { return {.people_before = time}; }
  ports::RetentionStore::Step Step(const ports::PruneLimits& limits) {
    const auto step = store_->PruneSome(limits, "a test");
    EXPECT_TRUE(step.ok()) << step.status();
    return step.ok() ? *step : ports::RetentionStore::Step{};
  }
  ports::Pruned Prune(const ports::PruneLimits& limits) {
    return testing::PruneAll([&] { return Step(limits); }, [] {});
  }
  std::int64_t Rows(const std::string& table) {
    const auto database = Database::Open({.path = file(), .read_only = true});
    EXPECT_TRUE(database.ok()) << database.status();
    const auto rows = (*database)->QueryInteger(absl::StrCat("SELECT count(*) FROM ", table));
    EXPECT_TRUE(rows.ok()) << rows.status();
    return rows.ok() ? *rows : -1;
  }
  void ExpectSound(const std::string& when) {
    const auto report = Audit();
    EXPECT_TRUE(report.ok()) << when << ": " << report.status();
    const auto database = Database::Open({.path = file(), .read_only = true});
    ASSERT_TRUE(database.ok()) << database.status();
    const auto checked = CheckStore(**database, nullptr);
    ASSERT_TRUE(checked.ok()) << when << ": " << checked.status();
    EXPECT_EQ(checked->first_seq, store_->first_seq()) << when;
    EXPECT_EQ(checked->last_seq, store_->last_seq()) << when;
    const auto page = store_->Read({.limit = 10'000});
    ASSERT_TRUE(page.ok());
    EXPECT_EQ(page->events.size(), checked->events) << when;
    if (page->events.empty()) return;
    EXPECT_EQ(page->events.front().seq, store_->first_seq()) << when;
  }
};

}  // namespace gatelog::store
