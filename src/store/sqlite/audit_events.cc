#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "model/event.h"
#include "store/sqlite/audit_pass.h"
#include "store/sqlite/event_writer.h"
#include "store/sqlite/person_table.h"

namespace gatelog::store {

using evidence::Finding;

namespace {

// The columns of the query below.
enum Column : int {
  kSeq,
  kLogDevice,
  kEpoch,
  kId,
  kTimestamp,
  kDevice,
  kCode,
  kSubCode,
  kPerson,
  kEntity,
  kTnaKey,
  kFlags,
  kTemperature,
  kArrival,
  kPhase,
  kPayload,
  kMark,
  kUserId,
  kPeriod,
  kSalt,
  kCommitment,
};

constexpr char kSelect[] =
    "SELECT e.seq, e.log_device, e.epoch, e.id, e.timestamp, e.device, e.code, e.sub_code, "
    "e.person, e.entity, e.tna_key, e.flags, e.temperature, e.arrival_ms, e.phase, e.payload, "
    "e.mark, p.user_id, p.period, p.salt, x.commitment FROM event AS e LEFT JOIN person AS p ON "
    "p.id "
    "= e.person LEFT JOIN erased AS x ON x.seq = e.seq WHERE e.seq BETWEEN ?1 AND ?2 ORDER BY "
    "e.seq";

evidence::EventPlace PlaceOf(const Statement& row) {
  return {.seq = static_cast<std::uint64_t>(row.Integer(kSeq)),
          .log_device = static_cast<model::DeviceId>(row.Integer(kLogDevice)),
          .epoch = static_cast<model::Epoch>(row.Integer(kEpoch)),
          .id = static_cast<model::EventId>(row.Integer(kId)),
          .arrival_ms = row.Integer(kArrival),
          .phase = static_cast<std::uint8_t>(row.Integer(kPhase))};
}

std::string NameOf(const Statement& row) {
  return absl::StrCat("event seq ", row.Integer(kSeq), ", device ", row.Integer(kLogDevice),
                      " epoch ", row.Integer(kEpoch), " ID ", row.Integer(kId));
}

bool IsErased(const Statement& row) { return (row.Integer(kFlags) & kFlagErased) != 0; }

// The columns that are not what the record itself says, in words.
std::vector<std::string> Disagreements(const Statement& row) {
  const absl::StatusOr<model::Event> parsed = model::ParseEvent(row.Bytes(kPayload));
  if (!parsed.ok()) return {"record"};
  const model::Event& event = *parsed;
  std::vector<std::string> wrong;
  const auto compare = [&](Column column, std::int64_t expected, const char* name) {
    if (row.IsNull(column) || row.Integer(column) != expected) wrong.emplace_back(name);
  };
  compare(kId, event.id, "ID");
  compare(kTimestamp, event.timestamp, "timestamp");
  compare(kDevice, event.device, "device");
  compare(kCode, event.code, "code");
  compare(kSubCode, event.sub_code, "sub code");
  compare(kEntity, event.entity_id, "entity");
  compare(kTnaKey, event.tna_key, "T&A key");
  compare(kTemperature, event.temperature, "temperature");
  const bool same_user = event.user_id.empty()
                             ? row.IsNull(kUserId)
                             : !row.IsNull(kUserId) && row.Bytes(kUserId) == event.user_id;
  if (!same_user) wrong.emplace_back("user ID");
  const Timestamp arrival{std::chrono::milliseconds(row.Integer(kArrival))};
  const bool same_period =
      row.IsNull(kPerson) || row.Integer(kPeriod) == 0 || row.Integer(kPeriod) == PeriodOf(arrival);
  if (!same_period) wrong.emplace_back("period of the person's salt");
  const std::int64_t flags = (event.has_image ? kFlagHasImage : 0) |
                             (event.changed_on_device ? kFlagChangedOnDevice : 0) |
                             (row.Integer(kFlags) & kFlagErased);
  compare(kFlags, flags, "flags");
  return wrong;
}

// Numbers that do not fit are cut when they are hashed, so they must not come that far.
bool PlaceFits(const Statement& row, const evidence::EventPlace& place) {
  return row.Integer(kLogDevice) == place.log_device && row.Integer(kEpoch) == place.epoch &&
         row.Integer(kId) == place.id && row.Integer(kPhase) == place.phase;
}

}  // namespace

absl::StatusOr<bool> AuditPass::EventsAreLeft(const evidence::Block& block) {
  GATELOG_ASSIGN_OR_RETURN(Statement select,
                           database_.Prepare("SELECT min(seq), count(*) FROM event NOT INDEXED "
                                             "WHERE seq >= ?1 AND seq < ?1 + ?2"));
  select.Bind(1, static_cast<std::int64_t>(block.first_seq));
  select.Bind(2, block.events);
  GATELOG_RETURN_IF_ERROR(select.Step().status());
  const auto left = static_cast<std::uint64_t>(select.Integer(1));
  if (left == 0) {
    if (!event_left_) return false;
    return Finding(absl::StrCat("event seq ", block.first_seq, ": it is missing, though the events",
                                " of block ", block.number, " were pruned in their order"));
  }
  if (!MayBeLeft(events_pruned_, block.number)) {
    return Finding(absl::StrCat("event seq ", select.Integer(0), ": it is there, though the events",
                                " of block ", block.number, " were pruned"));
  }
  if (left < block.events) {
    return Finding(absl::StrCat("event seq ", select.Integer(0), ": it is there, though the ",
                                block.events, " events of block ", block.number,
                                " were pruned, which go together (an older gatelog that was "
                                "stopped while it pruned may have left it: then start the gateway "
                                "once, which deletes it, and verify again)"));
  }
  event_left_ = true;
  return true;
}

absl::Status AuditPass::CheckEvents(const evidence::Block& block) {
  GATELOG_ASSIGN_OR_RETURN(Statement select, database_.Prepare(kSelect));
  const std::uint64_t last = block.first_seq + block.events - 1;
  select.Bind(1, static_cast<std::int64_t>(block.first_seq));
  select.Bind(2, static_cast<std::int64_t>(last));
  std::uint64_t seq = block.first_seq;
  while (true) {
    GATELOG_ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) break;
    GATELOG_RETURN_IF_ERROR(CheckEvent(select, seq));
    ++seq;
  }
  if (seq != last + 1) return Finding(absl::StrCat("event seq ", seq, " is missing"));
  return absl::OkStatus();
}

