#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/executor.h"
#include "core/fleet/fleet.h"
#include "model/event.h"
#include "ports/device_link.h"

namespace gatelog::core {

// One filter of GetLogWithFilter. What is zero or empty matches all; what is set must all match.
struct RecordFilter {
  std::string user_id;
  std::uint32_t start_time = 0;  // inclusive
  std::uint32_t end_time = 0;    // inclusive; 0: none
  std::uint32_t code = 0;
  std::uint32_t tna_key = 0;
};

bool Matches(const RecordFilter& filter, const model::Event& event);

inline constexpr std::size_t kRecordFiltersMax = 32;
inline constexpr std::size_t kImageFiltersMax = 32;

// Reads and changes the logs that devices hold, through their links.
//
// Threads: the loop's thread, replies too, each exactly once. Errors: those of Fleet::Link and of
// ports::DeviceLink.
class LogAccess {
 public:
  struct Options {
    std::chrono::milliseconds timeout{
        20'000};              // of each answer, and of clearing a log; then kDeadlineExceeded
    int clear_attempts = 10;  // when new records come between storing and clearing
  };

  LogAccess(TimedExecutor& loop, Fleet& fleet, Options options);

  // Called with one page after another; false ends the read early. The page may be moved from.
  using OnPage = absl::AnyInvocable<bool(ports::LogPage& page)>;

  // Records with ID >= from in ascending order, `max` of them (0: all there are when the read
  // begins); pages go to on_page, then `done` comes. Undecodable records are left out. A record
  // overwritten meanwhile is skipped.
  void ReadLog(model::DeviceId device, model::EventId from, std::uint32_t max, OnPage on_page,
               ports::Reply<absl::Status> done);

  // Encoded ImageLogs with ID >= from, `max` of them (0: all); as ReadLog.
  using OnImages = absl::AnyInvocable<bool(std::vector<std::string>& images)>;
  void ReadImages(model::DeviceId device, model::EventId from, std::uint32_t max,
                  OnImages on_images, ports::Reply<absl::Status> done);

  // Stores everything first, then clears; repeats when records came in between. kFailedPrecondition
  // if the store cannot take the log: then nothing is cleared.
  void ClearLog(model::DeviceId device, ports::Reply<absl::Status> reply);

  // Called on the loop's thread with each device that ClearLog has cleared and the last ID that was
  // on it; the reply to ClearLog waits for what it replies. Set before the first ClearLog.
  using Cleared = absl::AnyInvocable<void(model::DeviceId device, model::EventId last,
                                          ports::Reply<absl::Status> done)>;
  void OnCleared(Cleared listener) { on_cleared_ = std::move(listener); }

  // Encoded gsdk.event.ImageFilters. Setting on a device without images is kUnimplemented; reading
  // gives none.
  void GetImageFilters(model::DeviceId device,
                       ports::Reply<absl::StatusOr<std::vector<std::string>>> reply);
  void SetImageFilters(model::DeviceId device, std::vector<std::string> filters,
                       ports::Reply<absl::Status> reply);

 private:
  struct LogRead;
  struct ImageRead;
  struct Clearing;

  void NextPage(std::shared_ptr<LogRead> read);
  void NextImages(std::shared_ptr<ImageRead> read);
  void TryClear(std::shared_ptr<Clearing> clearing);
  // The reply to hand to the device's link: it comes within the timeout, and at once when the link
  // is ended.
  template <typename T>
  ports::Reply<T> Timely(model::DeviceId device, ports::Reply<T> reply);

  TimedExecutor& loop_;
  Fleet& fleet_;
  Options options_;
  Cleared on_cleared_;
};

}  // namespace gatelog::core
