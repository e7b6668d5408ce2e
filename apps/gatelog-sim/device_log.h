#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "apps/gatelog-sim/log_database.h"
#include "terminal/v1/link.pb.h"

namespace gatelog::sim {

// One terminal's log: a ring of records with a counter that only grows, and a smaller ring of
// images.
//
// The thread of the database owns it. Create, Append, DropImages, PutImage, Seal, Clear and Reset
// belong inside LogDatabase::InTransaction; when that fails, call Reload, which goes back to what
// is in the file. Errors are those of LogDatabase.
class DeviceLog {
 public:
  struct Limits {
    std::uint32_t records = 50'000;
    std::uint32_t images = 5'000;
  };

  DeviceLog(LogDatabase& database, std::uint32_t device, Limits limits);

  // Takes up the log in the file. False: the device has none yet, and Create must follow.
  absl::StatusOr<bool> Reload();
  // An empty log whose first record gets `next_id`.
  absl::Status Create(std::uint64_t generation, std::uint32_t next_id,
                      std::string_view image_filters);

  std::uint32_t next_id() const { return row_.next_id; }
  std::uint32_t last_id() const { return row_.next_id - 1; }
  std::uint64_t images() const { return row_.images; }
  bool empty() const { return first_ == row_.next_id; }
  terminal::v1::LogStatus status() const;

  std::int64_t clock_offset_ms() const { return row_.clock_offset_ms; }
  void set_clock_offset_ms(std::int64_t offset) { row_.clock_offset_ms = offset; }
  const std::string& image_filters() const { return row_.image_filters; }
  void set_image_filters(std::string filters) { row_.image_filters = std::move(filters); }

  // Adds the record under next_id(), and the image if there is one. kResourceExhausted when the
  // counter has reached its end.
  absl::Status Append(std::string_view record, std::string_view image);
  // The records stay.
  absl::Status DropImages(std::uint32_t first, std::uint32_t last);
  // In the place of what is there.
  absl::Status PutImage(std::uint32_t id, std::string_view image);
  // Drops what no longer fits and writes the state. Once for all changes of a transaction.
  absl::Status Seal();
  // No records and images any more; the counter goes on.
  absl::Status Clear();
  // As Clear, but the counter starts again from 1 under a new generation.
  absl::Status Reset(std::uint64_t generation);

  absl::Status VisitRecords(std::uint32_t from, LogDatabase::Visitor visitor);
  absl::Status VisitImages(std::uint32_t from, LogDatabase::Visitor visitor);

 private:
  LogDatabase& database_;
  const Limits limits_;
  DeviceRow row_;
  std::uint32_t first_ = 1;  // equal to next_id when the log is empty
};

}  // namespace gatelog::sim
