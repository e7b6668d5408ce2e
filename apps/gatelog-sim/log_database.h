#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "apps/gatelog-sim/setting_store.h"

struct sqlite3;
struct sqlite3_stmt;

// The logs of all virtual terminals, in one SQLite file DIR/sim.db (WAL). Other programs may read
// it at any time, for instance to compare what a gateway stored with what the terminals held:
//
//   device  one row for each terminal that ever had a log
//     device           INTEGER PRIMARY KEY  its ID
//     generation       INTEGER  of its counter, as a signed 64-bit number; never 0
//     first_id         INTEGER  ID of the oldest record held; 0: the log is empty
//     next_id          INTEGER  ID that the next record gets; next_id - 1 was given out last
//     images           INTEGER  how many rows the terminal has in `image`
//     clock_offset_ms  INTEGER  what the terminal's clock shows, less the time of this host
//     image_filters    BLOB     an encoded gsdk.event.SetImageFilterRequest; empty: never had a
//     camera
//   record  the records held, without holes from first_id to next_id - 1
//     device, id       INTEGER, PRIMARY KEY (device, id)
//     payload          BLOB     an encoded gsdk.event.EventLog, exactly as it is sent
//   image   the images held; the record of the same ID has hasImage set
//     device, id       INTEGER, UNIQUE (device, id)
//     payload          BLOB     an encoded gsdk.event.ImageLog, exactly as it is sent
//   setting  what was set on a terminal; what is not there has its default
//     device, name     INTEGER, TEXT, PRIMARY KEY (device, name)
//     area             INTEGER  which resets take it: SettingStore::Area
//     value            BLOB     an encoded message, which one depends on the name
//   user     the users of a terminal, as far as they are not the site's people as all know them
//     device, id       INTEGER, TEXT, PRIMARY KEY (device, id)
//     value            BLOB     an encoded gsdk.user.UserInfo; empty: one of the site's people who
//     is not enrolled here any more
//
// PRAGMA user_version counts the changes of this layout. A file of an earlier version is brought up
// to this one when it is opened: 1 had neither `setting` nor `user`.
//
// A row is there before the terminal tells anybody of it.
namespace gatelog::sim {

struct DeviceRow {
  std::uint32_t device = 0;
  std::uint64_t generation = 0;
  std::uint32_t first_id = 0;
  std::uint32_t next_id = 1;
  std::uint64_t images = 0;
  std::int64_t clock_offset_ms = 0;
  std::string image_filters;
};

// One thread owns it. Calls block for as long as the file system takes. Errors: kFailedPrecondition
// from Open says what is wrong with the folder or file; kDataLoss for anything that SQLite reports
// later.
class LogDatabase {
 public:
  // Makes the folder and the file if they are not there, and keeps other simulators out while it is
  // open.
  static absl::StatusOr<std::unique_ptr<LogDatabase>> Open(const std::filesystem::path& folder);
  ~LogDatabase();
  LogDatabase(const LogDatabase&) = delete;
  LogDatabase& operator=(const LogDatabase&) = delete;

  // Runs `work` between BEGIN and COMMIT; rolls back and returns the error if it, or the commit,
  // fails. Not nested.
  absl::Status InTransaction(absl::FunctionRef<absl::Status()> work);

  absl::StatusOr<std::optional<DeviceRow>> FindDevice(std::uint32_t device);
  absl::Status SaveDevice(const DeviceRow& row);

  absl::Status InsertRecord(std::uint32_t device, std::uint32_t id, std::string_view payload);
  absl::Status DeleteRecordsBelow(std::uint32_t device, std::uint64_t id);

  absl::Status InsertImage(std::uint32_t device, std::uint32_t id, std::string_view payload);
  // All three return how many went. `last` is inclusive.
  absl::StatusOr<std::uint64_t> DeleteImages(std::uint32_t device, std::uint32_t first,
                                             std::uint32_t last);
  absl::StatusOr<std::uint64_t> DeleteImagesBelow(std::uint32_t device, std::uint64_t id);
  absl::StatusOr<std::uint64_t> DeleteOldestImages(std::uint32_t device, std::uint64_t count);

  // Shows rows with ID >= from in ascending order until the visitor returns false.
  using Visitor = absl::FunctionRef<bool(std::uint32_t id, std::string_view payload)>;
  absl::Status VisitRecords(std::uint32_t device, std::uint32_t from, Visitor visitor);
  absl::Status VisitImages(std::uint32_t device, std::uint32_t from, Visitor visitor);

  SettingStore& settings() { return *settings_; }

 private:
  enum StatementId : std::size_t {
    kBegin,
    kCommit,
    kRollback,
    kFindDevice,
    kSaveDevice,
    kInsertRecord,
    kDeleteRecords,
    kVisitRecords,
    kInsertImage,
    kDeleteImages,
    kDeleteImageRange,
    kDeleteOldestImages,
    kVisitImages,
    kStatementCount,
  };

  LogDatabase() = default;
  absl::Status OpenFile(const std::filesystem::path& file);
  absl::Status Prepare();
  absl::Status Execute(const char* sql);
  absl::Status Error(std::string_view doing) const;
  // Steps a statement that returns no rows, and resets it.
  absl::Status Run(StatementId id);
  absl::Status Insert(StatementId id, std::uint32_t device, std::uint32_t record,
                      std::string_view payload);
  absl::Status Visit(StatementId id, std::uint32_t device, std::uint32_t from, Visitor visitor);

  int lock_ = -1;
  sqlite3* database_ = nullptr;
  sqlite3_stmt* statements_[kStatementCount] = {};
  std::unique_ptr<SettingStore> settings_;
};

}  // namespace gatelog::sim
