#include "core/collector/divergence_search.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <vector>

namespace gatelog::core {
namespace {

using model::EventId;
using Records = std::map<EventId, std::uint64_t>;  // fingerprint by ID

std::vector<model::Anchor> Window(const Records& records, DivergenceSearch::Window window) {
  std::vector<model::Anchor> anchors;
  for (auto it = records.lower_bound(window.first); it != records.end() && it->first <= window.last;
       ++it) {
    anchors.push_back({it->first, it->second});
  }
  return anchors;
}

std::vector<model::Anchor> All(const Records& records) { return Window(records, {0, UINT32_MAX}); }

struct Found {
  EventId first_new = 0;
  int windows = 0;
};

Found Search(const Records& device, const Records& stored, EventId low, EventId high) {
  DivergenceSearch search(device.begin()->first, low, high);
  Found found;
  while (!search.done() && found.windows < 10'000) {
    const DivergenceSearch::Window window = search.window();
    EXPECT_LE(window.first, window.last);
    EXPECT_LE(window.last - window.first + 1, model::kAnchorCount);
    EXPECT_GE(window.first, device.begin()->first);
    search.Compare(Window(device, window), Window(stored, window));
    ++found.windows;
  }
  found.first_new = search.result();
  return found;
}

// The plain answer: what follows the last record that both have, below the first that differs.
EventId ByLooking(const Records& device, const Records& stored, EventId high) {
  EventId first_new = device.begin()->first;
  for (const auto& [id, fingerprint] : device) {
    const auto same = stored.find(id);
    if (id >= high) break;
    if (same == stored.end()) continue;
    if (same->second != fingerprint) break;
    first_new = id + 1;
  }
  return first_new;
}

struct Logs {
  Records device;
  Records stored;
  EventId first = 0;
};

// Two logs that agree up to some ID, with holes on both sides.
Logs RandomLogs(std::mt19937& random) {
  Logs logs;
  logs.first = 1 + static_cast<EventId>(random() % 50);
  const EventId count = 1 + static_cast<EventId>(random() % 1'000);
  const EventId agreed = static_cast<EventId>(random() % (count + 1));
  const auto holes = random() % 3 == 0 ? 2 + random() % 20 : 0;  // one in so many
  for (EventId id = logs.first; id < logs.first + count; ++id) {
    const std::uint64_t fingerprint = random();
    const bool same = id < logs.first + agreed;
    if (holes == 0 || random() % holes != 0) logs.stored[id] = fingerprint;
    // A log's first ID is that of a record.
    if (holes == 0 || id == logs.first || random() % holes != 0) {
      logs.device[id] = same ? fingerprint : fingerprint + 1;
    }
  }
  return logs;
}

TEST(DivergenceSearchTest, FindsWhatLookingAtEveryRecordFinds) {
  for (std::uint32_t seed = 1; seed <= 2'000; ++seed) {
    std::mt19937 random(seed);
    const Logs logs = RandomLogs(random);
    const EventId high = std::max(logs.device.rbegin()->first,
                                  logs.stored.empty() ? 0 : logs.stored.rbegin()->first) +
                         1;
    const Found found = Search(logs.device, logs.stored, logs.first, high);
    ASSERT_EQ(found.first_new, ByLooking(logs.device, logs.stored, high)) << "seed " << seed;
  }
}

TEST(DivergenceSearchTest, ALongLogTakesFewWindows) {
  Records device;
  Records stored;
  for (EventId id = 1; id <= 1'000'000; ++id) {
    stored[id] = id;
    device[id] = id < 765'432 ? id : id + 1;
  }
  const Found found = Search(device, stored, 1, 1'000'001);
  EXPECT_EQ(found.first_new, 765'432u);
  EXPECT_LE(found.windows, 25);
}

TEST(DivergenceSearchTest, OneRecordThatLooksAlikeByChanceDoesNotMislead) {
  Records device;
  Records stored;
  for (EventId id = 1; id <= 1'000; ++id) {
    stored[id] = id;
    device[id] = id < 100 ? id : id + 1;
  }
  device[500] = stored[500];  // where the bisection looks first
  EXPECT_EQ(Search(device, stored, 1, 1'001).first_new, 100u);
}

TEST(ComparisonTest, RecordsOfOneSideAndUnreadableOnesTellNothing) {
  constexpr std::uint64_t kUnreadable = std::uint64_t{1} << 63;
  const Records device = {{1, 10}, {2, 20}, {4, kUnreadable | 7}, {5, 50}, {6, 61}};
  const Records stored = {{1, 10}, {3, 30}, {4, 40}, {5, 50}, {6, 60}, {7, 70}};
  const Comparison comparison = Compare(All(device), All(stored));
  EXPECT_EQ(comparison.last_equal, 5u);
  EXPECT_EQ(comparison.difference, 6u);
}

TEST(ComparisonTest, OneOfSeveralStoredRecordsOfAnIdMustBeTheSame) {
  const std::vector<model::Anchor> stored = {{1, 10}, {1, 11}, {2, 20}, {2, 21}, {3, 30}, {3, 31}};
  const Comparison comparison = Compare(All({{1, 11}, {2, 20}, {3, 32}}), stored);
  EXPECT_EQ(comparison.last_equal, 2u);
  EXPECT_EQ(comparison.difference, 3u);
}

TEST(ComparisonTest, LogsThatShareNoIdHaveNothingInCommon) {
  const Comparison comparison = Compare(All({{1, 10}}), All({{2, 20}}));
  EXPECT_EQ(comparison.last_equal, 0u);
  EXPECT_EQ(comparison.difference, 0u);
}

}  // namespace
}  // namespace gatelog::core