absl::Status AuditPass::CheckEvent(const Statement& row, std::uint64_t seq) {
  const evidence::EventPlace place = PlaceOf(row);
  if (place.seq != seq) return Finding(absl::StrCat("event seq ", seq, " is missing"));
  const std::string_view payload = row.Bytes(kPayload);
  model::SplitPersonalPart(payload, split_);
  evidence::Digest personal{};
  if (!row.IsNull(kCommitment)) {
    if (!IsErased(row) || !split_.personal_part.empty() || !row.IsNull(kPerson) ||
        !evidence::ToDigest(row.Bytes(kCommitment), personal)) {
      return Finding(
          absl::StrCat(NameOf(row), ": its personal part was erased, but there is one again"));
    }
  } else if (IsErased(row)) {
    return Finding(absl::StrCat(NameOf(row), ": it is marked as erased, and was not"));
  } else {
    const std::string_view salt = row.IsNull(kPerson) ? store_salt_ : row.Bytes(kSalt);
    personal = builder_.leaves().Personal(salt, seq, split_.personal_part);
  }
  if (seq < people_seq_ && (!split_.personal_part.empty() || !row.IsNull(kPerson))) {
    return Finding(absl::StrCat(NameOf(row), ": it tells of a person, though that was pruned"));
  }
  const evidence::Digest leaf = builder_.leaves().Event(place, split_.public_part, personal);
  const bool marked = builder_.AddEventLeaf(leaf) == row.Integer(kMark);
  if (marked) {
    const std::vector<std::string> wrong = Disagreements(row);
    if (!wrong.empty() || !PlaceFits(row, place)) {
      return Finding(absl::StrCat(NameOf(row), ": the ",
                                  wrong.empty() ? "place" : absl::StrJoin(wrong, ", the "),
                                  " is not what was committed"));
    }
  } else if (suspect_event_.empty()) {
    suspect_event_ =
        absl::StrCat(NameOf(row), ": ", WhatIsWrong(row, place), " is not what was committed");
    suspect_mark_ = absl::StrCat(NameOf(row), ": the mark is not what was committed");
  }
  return ledger_.TakeEvent(place.log_device, place.epoch,
                           (row.Integer(kFlags) & kFlagHasImage) != 0);
}

std::string AuditPass::WhatIsWrong(const Statement& row, const evidence::EventPlace& place) const {
  const std::vector<std::string> wrong = Disagreements(row);
  if (!wrong.empty()) return absl::StrCat("the ", absl::StrJoin(wrong, ", the "));
  if (!PlaceFits(row, place)) return "the place";
  if (ledger_.Find(place.log_device, place.epoch) == nullptr) return "the log device or the epoch";
  return "the record, its place, its arrival, its phase or the salt of the person";
}

}  // namespace gatelog::store
