#include "apps/gatelog/event_count.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apps/gatelog/failure.h"

namespace gatelog::cli {
namespace {

using ::testing::ElementsAre;
using Kinds = std::vector<v1::CountBy>;

constexpr std::int64_t kTime = 1'795'420'800;  // 2026-11-23 08:00:00 UTC

TEST(EventCountTest, WordsOfWhatIsCountedBy) {
  EXPECT_THAT(ParseCountBy({"hour", "CODE"}).value_or(Kinds()),
              ElementsAre(v1::COUNT_BY_HOUR, v1::COUNT_BY_CODE));
  EXPECT_THAT(ParseCountBy({"door", "door"}).value_or(Kinds()), ElementsAre(v1::COUNT_BY_DOOR));
  // A sub code says nothing without its code.
  EXPECT_THAT(ParseCountBy({"day", "sub-code"}).value_or(Kinds()),
              ElementsAre(v1::COUNT_BY_DAY, v1::COUNT_BY_CODE, v1::COUNT_BY_SUB_CODE));
  EXPECT_EQ(ExitCodeOf(ParseCountBy({"weather"}).status()), kExitUsage);
}

TEST(EventCountTest, ARowInWords) {
  v1::CountRow row;
  row.set_from_s(kTime);
  row.set_to_s(kTime + 3'600);
  row.set_event_code(0x1300);
  row.set_events(12'345);
  const Kinds by = {v1::COUNT_BY_HOUR, v1::COUNT_BY_CODE};
  const absl::TimeZone zone = absl::FixedTimeZone(3'600);
  const Record record = CountRecord(row, by, zone, "Europe/Berlin");
  EXPECT_THAT(record.cells, ElementsAre("2026-11-23 09:00 +01:00", "identified", "12,345"));
  EXPECT_EQ(record.json["from"], "2026-11-23T09:00:00+01:00");
  EXPECT_EQ(record.json["to"], "2026-11-23T10:00:00+01:00");
  EXPECT_EQ(record.json["zone"], "Europe/Berlin");
  EXPECT_EQ(record.json["events"], 12'345);
  const Layout layout = CountLayout(by, "Europe/Berlin");
  ASSERT_EQ(layout.columns.size(), record.cells.size());
  EXPECT_EQ(layout.columns[0].title, "HOUR (Europe/Berlin)");
  for (const auto& [name, place] : layout.csv) {
    EXPECT_TRUE(record.json.contains(Json::json_pointer(place))) << name;
  }
}

TEST(EventCountTest, SubCodesAndUnknownOnes) {
  v1::CountRow row;
  row.set_event_code(0x1300);
  row.set_sub_code(3);
  const Kinds by = {v1::COUNT_BY_CODE, v1::COUNT_BY_SUB_CODE, v1::COUNT_BY_USER,
                    v1::COUNT_BY_CATEGORY};
  EXPECT_THAT(CountRecord(row, by, absl::UTCTimeZone(), "UTC").cells,
              ElementsAre("identified by face", "0x1300/0x03", "(nobody known, or erased)",
                          "unknown", "0"));
  row.set_event_code(0xF123);
  EXPECT_EQ(CountRecord(row, {v1::COUNT_BY_CODE}, absl::UTCTimeZone(), "UTC").cells[0],
            "event 0xf123");
}

TEST(EventCountTest, ADayAndItsLength) {
  v1::CountRow row;
  row.set_from_s(kTime);
  row.set_to_s(kTime + 25 * 3'600);
  const Record record = CountRecord(row, {v1::COUNT_BY_DAY}, absl::UTCTimeZone(), "UTC");
  EXPECT_EQ(record.cells[0], "2026-11-23");
  EXPECT_EQ(record.json["to"], "2026-11-24T09:00:00+00:00");
}

}  // namespace
}  // namespace gatelog::cli
