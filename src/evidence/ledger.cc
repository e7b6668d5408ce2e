#include "evidence/ledger.h"

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace gatelog::evidence {
namespace {

std::string NameOf(model::DeviceId log_device, model::Epoch epoch) {
  return absl::StrCat("device ", log_device, " epoch ", epoch);
}

absl::Status UnknownEpoch(const char* what, model::DeviceId log_device, model::Epoch epoch) {
  return Finding(
      absl::StrCat(what, " of ", NameOf(log_device, epoch), " is there, but no such epoch"));
}

}  // namespace

absl::Status Finding(const std::string& sentence) { return absl::DataLossError(sentence); }

EpochAccount* Ledger::FindChanged(model::DeviceId log_device, model::Epoch epoch) {
  const auto found = epochs_.find({log_device, epoch});
  if (found == epochs_.end()) return nullptr;
  changed_.insert(found->first);
  return &found->second;
}

const EpochAccount* Ledger::Find(model::DeviceId log_device, model::Epoch epoch) const {
  const auto found = epochs_.find({log_device, epoch});
  return found == epochs_.end() ? nullptr : &found->second;
}

absl::Status Ledger::Open(const EpochEntry& entry) {
  const Key key{entry.log_device, entry.epoch};
  const bool follows = entry.epoch == 1 || epochs_.contains({entry.log_device, entry.epoch - 1});
  if (entry.epoch == 0 || !follows || epochs_.contains(key)) {
    return Finding(
        absl::StrCat(NameOf(entry.log_device, entry.epoch), " is opened out of turn, or twice"));
  }
  epochs_[key] = {.first = entry.first,
                  .opened_with = entry.generation,
                  .generation = entry.generation,
                  .opened_ms = entry.opened_ms,
                  .image_next = entry.first,
                  .images_unsettled = entry.images_unsettled};
  changed_.insert(key);
  return absl::OkStatus();
}

absl::Status Ledger::Take(const Entry& entry) {
  if (const auto* epoch = std::get_if<EpochEntry>(&entry)) return Open(*epoch);
  if (const auto* gap = std::get_if<GapEntry>(&entry)) {
    EpochAccount* account = FindChanged(gap->log_device, gap->epoch);
    if (account == nullptr) return UnknownEpoch("a gap", gap->log_device, gap->epoch);
    account->gaps += 1;
    account->missing += std::uint64_t{gap->last} - gap->first + 1;
    ++gaps_;
  } else if (const auto* images = std::get_if<ImagesEntry>(&entry)) {
    EpochAccount* account = FindChanged(images->log_device, images->epoch);
    if (account == nullptr) return UnknownEpoch("an image", images->log_device, images->epoch);
    account->image_next = images->next;
    account->images += images->images.size();
    account->images_absent += images->absences.size();
    images_ += images->images.size();
    absences_ += images->absences.size();
  } else if (const auto* generation = std::get_if<GenerationEntry>(&entry)) {
    EpochAccount* account = FindChanged(generation->log_device, generation->epoch);
    if (account == nullptr) {
      return UnknownEpoch("a generation", generation->log_device, generation->epoch);
    }
    account->generation = generation->generation;
  } else if (const auto* store = std::get_if<StoreEntry>(&entry)) {
    incarnation_ = store->incarnation;
    created_ms_ = store->created_ms;
  } else if (const auto* restore = std::get_if<RestoreEntry>(&entry)) {
    incarnation_ = restore->after;
  }
  return absl::OkStatus();
}

absl::Status Ledger::TakeEvent(model::DeviceId log_device, model::Epoch epoch, bool has_image) {
  EpochAccount* account = FindChanged(log_device, epoch);
  if (account == nullptr) return UnknownEpoch("an event", log_device, epoch);
  ++account->events;
  if (has_image) ++account->images_wanted;
  return absl::OkStatus();
}

absl::Status Ledger::CompareManifestRow(std::uint64_t seal, const ManifestRow& row) {
  EpochAccount* account = FindChanged(row.log_device, row.epoch);
  if (account == nullptr) {
    return Finding(absl::StrCat("seal ", seal, " names ", NameOf(row.log_device, row.epoch),
                                ", which the chain does not know"));
  }
  if (!counting_) account->events = row.events;
  const ManifestRow counted{.log_device = row.log_device,
                            .epoch = row.epoch,
                            .first = account->first,
                            .next = static_cast<model::EventId>(account->next()),
                            .events = account->events,
                            .gaps = account->gaps,
                            .missing = account->missing};
  if (counted == row) return absl::OkStatus();
  return Finding(absl::StrCat("seal ", seal, " counts ", row.events, " events up to ID ", row.next,
                              " and ", row.gaps, " gaps for ", NameOf(row.log_device, row.epoch),
                              "; the chain has ", counted.events, " up to ID ", counted.next,
                              " and ", counted.gaps));
}

absl::Status Ledger::TakeManifest(std::uint64_t seal, std::span<const ManifestRow> rows,
                                  bool after_pruned) {
  std::set<Key> named;
  for (const ManifestRow& row : rows) {
    GATELOG_RETURN_IF_ERROR(CompareManifestRow(seal, row));
    named.emplace(row.log_device, row.epoch);
  }
  for (const Key& key : changed_) {
    if (named.contains(key)) continue;
    return Finding(absl::StrCat("seal ", seal, " leaves ", NameOf(key.first, key.second),
                                " out, which had changed"));
  }
  changed_.clear();
  if (after_pruned) counting_ = true;
  return absl::OkStatus();
}

}  // namespace gatelog::evidence
