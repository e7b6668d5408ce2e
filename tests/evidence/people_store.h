#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "model/personal_part.h"
#include "store/sqlite/person_table.h"
#include "tests/evidence/pruned_store.h"

namespace gatelog::store {

inline constexpr Timestamp kFirstPeriod{std::chrono::milliseconds(1'700'000'000'123)};
inline constexpr std::string_view kCard =
    "\x62\x04"
    "card";  // field 12
inline constexpr std::string_view kUnknown =
    "\xA2\x01\x07"
    "unknown";  // field 20

// Retention of what events tell of people.
class PeopleTest : public PruningTest {
 protected:
  // The bytes of every file of the store.
  std::string Bytes() const {
    std::string all;
    for (const auto& entry : std::filesystem::directory_iterator(directory_.path())) {
      std::ifstream stream(entry.path(), std::ios::binary);
      all += std::string(std::istreambuf_iterator<char>(stream), {});
    }
    return all;
  }
  std::vector<std::string> Column(const std::string& sql) {
    std::vector<std::string> values;
    const auto database = *Database::Open({.path = file(), .read_only = true});
    auto select = database->Prepare(sql);
    EXPECT_TRUE(select.ok()) << select.status() << sql;
    while (*select->Step()) values.emplace_back(select->Bytes(0));
    return values;
  }
  std::vector<ports::StoredEvent> ReadAll(const ports::EventFilter& filter = {}) {
    const auto page = store_->Read({.filter = filter, .limit = 10'000});
    EXPECT_TRUE(page.ok()) << page.status();
    return page.ok() ? page->events : std::vector<ports::StoredEvent>();
  }
  // An event that names nobody.
  static model::Event Nobody(std::uint32_t temperature) {
    model::Event event;
    event.timestamp = 1'700'000'000;
    event.device = kDoor;
    event.code = 0x1100;
    event.temperature = temperature;
    return event;
  }
  static model::Event Of(const std::string& user) {
    model::Event event = Nobody(0);
    event.user_id = user;
    return event;
  }
  // The images of events up to that ID.
  void CommitSome(model::EventId through) {
    const ports::LogState state = State(kDoor);
    ports::ImageBatch batch{.log_device = kDoor,
                            .epoch = 1,
                            .expected_image_next = state.image_next,
                            .image_next = through + 1};
    for (model::EventId id = state.image_next; id <= through; ++id) {
      const model::Event event = testing::SomeEvent(kDoor, id);
      if (event.has_image) batch.images.push_back(testing::ImageOf(event));
    }
    ASSERT_TRUE(store_->CommitImages(std::span(&batch, 1))->at(0).ok());
  }
  // What is told of people is gone from the events before `seq`, and nothing else.
  void ExpectErased(const std::vector<ports::StoredEvent>& before, std::uint64_t seq) {
    const std::vector<ports::StoredEvent> after = ReadAll();
    ASSERT_EQ(after.size(), before.size());
    model::SplitEvent split;
    for (std::size_t i = 0; i < after.size(); ++i) {
      SCOPED_TRACE(after[i].seq);
      if (after[i].seq >= seq) {
        EXPECT_EQ(after[i], before[i]);
        continue;
      }
      model::SplitPersonalPart(before[i].event.payload, split);
      ports::StoredEvent expected = before[i];
      expected.erased = before[i].erased || !split.personal_part.empty();
      expected.event.payload = split.public_part;
      expected.event.user_id.clear();
      expected.event.temperature = 0;
      EXPECT_EQ(after[i], expected);
    }
  }
};

}  // namespace gatelog::store
