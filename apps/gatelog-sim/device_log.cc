#include "apps/gatelog-sim/device_log.h"

#include <limits>

#include "base/status_macros.h"

namespace gatelog::sim {
namespace {

constexpr std::uint64_t kAboveEveryId = std::uint64_t{1} << 32;

}  // namespace

DeviceLog::DeviceLog(LogDatabase& database, std::uint32_t device, Limits limits)
    : database_(database), limits_(limits) {
  row_.device = device;
}

absl::StatusOr<bool> DeviceLog::Reload() {
  GATELOG_ASSIGN_OR_RETURN(const std::optional<DeviceRow> row, database_.FindDevice(row_.device));
  if (!row.has_value()) return false;
  row_ = *row;
  first_ = row_.first_id == 0 ? row_.next_id : row_.first_id;
  return true;
}

absl::Status DeviceLog::Create(std::uint64_t generation, std::uint32_t next_id,
                               std::string_view image_filters) {
  row_.generation = generation;
  row_.next_id = next_id;
  row_.image_filters = image_filters;
  first_ = next_id;
  return Seal();
}

terminal::v1::LogStatus DeviceLog::status() const {
  terminal::v1::LogStatus status;
  status.set_first_id(empty() ? 0 : first_);
  status.set_last_id(last_id());
  status.set_generation(row_.generation);
  return status;
}

absl::Status DeviceLog::Append(std::string_view record, std::string_view image) {
  if (row_.next_id == std::numeric_limits<std::uint32_t>::max()) {
    return absl::ResourceExhaustedError("the terminal has used up its record IDs; reset it");
  }
  GATELOG_RETURN_IF_ERROR(database_.InsertRecord(row_.device, row_.next_id, record));
  if (!image.empty()) {
    GATELOG_RETURN_IF_ERROR(database_.InsertImage(row_.device, row_.next_id, image));
    ++row_.images;
  }
  ++row_.next_id;
  return absl::OkStatus();
}

absl::Status DeviceLog::DropImages(std::uint32_t first, std::uint32_t last) {
  GATELOG_ASSIGN_OR_RETURN(const std::uint64_t gone,
                           database_.DeleteImages(row_.device, first, last));
  row_.images -= gone;
  return absl::OkStatus();
}

absl::Status DeviceLog::PutImage(std::uint32_t id, std::string_view image) {
  GATELOG_RETURN_IF_ERROR(DropImages(id, id));
  GATELOG_RETURN_IF_ERROR(database_.InsertImage(row_.device, id, image));
  ++row_.images;
  return absl::OkStatus();
}

absl::Status DeviceLog::Seal() {
  if (row_.next_id - first_ > limits_.records) {
    first_ = row_.next_id - limits_.records;
    GATELOG_RETURN_IF_ERROR(database_.DeleteRecordsBelow(row_.device, first_));
    if (row_.images > 0) {
      // An image whose record is gone can no longer be told from another: it goes too.
      GATELOG_ASSIGN_OR_RETURN(const std::uint64_t gone,
                               database_.DeleteImagesBelow(row_.device, first_));
      row_.images -= gone;
    }
  }
  if (row_.images > limits_.images) {
    GATELOG_ASSIGN_OR_RETURN(
        const std::uint64_t gone,
        database_.DeleteOldestImages(row_.device, row_.images - limits_.images));
    row_.images -= gone;
  }
  row_.first_id = empty() ? 0 : first_;
  return database_.SaveDevice(row_);
}

absl::Status DeviceLog::Clear() {
  GATELOG_RETURN_IF_ERROR(database_.DeleteRecordsBelow(row_.device, kAboveEveryId));
  GATELOG_RETURN_IF_ERROR(database_.DeleteImagesBelow(row_.device, kAboveEveryId).status());
  row_.images = 0;
  first_ = row_.next_id;
  return Seal();
}

absl::Status DeviceLog::Reset(std::uint64_t generation) {
  row_.next_id = 1;
  row_.generation = generation;
  return Clear();
}

absl::Status DeviceLog::VisitRecords(std::uint32_t from, LogDatabase::Visitor visitor) {
  return database_.VisitRecords(row_.device, from, visitor);
}

absl::Status DeviceLog::VisitImages(std::uint32_t from, LogDatabase::Visitor visitor) {
  return database_.VisitImages(row_.device, from, visitor);
}

}  // namespace gatelog::sim
