#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/executor.h"
#include "core/access/record_filter.h"
#include "core/fleet/fleet.h"
#include "core/query/event_reader.h"
#include "model/event.h"
#include "ports/device_link.h"

namespace gatelog::core {

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

  // All outlive it. The reader's store is the fleet's.
  LogAccess(TimedExecutor& loop, Fleet& fleet, EventReader& reader, Options options);

  // Called with one page after another; false ends the read early. The page may be moved from.
  using OnPage = absl::AnyInvocable<bool(ports::LogPage& page)>;

  // Records with ID >= from in ascending order, `max` of them (0: all there are when the read
  // begins); pages go to on_page, then `done` comes. Undecodable records are left out. A record
  // overwritten meanwhile is skipped.
  void ReadLog(model::DeviceId device, model::EventId from, std::uint32_t max, OnPage on_page,
               ports::Reply<absl::Status> done);

  // Called with the records of one page that pass; false ends the read early.
  using OnRecords = absl::AnyInvocable<bool(std::vector<std::string>& records)>;

  // The records of ReadLog that one of the filters matches, encoded, ascending, `max` of them (0:
  // all). Filters: one at least. Where the store has the device's log whole, as the device shows
  // when it is asked once, the records come from the store, else from the device; they are the
  // same.
  void ReadMatching(model::DeviceId device, model::EventId from, std::uint32_t max,
                    std::vector<RecordFilter> filters, std::stop_token stop, OnRecords on_records,
                    ports::Reply<absl::Status> done);

  // Reads by ReadMatching that the store has answered, but for what it had not yet.
  std::uint64_t answered_from_store() const { return answered_from_store_; }

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
  struct MatchingRead;
  struct ImageRead;
  struct Clearing;

  void NextPage(std::shared_ptr<LogRead> read);
  void ReadFromStore(std::shared_ptr<MatchingRead> read, const StoredLog& stored,
                     const ports::LogPage& shown);
  void NextStored(std::shared_ptr<MatchingRead> read);
  void OnStored(std::shared_ptr<MatchingRead> read,
                absl::StatusOr<std::vector<std::string>> records);
  void ReadFromDevice(std::shared_ptr<MatchingRead> read);
  void NextImages(std::shared_ptr<ImageRead> read);
  void TryClear(std::shared_ptr<Clearing> clearing);
  // The reply to hand to the device's link: it comes within the timeout, and at once when the link
  // is ended.
  template <typename T>
  ports::Reply<T> Timely(model::DeviceId device, ports::Reply<T> reply);

  TimedExecutor& loop_;
  Fleet& fleet_;
  EventReader& reader_;
  Options options_;
  std::uint64_t answered_from_store_ = 0;
  Cleared on_cleared_;
};

}  // namespace gatelog::core
