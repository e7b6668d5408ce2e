#include <optional>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "store/sqlite/audit_pass.h"

namespace gatelog::store {

using evidence::Finding;

namespace {

std::string NameOf(const evidence::GapEntry& gap) {
  return absl::StrCat("gap of device ", gap.log_device, " epoch ", gap.epoch, " from ID ",
                      gap.first);
}

std::string NameOf(const evidence::EpochEntry& epoch) {
  return absl::StrCat("device ", epoch.log_device, " epoch ", epoch.epoch);
}

}  // namespace

absl::Status AuditPass::CheckEntries(const evidence::Block& block) {
  GATELOG_ASSIGN_OR_RETURN(
      Statement select,
      database_.Prepare("SELECT n, kind, mark, body FROM entry WHERE block = ?1 ORDER BY n"));
  select.Bind(1, static_cast<std::int64_t>(block.number));
  std::vector<evidence::Entry> entries;
  for (std::int64_t n = 0;; ++n) {
    GATELOG_ASSIGN_OR_RETURN(const bool row, select.Step());
    const std::string name = absl::StrCat("entry ", n, " of block ", block.number);
    if (!row) {
      if (n != block.entries) return Finding(absl::StrCat(name, " is missing"));
      break;
    }
    if (select.Integer(0) != n) return Finding(absl::StrCat(name, " is missing"));
    if (n >= block.entries) return Finding(absl::StrCat(name, " was added"));
    const auto kind = static_cast<std::uint8_t>(select.Integer(1));
    const auto decoded = evidence::DecodeEntry(kind, select.Bytes(3));
    if (!decoded || select.Integer(1) != kind) {
      return Finding(absl::StrCat(name, " is not what was committed"));
    }
    const std::int32_t mark =
        builder_.AddEntry(static_cast<evidence::EntryKind>(kind), select.Bytes(3));
    if (mark != select.Integer(2)) {
      if (suspect_entry_.empty()) {
        suspect_entry_ = absl::StrCat(
            name, " (", evidence::EntryKindName(static_cast<evidence::EntryKind>(kind)),
            ") is not what was committed");
      }
      if (suspect_mark_.empty()) suspect_mark_ = absl::StrCat("the mark of ", suspect_entry_);
      continue;
    }
    entries.push_back(*decoded);
  }
  if (!suspect_entry_.empty()) return absl::OkStatus();  // the head tells
  for (const evidence::Entry& entry : entries) {
    GATELOG_RETURN_IF_ERROR(ledger_.Take(entry));
    GATELOG_RETURN_IF_ERROR(CompareEntry(entry));
  }
  return absl::OkStatus();
}

absl::Status AuditPass::CompareEntry(const evidence::Entry& entry) {
  if (const auto* gap = std::get_if<evidence::GapEntry>(&entry)) return CompareGap(*gap);
  if (const auto* epoch = std::get_if<evidence::EpochEntry>(&entry)) return CompareEpoch(*epoch);
  if (const auto* images = std::get_if<evidence::ImagesEntry>(&entry)) {
    return CompareImages(*images);
  }
  if (const auto* erasure = std::get_if<evidence::ErasureEntry>(&entry)) {
    erasures_[report_.blocks + 1] = *erasure;
  }
  if (const auto* prune = std::get_if<evidence::PruneEntry>(&entry)) {
    if (prune->what == evidence::Pruned::kPeople) {
      people_pruned_[report_.blocks + 1] = prune->first_block;
    }
  }
  const bool store_again =
      std::holds_alternative<evidence::StoreEntry>(entry) && report_.blocks != 0;
  if (store_again) {
    return Finding(absl::StrCat("block ", report_.blocks + 1, " says that the store begins there"));
  }
  return absl::OkStatus();
}

absl::Status AuditPass::CompareGap(const evidence::GapEntry& gap) {
  GATELOG_ASSIGN_OR_RETURN(
      Statement select, database_.Prepare("SELECT last, reason, found_ms, raw FROM gap "
                                          "WHERE log_device = ?1 AND epoch = ?2 AND first = ?3"));
  select.Bind(1, gap.log_device);
  select.Bind(2, gap.epoch);
  select.Bind(3, gap.first);
  GATELOG_ASSIGN_OR_RETURN(const bool found, select.Step());
  if (!found) return Finding(absl::StrCat(NameOf(gap), " is missing"));
  const char* wrong = nullptr;
  if (select.Integer(0) != gap.last) wrong = "last ID";
  if (select.Integer(1) != gap.reason) wrong = "reason";
  if (select.Integer(2) != gap.found_ms) wrong = "time";
  if (builder_.leaves().GapRaw(store_salt_, {gap.log_device, gap.epoch, gap.first},
                               select.Bytes(3)) != gap.raw) {
    wrong = "raw record (or the store's salt)";
  }
  if (wrong == nullptr) return absl::OkStatus();
  return Finding(absl::StrCat(NameOf(gap), ": the ", wrong, " is not what was committed"));
}

absl::Status AuditPass::CompareEpoch(const evidence::EpochEntry& epoch) {
  GATELOG_ASSIGN_OR_RETURN(
      Statement select,
      database_.Prepare("SELECT first, opened_ms FROM epoch WHERE log_device = ?1 AND epoch = ?2"));
  select.Bind(1, epoch.log_device);
  select.Bind(2, epoch.epoch);
  GATELOG_ASSIGN_OR_RETURN(const bool found, select.Step());
  if (!found) return Finding(absl::StrCat(NameOf(epoch), " is missing"));
  const char* wrong = nullptr;
  if (select.Integer(0) != epoch.first) wrong = "first ID";
  if (select.Integer(1) != epoch.opened_ms) wrong = "time of opening";
  if (wrong == nullptr) return absl::OkStatus();
  return Finding(absl::StrCat(NameOf(epoch), ": the ", wrong, " is not what was committed"));
}

absl::Status AuditPass::CompareImages(const evidence::ImagesEntry& images) {
  for (const evidence::ImagesEntry::Image& image : images.images) {
    GATELOG_RETURN_IF_ERROR(CompareImage({images.log_device, images.epoch, image.id}, image));
  }
  for (const evidence::ImagesEntry::Absence& absence : images.absences) {
    GATELOG_RETURN_IF_ERROR(CompareAbsence({images.log_device, images.epoch, absence.id}, absence));
  }
  return absl::OkStatus();
}

absl::Status AuditPass::CompareAbsence(const model::RecordKey& key,
                                       const evidence::ImagesEntry::Absence& absence) {
  GATELOG_ASSIGN_OR_RETURN(
      Statement select,
      database_.Prepare("SELECT reason, found_ms FROM image_absence WHERE log_device = ?1 AND "
                        "epoch = ?2 AND id = ?3"));
  select.Bind(1, key.log_device);
  select.Bind(2, key.epoch);
  select.Bind(3, key.id);
  GATELOG_ASSIGN_OR_RETURN(const bool found, select.Step());
  const std::string name = absl::StrCat("absence of the image of device ", key.log_device,
                                        " epoch ", key.epoch, " ID ", key.id);
  if (!found) return Finding(absl::StrCat(name, " is missing"));
  if (select.Integer(0) == absence.reason && select.Integer(1) == absence.found_ms) {
    return absl::OkStatus();
  }
  return Finding(absl::StrCat(name, ": the reason or the time is not what was committed"));
}

absl::Status AuditPass::CompareImage(const model::RecordKey& key,
                                     const evidence::ImagesEntry::Image& image) {
  GATELOG_ASSIGN_OR_RETURN(
      Statement select,
      database_.Prepare("SELECT i.timestamp, i.code, i.payload, i.person, p.salt FROM image AS i "
                        "LEFT JOIN person AS p ON p.id = i.person "
                        "WHERE i.log_device = ?1 AND i.epoch = ?2 AND i.id = ?3"));
  select.Bind(1, key.log_device);
  select.Bind(2, key.epoch);
  select.Bind(3, key.id);
  GATELOG_ASSIGN_OR_RETURN(const bool found, select.Step());
  const std::string name =
      absl::StrCat("image of device ", key.log_device, " epoch ", key.epoch, " ID ", key.id);
  const bool pruned = Contains(images_pruned_, report_.blocks + 1);
  const bool may_be_left = MayBeLeft(images_pruned_, report_.blocks + 1);
  if (found && pruned && !may_be_left)
    return Finding(absl::StrCat(name, ": it is there, though it was pruned"));
  if (pruned && !found) return absl::OkStatus();
  if (found) ++images_found_;
  if (!found) {
    GATELOG_ASSIGN_OR_RETURN(
        Statement erased, database_.Prepare("SELECT 1 FROM erased_image WHERE log_device = ?1 AND "
                                            "epoch = ?2 AND id = ?3"));
    erased.Bind(1, key.log_device);
    erased.Bind(2, key.epoch);
    erased.Bind(3, key.id);
    GATELOG_ASSIGN_OR_RETURN(const bool known, erased.Step());
    if (known) return absl::OkStatus();
    return Finding(absl::StrCat(name, " is missing"));
  }
  const char* wrong = nullptr;
  if (select.Integer(0) != image.timestamp) wrong = "timestamp";
  if (select.Integer(1) != image.code) wrong = "code";
  const std::string_view salt = select.IsNull(3) ? store_salt_ : select.Bytes(4);
  if (builder_.leaves().Image(salt, key, select.Bytes(2)) != image.commitment) {
    wrong = "picture, or whose it is,";
  }
  if (wrong == nullptr) return absl::OkStatus();
  return Finding(absl::StrCat(name, ": the ", wrong, " is not what was committed"));
}

}  // namespace gatelog::store
