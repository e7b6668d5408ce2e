#include "api/gatelog/event_filter.h"

#include <gtest/gtest.h>

namespace gatelog::api {
namespace {

absl::StatusCode CodeOf(const v1::Filter& filter) { return ToEventFilter(filter).status().code(); }

TEST(EventFilter, MapsEveryField) {
  v1::Filter filter;
  filter.add_log_device_ids(1);
  filter.add_device_ids(2);
  filter.add_user_ids("anna");
  filter.add_event_codes(0x1300);
  filter.set_from_s(100);
  filter.set_to_s(200);
  const ports::EventFilter expected{.log_devices = {1},
                                    .devices = {2},
                                    .users = {"anna"},
                                    .codes = {0x1300},
                                    .epoch = std::nullopt,
                                    .first_id = 0,
                                    .last_id = 0,
                                    .from_s = 100,
                                    .to_s = 200};
  EXPECT_EQ(*ToEventFilter(filter), expected);
  EXPECT_EQ(*ToEventFilter(v1::Filter()), ports::EventFilter());
}

TEST(EventFilter, RefusesWhatCannotBeMeant) {
  v1::Filter backwards;
  backwards.set_from_s(200);
  backwards.set_to_s(200);
  EXPECT_EQ(CodeOf(backwards), absl::StatusCode::kInvalidArgument);
  v1::Filter negative;
  negative.set_from_s(-1);
  EXPECT_EQ(CodeOf(negative), absl::StatusCode::kInvalidArgument);
  v1::Filter code;
  code.add_event_codes(0x10000);
  EXPECT_EQ(CodeOf(code), absl::StatusCode::kInvalidArgument);
  v1::Filter user;
  user.add_user_ids(std::string(kFilterUserSizeMax + 1, 'x'));
  EXPECT_EQ(CodeOf(user), absl::StatusCode::kInvalidArgument);
  v1::Filter many;
  for (int i = 0; i <= kFilterValuesMax; ++i) many.add_device_ids(1);
  EXPECT_EQ(CodeOf(many), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace gatelog::api
