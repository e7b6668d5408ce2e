#include "core/query/event_tally.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "model/event_code.h"
#include "tests/support/memory_store.h"
#include "tests/support/records.h"

namespace gatelog::core {
namespace {

using Span = TallyQuery::Span;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr model::DeviceId kDevice = 541'000'001;

absl::TimeZone Zone(const char* name) {
  absl::TimeZone zone;
  EXPECT_TRUE(absl::LoadTimeZone(name, &zone)) << name;
  return zone;
}

std::int64_t At(const absl::TimeZone& zone, int year, int month, int day, int hour = 0,
                int minute = 0) {
  return absl::ToUnixSeconds(
      absl::FromCivil(absl::CivilMinute(year, month, day, hour, minute), zone));
}

// As the store beneath, but with a limit of its own to rows.
class FewRows final : public testing::MemoryStore {
 public:
  explicit FewRows(std::size_t rows_max) : MemoryStore(1), rows_max_(rows_max) {}

  absl::StatusOr<std::vector<ports::EventCount>> Count(const ports::CountQuery& query) override {
    auto rows = MemoryStore::Count(query);
    if (rows.ok() && rows->size() > rows_max_) return absl::ResourceExhaustedError("too many");
    return rows;
  }

 private:
  const std::size_t rows_max_;
};

class EventTallyTest : public ::testing::Test {
 protected:
  void Store(const std::vector<model::Event>& events) { StoreIn(store_, events); }

  static void StoreIn(testing::MemoryStore& store, const std::vector<model::Event>& events) {
    testing::BatchMaker batch(ports::LogState{.log_device = kDevice});
    batch.OpenEpoch(1, 1);
    for (const model::Event& event : events) batch.Add(event);
    const auto results = store.Commit({{batch.Make()}});
    ASSERT_TRUE(results.ok() && results->front().ok());
  }

  static model::Event At(std::int64_t time_s, std::uint32_t code = 0x1300) {
    model::Event event;
    event.timestamp = static_cast<std::uint32_t>(time_s);
    event.code = code;
    event.device = kDevice;
    return event;
  }

  std::vector<TallyRow> Count(const TallyQuery& query) {
    auto rows = Tally(store_, query);
    EXPECT_TRUE(rows.ok()) << rows.status();
    return rows.value_or(std::vector<TallyRow>());
  }

