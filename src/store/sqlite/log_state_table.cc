#include "store/sqlite/log_state_table.h"

#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace gatelog::store {
namespace {

// An anchor is stored as its ID and fingerprint, little-endian.
constexpr std::size_t kIdBytes = 4;
constexpr std::size_t kFingerprintBytes = 8;
constexpr std::size_t kAnchorBytes = kIdBytes + kFingerprintBytes;

constexpr std::string_view kStateColumns =
    "log_device, epoch, epoch_first, generation, next, image_next, anchors";

void AppendNumber(std::uint64_t number, std::size_t bytes, std::string& out) {
  for (std::size_t i = 0; i < bytes; ++i)
    out.push_back(static_cast<char>((number >> (8 * i)) & 0xFF));
}

std::uint64_t TakeNumber(std::string_view bytes) {
  std::uint64_t number = 0;
  for (std::size_t i = bytes.size(); i > 0; --i) {
    number = (number << 8) | static_cast<unsigned char>(bytes[i - 1]);
  }
  return number;
}

absl::StatusOr<ports::LogState> StateOfRow(Database& database, const Statement& row) {
  ports::LogState state;
  state.log_device = static_cast<model::DeviceId>(row.Integer(0));
  state.epoch = static_cast<model::Epoch>(row.Integer(1));
  state.epoch_first = static_cast<model::EventId>(row.Integer(2));
  state.generation = static_cast<model::Generation>(row.Integer(3));
  state.next = static_cast<model::EventId>(row.Integer(4));
  state.image_next = static_cast<model::EventId>(row.Integer(5));
  const std::string_view anchors = row.Bytes(6);
  if (anchors.size() % kAnchorBytes != 0) {
    return absl::DataLossError(absl::StrCat(database.path(), " is damaged (anchors of log device ",
                                            state.log_device,
                                            "); keep a copy of it and restore a backup."));
  }
  state.anchors = DecodeAnchors(anchors);
  return state;
}

// Appends the past epochs of the states, which are in the order of their log devices, as the rows
// are.
absl::Status TakePastEpochs(Statement& select, std::span<ports::LogState> states) {
  auto state = states.begin();
  while (true) {
    GATELOG_ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) return absl::OkStatus();
    const auto log_device = static_cast<model::DeviceId>(select.Integer(0));
    while (state != states.end() && state->log_device < log_device) ++state;
    if (state == states.end()) return absl::OkStatus();
    if (state->log_device != log_device) continue;
    state->past.push_back({.epoch = static_cast<model::Epoch>(select.Integer(1)),
                           .first = static_cast<model::EventId>(select.Integer(2)),
                           .next = static_cast<model::EventId>(select.Integer(3)),
                           .generation = static_cast<model::Generation>(select.Integer(4))});
  }
}

}  // namespace

std::string EncodeAnchors(const std::vector<model::Anchor>& anchors) {
  std::string bytes;
  bytes.reserve(anchors.size() * kAnchorBytes);
  for (const model::Anchor& anchor : anchors) {
    AppendNumber(anchor.id, kIdBytes, bytes);
    AppendNumber(anchor.fingerprint, kFingerprintBytes, bytes);
  }
  return bytes;
}

std::vector<model::Anchor> DecodeAnchors(std::string_view bytes) {
  std::vector<model::Anchor> anchors;
  anchors.reserve(bytes.size() / kAnchorBytes);
  for (; bytes.size() >= kAnchorBytes; bytes.remove_prefix(kAnchorBytes)) {
    anchors.push_back({static_cast<model::EventId>(TakeNumber(bytes.substr(0, kIdBytes))),
                       TakeNumber(bytes.substr(kIdBytes, kFingerprintBytes))});
  }
  return anchors;
}

absl::StatusOr<std::optional<ports::LogState>> ReadLogState(Database& database,
                                                            model::DeviceId log_device) {
  static const std::string sql =
      absl::StrCat("SELECT ", absl::string_view(kStateColumns.data(), kStateColumns.size()),
                   " FROM log_state WHERE log_device = ?1");
  GATELOG_ASSIGN_OR_RETURN(Statement select, database.Prepare(sql));
  select.Bind(1, log_device);
  GATELOG_ASSIGN_OR_RETURN(const bool row, select.Step());
  if (!row) return std::nullopt;
  GATELOG_ASSIGN_OR_RETURN(ports::LogState state, StateOfRow(database, select));
  GATELOG_ASSIGN_OR_RETURN(
      Statement past,
      database.Prepare("SELECT log_device, epoch, first, next, generation FROM epoch "
                       "WHERE log_device = ?1 AND next IS NOT NULL ORDER BY epoch"));
  past.Bind(1, log_device);
  GATELOG_RETURN_IF_ERROR(TakePastEpochs(past, std::span(&state, 1)));
  return state;
}

