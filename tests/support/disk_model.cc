#include "tests/support/disk_model.h"

#include <algorithm>
#include <array>
#include <utility>

namespace gatelog::testing {
namespace {

bool Chance(double probability, DiskModel::Random& random) {
  return std::uniform_real_distribution<double>(0, 1)(random) < probability;
}

// How much of what was unsynced a disk had already written differs from cut to cut.
double SomeProbability(DiskModel::Random& random) {
  constexpr std::array kProbabilities = {0.05, 0.5, 0.95};
  return kProbabilities.at(random() % kProbabilities.size());
}

}  // namespace

void DiskModel::Make(const Change& change, std::string& content) {
  if (change.truncates) {
    content.resize(change.position);
    return;
  }
  const std::size_t end = change.position + change.bytes.size();
  if (content.size() < end) content.resize(end);
  content.replace(change.position, change.bytes.size(), change.bytes);
}

void DiskModel::MakeByChance(const Change& change, std::string& content, double keep,
                             Random& random) {
  if (Chance(keep, random)) return Make(change, content);
  if (change.truncates || Chance(0.5, random)) return;
  const std::size_t end = change.position + change.bytes.size();
  // The longer size is on the disk, or nothing beyond the old one is.
  const std::size_t old_size = content.size();
  if (old_size < end && Chance(0.5, random)) content.resize(end);
  for (std::size_t at = change.position; at < end;) {
    const std::size_t sector_end = std::min(end, (at / kSectorBytes + 1) * kSectorBytes);
    if (sector_end <= content.size() && Chance(0.5, random)) {
      content.replace(at, sector_end - at, change.bytes, at - change.position, sector_end - at);
    }
    at = sector_end;
  }
}

std::string DiskModel::Survivor(const File& file, Unsynced unsynced, Random& random) {
  std::string content = file.certain;
  if (unsynced == Unsynced::kLost) return content;
  const double keep = unsynced == Unsynced::kKept ? 1 : SomeProbability(random);
  for (const Change& change : file.pending) MakeByChance(change, content, keep, random);
  return content;
}

void DiskModel::Write(const DiskOperation& operation) {
  const auto name = names_.find(operation.name);
  if (name == names_.end()) return;  // of a file that was deleted while open: nobody sees it again
  File& file = files_[name->second];
  file.pending.push_back(
      {operation.kind == DiskOperation::Kind::kTruncate, operation.position, operation.bytes});
  Make(file.pending.back(), file.cached);
}

void DiskModel::Apply(const DiskOperation& operation, Random& random) {
  switch (operation.kind) {
    case DiskOperation::Kind::kCreate:
      files_.emplace_back();
      names_[operation.name] = files_.size() - 1;
      pending_names_.push_back({operation.name, files_.size() - 1});
      return;
    case DiskOperation::Kind::kDelete:
      names_.erase(operation.name);
      pending_names_.push_back({operation.name, kNone});
      return;
    case DiskOperation::Kind::kWrite:
    case DiskOperation::Kind::kTruncate:
      return Write(operation);
    case DiskOperation::Kind::kSync:
    case DiskOperation::Kind::kFailedSync: {
      const auto name = names_.find(operation.name);
      if (name == names_.end()) return;
      File& file = files_[name->second];
      const bool failed = operation.kind == DiskOperation::Kind::kFailedSync;
      file.certain = Survivor(file, failed ? Unsynced::kChance : Unsynced::kKept, random);
      file.pending.clear();
      return;
    }
    case DiskOperation::Kind::kSyncDirectory:
      certain_names_ = names_;
      pending_names_.clear();
      return;
  }
}

DiskImage DiskModel::Cached() const {
  DiskImage image;
  for (const auto& [name, file] : names_) image[name] = files_[file].cached;
  return image;
}

DiskImage DiskModel::AfterPowerCut(Unsynced unsynced, Random& random) const {
  std::map<std::string, std::size_t> names = certain_names_;
  for (const NameChange& change : pending_names_) {
    const bool kept =
        unsynced == Unsynced::kKept || (unsynced == Unsynced::kChance && Chance(0.5, random));
    if (!kept) continue;
    if (change.file == kNone) {
      names.erase(change.name);
    } else {
      names[change.name] = change.file;
    }
  }
  DiskImage image;
  for (const auto& [name, file] : names) image[name] = Survivor(files_[file], unsynced, random);
  return image;
}

}  // namespace gatelog::testing