  testing::MemoryStore store_{1};
};

TEST_F(EventTallyTest, CountsByWhatIsAskedFor) {
  model::Event door = At(100, 0x5000);
  door.entity_id = 3;
  model::Event unlocked = At(100, 0x5100);
  unlocked.entity_id = 3;
  model::Event zone = At(200, 0x6000);
  zone.entity_id = 3;
  model::Event anna = At(300);
  anna.user_id = "anna";
  Store({door, unlocked, zone, anna, anna, At(400, 0xF123)});
  EXPECT_THAT(Count({}), ElementsAre(TallyRow{.events = 6}));
  EXPECT_THAT(Count({.by_code = true, .by_user = true}).size(), 5u);
  // A zone's number is no door.
  EXPECT_THAT(Count({.by_door = true}), ElementsAre(TallyRow{.door = 3, .events = 2}));
  EXPECT_THAT(Count({.filter = {.codes = {0x5000, 0x6000}}, .by_door = true}),
              ElementsAre(TallyRow{.door = 3, .events = 1}));
  EXPECT_THAT(Count({.filter = {.codes = {0x6000}}, .by_door = true}), IsEmpty());
  EXPECT_THAT(Count({.by_category = true}), ElementsAre(TallyRow{.category = "", .events = 1},
                                                        TallyRow{.category = "Auth", .events = 2},
                                                        TallyRow{.category = "Door", .events = 2},
                                                        TallyRow{.category = "Zone", .events = 1}));
}

TEST_F(EventTallyTest, DaysFollowTheZonesClocks) {
  const absl::TimeZone berlin = Zone("Europe/Berlin");
  const auto at = [&berlin](int day, int hour) { return core::At(berlin, 2026, 10, day, hour); };
  // Clocks go back on the 25th: that day has 25 hours.
  Store({At(at(24, 23)), At(at(25, 0)), At(at(26, 0) - 1), At(at(26, 0))});
  EXPECT_THAT(Count({.by_span = Span::kDay, .zone = berlin}),
              ElementsAre(TallyRow{.from_s = at(24, 0), .to_s = at(25, 0), .events = 1},
                          TallyRow{.from_s = at(25, 0), .to_s = at(26, 0), .events = 2},
                          TallyRow{.from_s = at(26, 0), .to_s = at(27, 0), .events = 1}));
  EXPECT_EQ(at(26, 0) - at(25, 0), 25 * 3600);
}

TEST_F(EventTallyTest, AnHourThatComesTwiceIsCountedTwice) {
  const absl::TimeZone berlin = Zone("Europe/Berlin");
  const std::int64_t two = core::At(berlin, 2026, 10, 25, 2);  // the first time
  Store({At(two), At(two + 3599), At(two + 3600), At(two + 7200)});
  EXPECT_THAT(Count({.by_span = Span::kHour, .zone = berlin}),
              ElementsAre(TallyRow{.from_s = two, .to_s = two + 3600, .events = 2},
                          TallyRow{.from_s = two + 3600, .to_s = two + 7200, .events = 1},
                          TallyRow{.from_s = two + 7200, .to_s = two + 10800, .events = 1}));
}

TEST_F(EventTallyTest, HoursOfAZoneBetweenTheHours) {
  const absl::TimeZone kolkata = Zone("Asia/Kolkata");
  const std::int64_t nine = core::At(kolkata, 2026, 11, 23, 9);
  Store({At(nine - 1), At(nine), At(nine + 3599), At(nine + 3600)});
  EXPECT_THAT(Count({.by_span = Span::kHour, .zone = kolkata}),
              ElementsAre(TallyRow{.from_s = nine - 3600, .to_s = nine, .events = 1},
                          TallyRow{.from_s = nine, .to_s = nine + 3600, .events = 2},
                          TallyRow{.from_s = nine + 3600, .to_s = nine + 7200, .events = 1}));
}

// Lord Howe moves its clocks by half an hour: the hour that this happens in is cut.
TEST_F(EventTallyTest, AnHourIsCutWhereClocksChangeInsideIt) {
  const absl::TimeZone howe = Zone("Australia/Lord_Howe");
  const std::int64_t change = core::At(howe, 2026, 10, 4, 2, 30);  // 02:00 became 02:30
  Store({At(change - 1), At(change), At(change + 1800)});
  EXPECT_THAT(Count({.by_span = Span::kHour, .zone = howe}),
              ElementsAre(TallyRow{.from_s = change - 3600, .to_s = change, .events = 1},
                          TallyRow{.from_s = change, .to_s = change + 1800, .events = 1},
                          TallyRow{.from_s = change + 1800, .to_s = change + 5400, .events = 1}));
}

// By brute force: each event's own local day and hour.
TEST_F(EventTallyTest, AgreesWithWhatClocksShowed) {
  std::mt19937 random(7);
  for (const char* name :
       {"UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Africa/Casablanca",
        "America/Sao_Paulo", "Asia/Beirut", "Pacific/Apia", "America/Havana"}) {
    const absl::TimeZone zone = Zone(name);
    std::vector<model::Event> events;
    for (int i = 0; i < 3'000; ++i) {
      events.push_back(At(1'262'304'000 + static_cast<std::int64_t>(random() % 600'000'000),
                          0x1000 + static_cast<std::uint32_t>(random() % 3)));
    }
    testing::MemoryStore store(1);
    StoreIn(store, events);
    for (const Span span : {Span::kDay, Span::kHour}) {
      std::map<std::pair<absl::CivilHour, int>, std::uint64_t> shown;
      for (const model::Event& event : events) {
        const auto clock = zone.At(absl::FromUnixSeconds(event.timestamp));
        const absl::CivilHour hour(clock.cs);
        const bool day = span == Span::kDay;
        ++shown[{day ? absl::CivilHour(absl::CivilDay(hour)) : hour, day ? 0 : clock.offset}];
      }
      const auto rows = Tally(store, {.by_span = span, .zone = zone});
      ASSERT_TRUE(rows.ok()) << rows.status();
      std::map<std::pair<absl::CivilHour, int>, std::uint64_t> counted;
      for (const TallyRow& row : *rows) {
        const auto clock = zone.At(absl::FromUnixSeconds(row.from_s));
        const absl::CivilHour hour(clock.cs);
        const bool day = span == Span::kDay;
        counted[{day ? absl::CivilHour(absl::CivilDay(hour)) : hour, day ? 0 : clock.offset}] +=
            row.events;
        ASSERT_LT(row.from_s, row.to_s);
      }
      EXPECT_EQ(counted, shown) << name;
    }
  }
}

// What the store has too many rows for may still be few days.
TEST_F(EventTallyTest, RowsThatAddUpAreCountedInParts) {
  const absl::TimeZone berlin = Zone("Europe/Berlin");
  std::vector<model::Event> events;
  for (int i = 0; i < 1'000; ++i) events.push_back(At(1'700'000'000 + i * 3'600));
  FewRows few(48);
  StoreIn(few, events);
  StoreIn(store_, events);
  const TallyQuery query{.by_span = Span::kDay, .zone = berlin};
  const auto rows = Tally(few, query);
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_EQ(*rows, Count(query));
  EXPECT_GT(rows->size(), 40u);
  FewRows none(0);
  StoreIn(none, events);
  EXPECT_EQ(Tally(none, query).status().code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(EventTallyTest, EndsWhenItIsStopped) {
  std::stop_source source;
  source.request_stop();
  EXPECT_EQ(Tally(store_, {.stop = source.get_token()}).status().code(),
            absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace gatelog::core
