#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "apps/gatelog-sim/image_maker.h"
#include "apps/gatelog-sim/log_database.h"
#include "apps/gatelog-sim/services/terminal_services.h"
#include "apps/gatelog-sim/sim_test_support.h"
#include "apps/gatelog-sim/site.h"
#include "apps/gatelog-sim/terminal.h"

namespace gatelog::sim {

// One terminal over a file, with a clock that the test sets, without fleet and link.
class ServiceTest : public ::testing::Test {
 protected:
  // Four doors, no slave; the next one has a slave and two doors.
  static constexpr std::uint32_t kDevice = 541000001;
  static constexpr std::int64_t kStart = 1'700'000'000;  // Tuesday, 2023-11-14 22:13:20 UTC

  void SetUp() override {
    settings_.device_id = kDevice;
    settings_.images = true;
    settings_.make_call_server = MakeTerminalServices;
    Restart();
  }

  // As after a restart of the simulator.
  void Restart() {
    terminal_.reset();
    database_.reset();
    auto database = LogDatabase::Open(folder_.path());
    ASSERT_TRUE(database.ok()) << database.status();
    database_ = *std::move(database);
    terminal_ = std::make_unique<Terminal>(settings_, *database_, clock_, images_, people_);
    const absl::StatusOr<bool> there = terminal_->Load();
    ASSERT_TRUE(there.ok()) << there.status();
    if (*there) return;
    const absl::Status made = database_->InTransaction([&] { return terminal_->Create(1); });
    ASSERT_TRUE(made.ok()) << made;
  }

  // Fills in the device where the request names none.
  template <typename Response, typename Request>
  absl::StatusOr<Response> Call(std::string_view method, Request request) {
    if (request.deviceid() == 0) request.set_deviceid(settings_.device_id);
    absl::StatusOr<std::string> bytes = terminal_->Call(method, request.SerializeAsString());
    if (!bytes.ok()) return bytes.status();
    Response response;
    EXPECT_TRUE(response.ParseFromString(*bytes));
    return response;
  }

  // What was written since this was last asked.
  std::vector<EventLog> NewRecords() {
    std::vector<EventLog> records;
    EXPECT_TRUE(terminal_->log()
                    .VisitRecords(seen_ + 1,
                                  [&](std::uint32_t id, std::string_view payload) {
                                    seen_ = id;
                                    EventLog event;
                                    EXPECT_TRUE(event.ParseFromArray(
                                        payload.data(), static_cast<int>(payload.size())));
                                    records.push_back(std::move(event));
                                    return true;
                                  })
                    .ok());
    return records;
  }
  std::vector<std::uint32_t> NewCodes() {
    std::vector<std::uint32_t> codes;
    for (const EventLog& event : NewRecords()) codes.push_back(event.eventcode());
    return codes;
  }
  // After a reset, which gives IDs anew.
  void ForgetRecords() { seen_ = 0; }

  // What life brings, so many records of it.
  std::vector<EventLog> Live(int count) {
    NewRecords();
    const absl::Status lived = terminal_->Change([&] {
      absl::Status status;
      for (int i = 0; i < count && status.ok(); ++i) status = terminal_->StageNext();
      return status;
    });
    EXPECT_TRUE(lived.ok()) << lived;
    return NewRecords();
  }

  class SettableClock final : public Clock {
   public:
    Timestamp Now() const override { return Timestamp(std::chrono::milliseconds(now_s * 1000)); }
    std::chrono::steady_clock::time_point Steady() const override { return {}; }

    std::int64_t now_s = kStart;
  };

  TemporaryFolder folder_;
  SettableClock clock_;
  ImageMaker images_{1};
  const std::vector<Person> people_ = MakePeople(1);
  Terminal::Settings settings_;
  std::unique_ptr<LogDatabase> database_;
  std::unique_ptr<Terminal> terminal_;

 private:
  std::uint32_t seen_ = 0;
};

}  // namespace gatelog::sim
