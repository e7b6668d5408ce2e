#include "apps/gatelog-sim/services/schedule_service.h"

#include <gmock/gmock.h>

#include "apps/gatelog-sim/services/service_test_support.h"
#include "gsdk/event.pb.h"
#include "gsdk/time.pb.h"

namespace gatelog::sim {
namespace {

namespace schedule = gsdk::schedule;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::uint32_t kDenied = 0x1900;
constexpr std::int64_t kHour = 3600;
constexpr std::int64_t kMonday = 1'704'067'200;  // 2024-01-01 00:00 UTC

// Nine to five on weekdays.
schedule::ScheduleInfo OfficeHours(std::uint32_t id) {
  schedule::ScheduleInfo info;
  info.set_id(id);
  for (int day = 0; day < 7; ++day) {
    schedule::DaySchedule& one = *info.mutable_weekly()->add_dayschedules();
    if (day == schedule::SUNDAY || day == schedule::SATURDAY) continue;
    one.add_periods()->set_starttime(9 * 60);
    one.mutable_periods(0)->set_endtime(17 * 60);
  }
  return info;
}

class ScheduleServiceTest : public ServiceTest {
 protected:
  absl::Status Add(const std::vector<schedule::ScheduleInfo>& schedules) {
    schedule::AddRequest request;
    for (const schedule::ScheduleInfo& one : schedules) *request.add_schedules() = one;
    return Call<schedule::AddResponse>("gsdk.schedule.Schedule/Add", request).status();
  }
  absl::Status Delete(const std::vector<std::uint32_t>& ids) {
    schedule::DeleteRequest request;
    for (const std::uint32_t id : ids) request.add_scheduleids(id);
    return Call<schedule::DeleteResponse>("gsdk.schedule.Schedule/Delete", request).status();
  }
  absl::Status AddHolidays(const std::vector<schedule::HolidayGroup>& groups) {
    schedule::AddHolidayRequest request;
    for (const schedule::HolidayGroup& one : groups) *request.add_groups() = one;
    return Call<schedule::AddHolidayResponse>("gsdk.schedule.Schedule/AddHoliday", request)
        .status();
  }
  std::vector<std::uint32_t> List() {
    const auto list = Call<schedule::GetListResponse>("gsdk.schedule.Schedule/GetList",
                                                      schedule::GetListRequest());
    EXPECT_TRUE(list.ok()) << list.status();
    std::vector<std::uint32_t> ids;
    if (list.ok()) {
      for (const schedule::ScheduleInfo& one : list->schedules()) ids.push_back(one.id());
    }
    return ids;
  }
  std::vector<std::uint32_t> ListHolidays() {
    const auto list = Call<schedule::GetHolidayListResponse>(
        "gsdk.schedule.Schedule/GetHolidayList", schedule::GetHolidayListRequest());
    EXPECT_TRUE(list.ok()) << list.status();
    std::vector<std::uint32_t> ids;
    if (list.ok()) {
      for (const schedule::HolidayGroup& one : list->groups()) ids.push_back(one.id());
    }
    return ids;
  }
  absl::Status SetFilter(std::uint32_t schedule_id) {
    gsdk::event::ImageFilter filter;
    filter.set_eventcode(kDenied);
    filter.set_scheduleid(schedule_id);
    terminal::v1::SetImageFilters request;
    request.add_filters(filter.SerializeAsString());
    return terminal_->SetImageFilters(request);
  }
  bool HasImageAt(std::int64_t utc_s) {
    clock_.now_s = utc_s;
    EventLog event;
    event.set_eventcode(kDenied);
    EXPECT_TRUE(terminal_->Record(event).ok());
    return NewRecords().back().hasimage();
  }
};

TEST_F(ScheduleServiceTest, SchedulesAreListedReplacedAndKept) {
  EXPECT_THAT(List(), ElementsAre());
  ASSERT_TRUE(Add({OfficeHours(9), OfficeHours(2)}).ok());
  EXPECT_THAT(List(), ElementsAre(2, 9));
  schedule::ScheduleInfo renamed = OfficeHours(9);
  renamed.set_name("Nine");
  ASSERT_TRUE(Add({renamed}).ok());
  Restart();
  EXPECT_THAT(List(), ElementsAre(2, 9));
  const auto list =
      Call<schedule::GetListResponse>("gsdk.schedule.Schedule/GetList", schedule::GetListRequest());
  EXPECT_EQ(list->schedules(1).name(), "Nine");
  EXPECT_EQ(list->schedules(1).weekly().dayschedules_size(), 7);
  // Nothing of it is an event.
  EXPECT_THAT(NewCodes(), ElementsAre());
  ASSERT_TRUE(Delete({9, 9}).ok());
  EXPECT_THAT(List(), ElementsAre(2));
  ASSERT_TRUE(Call<schedule::DeleteAllResponse>("gsdk.schedule.Schedule/DeleteAll",
                                                schedule::DeleteAllRequest())
                  .ok());
  EXPECT_THAT(List(), ElementsAre());
}

TEST_F(ScheduleServiceTest, ACallDoesAllOrNothing) {
  schedule::ScheduleInfo wrong = OfficeHours(3);
  wrong.mutable_weekly()->add_dayschedules();
  EXPECT_EQ(Add({OfficeHours(2), wrong}).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Add({OfficeHours(2), OfficeHours(2)}).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(List(), ElementsAre());
  ASSERT_TRUE(Add({OfficeHours(2)}).ok());
  EXPECT_EQ(Delete({2, 4}).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Delete({2, 1}).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Delete({0}).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(List(), ElementsAre(2));
}

TEST_F(ScheduleServiceTest, ATerminalHasRoomForSoManyOnly) {
  std::vector<schedule::ScheduleInfo> schedules;
  for (std::uint32_t id = 2; id < 130; ++id) schedules.push_back(OfficeHours(id));
  ASSERT_TRUE(Add(schedules).ok());
  EXPECT_TRUE(Add({OfficeHours(2)}).ok());
  EXPECT_EQ(Add({OfficeHours(200)}).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(List().size(), 128u);

  std::vector<schedule::HolidayGroup> groups(128);
  for (std::uint32_t i = 0; i < groups.size(); ++i) groups[i].set_id(i + 1);
  ASSERT_TRUE(AddHolidays(groups).ok());
  groups.resize(1);
  groups[0].set_id(129);
  EXPECT_EQ(AddHolidays(groups).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ListHolidays().size(), 128u);
}

TEST_F(ScheduleServiceTest, HolidayGroupsAreListedAndDeleted) {
  std::vector<schedule::HolidayGroup> groups(2);
  groups[0].set_id(4);
  groups[1].set_id(1);
  ASSERT_TRUE(AddHolidays(groups).ok());
  Restart();
  EXPECT_THAT(ListHolidays(), ElementsAre(1, 4));
  schedule::DeleteHolidayRequest request;
  request.add_groupids(2);
  EXPECT_EQ(Call<schedule::DeleteHolidayResponse>("gsdk.schedule.Schedule/DeleteHoliday", request)
                .status()
                .code(),
            absl::StatusCode::kNotFound);
  request.set_groupids(0, 1);
  EXPECT_TRUE(
      Call<schedule::DeleteHolidayResponse>("gsdk.schedule.Schedule/DeleteHoliday", request).ok());
  EXPECT_THAT(ListHolidays(), ElementsAre(4));
  EXPECT_TRUE(Call<schedule::DeleteAllHolidayResponse>("gsdk.schedule.Schedule/DeleteAllHoliday",
                                                       schedule::DeleteAllHolidayRequest())
                  .ok());
  EXPECT_THAT(ListHolidays(), ElementsAre());
}

TEST_F(ScheduleServiceTest, AFilterNamesAScheduleThatIsThere) {
  const absl::Status unknown = SetFilter(2);
  EXPECT_EQ(unknown.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(unknown.message()), HasSubstr("no schedule 2"));
  ASSERT_TRUE(Add({OfficeHours(2), OfficeHours(3)}).ok());
  ASSERT_TRUE(SetFilter(2).ok());
  EXPECT_EQ(Delete({2}).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Call<schedule::DeleteAllResponse>("gsdk.schedule.Schedule/DeleteAll",
                                              schedule::DeleteAllRequest())
                .status()
                .code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(List(), ElementsAre(2, 3));
  EXPECT_TRUE(Delete({3}).ok());
  ASSERT_TRUE(SetFilter(1).ok());
  EXPECT_TRUE(Delete({2}).ok());
}

TEST_F(ScheduleServiceTest, ImagesAreTakenWhileTheScheduleHoldsByTheTerminalsOwnTime) {
  ASSERT_TRUE(Add({OfficeHours(2)}).ok());
  ASSERT_TRUE(SetFilter(2).ok());
  EXPECT_FALSE(HasImageAt(kMonday + 8 * kHour));
  EXPECT_TRUE(HasImageAt(kMonday + 9 * kHour));
  EXPECT_FALSE(HasImageAt(kMonday + 17 * kHour));
  EXPECT_FALSE(HasImageAt(kMonday - 12 * kHour));  // Sunday

  gsdk::time::SetConfigRequest zone;
  zone.mutable_config()->set_timezone(static_cast<std::int32_t>(9 * kHour));
  ASSERT_TRUE(Call<gsdk::time::SetConfigResponse>("gsdk.time.Time/SetConfig", zone).ok());
  EXPECT_TRUE(HasImageAt(kMonday));  // nine o'clock there
  EXPECT_FALSE(HasImageAt(kMonday + 8 * kHour));
  Restart();
  EXPECT_TRUE(HasImageAt(kMonday));
  EXPECT_FALSE(HasImageAt(kMonday + 8 * kHour));

  // A change of the schedule counts at once, as does a holiday.
  schedule::ScheduleInfo office = OfficeHours(2);
  office.add_holidays()->set_groupid(1);
  ASSERT_TRUE(Add({office}).ok());
  EXPECT_TRUE(HasImageAt(kMonday));
  std::vector<schedule::HolidayGroup> groups(1);
  groups[0].set_id(1);
  groups[0].add_holidays()->set_recurrence(schedule::RECUR_YEARLY);  // January 1st
  ASSERT_TRUE(AddHolidays(groups).ok());
  EXPECT_FALSE(HasImageAt(kMonday));
  EXPECT_TRUE(HasImageAt(kMonday + 24 * kHour));

  ASSERT_TRUE(SetFilter(0).ok());
  EXPECT_FALSE(HasImageAt(kMonday + 24 * kHour));
  ASSERT_TRUE(SetFilter(1).ok());
  EXPECT_TRUE(HasImageAt(kMonday + 20 * kHour));
}

TEST_F(ScheduleServiceTest, DaylightSavingMovesTheSchedule) {
  ASSERT_TRUE(Add({OfficeHours(2)}).ok());
  ASSERT_TRUE(SetFilter(2).ok());
  gsdk::time::SetDSTConfigRequest dst;
  gsdk::time::DSTSchedule& one = *dst.mutable_config()->add_schedules();
  one.mutable_starttime()->set_month(gsdk::time::MONTH_MARCH);
  one.mutable_starttime()->set_ordinal(gsdk::time::ORDINAL_LAST);
  one.mutable_endtime()->set_month(gsdk::time::MONTH_OCTOBER);
  one.mutable_endtime()->set_ordinal(gsdk::time::ORDINAL_LAST);
  one.set_timeoffset(static_cast<std::int32_t>(kHour));
  ASSERT_TRUE(Call<gsdk::time::SetDSTConfigResponse>("gsdk.time.Time/SetDSTConfig", dst).ok());
  constexpr std::int64_t kJuly = kMonday + 182 * 24 * kHour;  // Monday, July 1st
  EXPECT_TRUE(HasImageAt(kJuly + 8 * kHour));
  EXPECT_FALSE(HasImageAt(kJuly + 16 * kHour));
  EXPECT_FALSE(HasImageAt(kMonday + 8 * kHour));
}

TEST_F(ScheduleServiceTest, OtherDevicesAndOtherMethodsAreRefused) {
  schedule::GetListRequest request;
  request.set_deviceid(kDevice + 5);
  EXPECT_EQ(
      Call<schedule::GetListResponse>("gsdk.schedule.Schedule/GetList", request).status().code(),
      absl::StatusCode::kNotFound);
  for (const char* method :
       {"gsdk.schedule.Schedule/AddMulti", "gsdk.schedule.Schedule/", "gsdk.lift.Lift/GetList"}) {
    EXPECT_EQ(terminal_->Call(method, "").status().code(), absl::StatusCode::kUnimplemented)
        << method;
  }
  EXPECT_EQ(terminal_->Call("GetList", "").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(terminal_->Call("gsdk.schedule.Schedule/GetList", "\xFF").status().code(),
            absl::StatusCode::kInvalidArgument);
  // The next device has a slave.
  settings_.device_id = kDevice + 1;
  Restart();
  ASSERT_EQ(terminal_->place().slaves.size(), 1u);
  request.set_deviceid(terminal_->place().slaves[0]);
  EXPECT_EQ(
      Call<schedule::GetListResponse>("gsdk.schedule.Schedule/GetList", request).status().code(),
      absl::StatusCode::kUnimplemented);
}

}  // namespace
}  // namespace gatelog::sim