absl::StatusOr<std::vector<ports::LogState>> ReadLogStates(Database& database) {
  static const std::string sql =
      absl::StrCat("SELECT ", absl::string_view(kStateColumns.data(), kStateColumns.size()),
                   " FROM log_state ORDER BY log_device");
  // Both statements must see the same moment; the read transaction begins with the first row.
  GATELOG_ASSIGN_OR_RETURN(Snapshot snapshot, Snapshot::Begin(database));
  GATELOG_ASSIGN_OR_RETURN(Statement select, database.Prepare(sql));
  std::vector<ports::LogState> states;
  while (true) {
    GATELOG_ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) break;
    GATELOG_ASSIGN_OR_RETURN(ports::LogState state, StateOfRow(database, select));
    states.push_back(std::move(state));
  }
  GATELOG_ASSIGN_OR_RETURN(
      Statement past,
      database.Prepare("SELECT log_device, epoch, first, next, generation FROM epoch "
                       "WHERE next IS NOT NULL ORDER BY log_device, epoch"));
  GATELOG_RETURN_IF_ERROR(TakePastEpochs(past, states));
  return states;
}

absl::StatusOr<std::vector<ports::LogTotals>> ReadLogTotals(Database& database) {
  // Epochs are numbered from 1 without holes, so the current one is also their count.
  GATELOG_ASSIGN_OR_RETURN(Statement select,
                           database.Prepare("SELECT log_device, events, images, gaps, missing, "
                                            "epoch, images_wanted, images_absent FROM log_state "
                                            "ORDER BY log_device"));
  std::vector<ports::LogTotals> totals;
  while (true) {
    GATELOG_ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) return totals;
    const auto count = [&](int column) {
      return static_cast<std::uint64_t>(select.Integer(column));
    };
    totals.push_back({.log_device = static_cast<model::DeviceId>(select.Integer(0)),
                      .events = count(1),
                      .images_wanted = count(6),
                      .images = count(2),
                      .images_absent = count(7),
                      .gaps = count(3),
                      .missing = count(4),
                      .epochs = count(5)});
  }
}

absl::Status WriteLogState(Database& database, const ports::LogState& after, bool opens_epoch,
                           const LogChange& change) {
  GATELOG_ASSIGN_OR_RETURN(
      Statement upsert,
      database.Prepare(
          "INSERT INTO log_state (log_device, epoch, epoch_first, generation, next, image_next, "
          "events, images, gaps, missing, anchors, images_wanted, images_absent, epoch_events, "
          "epoch_gaps, epoch_missing) "
          "VALUES (?1, ?2, ?3, ?4, ?5, ?3, ?6, 0, ?7, ?8, ?9, ?11, ?12, ?6, ?7, ?8) "
          "ON CONFLICT (log_device) DO UPDATE SET epoch = ?2, epoch_first = ?3, generation = ?4, "
          "next = ?5, image_next = CASE WHEN ?10 THEN ?3 ELSE image_next END, "
          "events = events + ?6, gaps = gaps + ?7, missing = missing + ?8, anchors = ?9, "
          "images_wanted = images_wanted + ?11, images_absent = images_absent + ?12, "
          "epoch_events = CASE WHEN ?10 THEN 0 ELSE epoch_events END + ?6, "
          "epoch_gaps = CASE WHEN ?10 THEN 0 ELSE epoch_gaps END + ?7, "
          "epoch_missing = CASE WHEN ?10 THEN 0 ELSE epoch_missing END + ?8"));
  const std::string anchors = EncodeAnchors(after.anchors);
  upsert.Bind(1, after.log_device);
  upsert.Bind(2, after.epoch);
  upsert.Bind(3, after.epoch_first);
  upsert.Bind(4, static_cast<std::int64_t>(after.generation));
  upsert.Bind(5, after.next);
  upsert.Bind(6, static_cast<std::int64_t>(change.events));
  upsert.Bind(7, static_cast<std::int64_t>(change.gaps));
  upsert.Bind(8, static_cast<std::int64_t>(change.missing));
  upsert.BindBlob(9, anchors);
  upsert.Bind(10, opens_epoch ? 1 : 0);
  upsert.Bind(11, static_cast<std::int64_t>(change.images_wanted));
  upsert.Bind(12, static_cast<std::int64_t>(change.images_absent));
  return upsert.Run();
}

}  // namespace gatelog::store
