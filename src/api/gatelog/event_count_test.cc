#include "api/gatelog/event_count.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gatelog::api {
namespace {

namespace v1 = gatelog::v1;
using core::TallyQuery;
using ::testing::HasSubstr;

v1::CountRequest By(const std::vector<v1::CountBy>& kinds, const std::string& zone = "") {
  v1::CountRequest request;
  for (const v1::CountBy kind : kinds) request.add_by(kind);
  request.set_time_zone(zone);
  return request;
}

std::string Refusal(const v1::CountRequest& request) {
  const absl::Status status = ToTallyQuery(request).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << request.ShortDebugString();
  return std::string(status.message());
}

TEST(EventCount, MapsWhatIsCountedBy) {
  const auto query =
      ToTallyQuery(By({v1::COUNT_BY_CODE, v1::COUNT_BY_SUB_CODE, v1::COUNT_BY_CATEGORY,
                       v1::COUNT_BY_DEVICE, v1::COUNT_BY_USER, v1::COUNT_BY_DOOR, v1::COUNT_BY_DAY},
                      "Europe/Berlin"));
  ASSERT_TRUE(query.ok()) << query.status();
  EXPECT_TRUE(query->by_code && query->by_sub_code && query->by_category && query->by_device &&
              query->by_user && query->by_door);
  EXPECT_EQ(query->by_span, TallyQuery::Span::kDay);
  EXPECT_EQ(query->zone.name(), "Europe/Berlin");
  const auto nothing = ToTallyQuery(By({}));
  ASSERT_TRUE(nothing.ok()) << nothing.status();
  EXPECT_FALSE(nothing->by_code || nothing->by_user);
  EXPECT_EQ(nothing->by_span, TallyQuery::Span::kNone);
}

TEST(EventCount, RefusesWhatCannotBeMeant) {
  EXPECT_THAT(Refusal(By({v1::COUNT_BY_CODE, v1::COUNT_BY_CODE})), HasSubstr("twice"));
  EXPECT_THAT(Refusal(By({v1::COUNT_BY_HOUR, v1::COUNT_BY_DAY})), HasSubstr("not by both"));
  EXPECT_THAT(Refusal(By({v1::COUNT_BY_SUB_CODE})), HasSubstr("COUNT_BY_CODE"));
  EXPECT_THAT(Refusal(By({v1::COUNT_BY_UNSPECIFIED})), HasSubstr("0 is nothing"));
  EXPECT_THAT(Refusal(By({static_cast<v1::CountBy>(99)})), HasSubstr("99 is nothing"));
  v1::CountRequest filtered = By({});
  filtered.mutable_filter()->add_tna_keys(17);
  EXPECT_THAT(Refusal(filtered), HasSubstr("T&A key"));
}

// A name is looked up in the system's zones and nowhere else.
TEST(EventCount, RefusesZonesThatAreNone) {
  for (const char* name : {"Europe", "Europe/Nowhere", "/etc/localtime", "../../../etc/passwd",
                           "Europe/../Europe/Berlin", "file:/etc/localtime", "libc:localtime",
                           "Fixed/UTC+05:00:00", "zone1970.tab"}) {
    EXPECT_THAT(Refusal(By({}, name)), HasSubstr("time zone")) << name;
  }
  EXPECT_THAT(Refusal(By({}, std::string(1'000'000, 'a'))), HasSubstr("time zone"));
  EXPECT_TRUE(ToTallyQuery(By({}, "UTC")).ok());
  EXPECT_TRUE(ToTallyQuery(By({}, "Etc/GMT+5")).ok());
}

TEST(EventCount, RowsAreTheContracts) {
  const auto response = ToCountResponse({{.from_s = 1,
                                          .to_s = 2,
                                          .code = 3,
                                          .sub_code = 4,
                                          .category = "Door",
                                          .device = 5,
                                          .user_id = "anna",
                                          .door = 6,
                                          .events = 7}});
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->rows(0).ShortDebugString(),
            "from_s: 1 to_s: 2 event_code: 3 sub_code: 4 category: \"Door\" device_id: 5 "
            "user_id: \"anna\" door_id: 6 events: 7");
}

TEST(EventCount, MoreThanClientsReceiveIsRefused) {
  const std::vector<core::TallyRow> rows(50'000, {.user_id = std::string(100, 'u'), .events = 1});
  EXPECT_EQ(ToCountResponse(rows).status().code(), absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace gatelog::api
