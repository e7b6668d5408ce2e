#include "tests/simulation/verdict.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"

namespace gatelog::simulation {
namespace {

bool Covers(const std::vector<model::Gap>& gaps, model::EventId id) {
  return std::any_of(gaps.begin(), gaps.end(),
                     [id](const model::Gap& gap) { return gap.first <= id && id <= gap.last; });
}

}  // namespace

Verdict::Verdict(testing::MemoryStore& store, std::vector<const ModelledDevice*> devices)
    : store_(store), events_(store.events()), images_(store.images()) {
  for (const ModelledDevice* device : devices) logs_[device->id()].device = device;
}

std::string Verdict::Name(const StoredLog& log) {
  const ModelledDevice::Traits& traits = log.device->traits();
  return absl::StrCat("device ", log.device->id(), " (",
                      traits.generations ? "generations" : "no generations",
                      traits.clear_restarts ? ", a clear begins at 1" : "", ")");
}

std::size_t Verdict::epoch_count() const {
  std::size_t count = 0;
  for (const auto& [id, log] : logs_) count += log.epochs.size();
  return count;
}

std::string Verdict::Load() {
  if (std::string error = LoadStates(); !error.empty()) return error;
  for (std::size_t i = 0; i < events_.size(); ++i) {
    if (events_[i].seq != i + 1) return absl::StrCat("seq ", events_[i].seq, " in place ", i + 1);
    if (std::string error = LoadEvent(events_[i]); !error.empty()) return error;
  }
  for (const model::Gap& gap : store_.gaps()) {
    ++gap_count_;
    StoredLog& log = logs_[gap.log_device];
    const auto epoch = log.epochs.find(gap.epoch);
    if (epoch == log.epochs.end()) return "a gap of an epoch that is not there";
    epoch->second.gaps.push_back(gap);
  }
  return "";
}

std::string Verdict::LoadStates() {
  const auto states = store_.LoadLogStates();
  if (!states.ok()) return states.status().ToString();
  for (const ports::LogState& state : *states) {
    auto& epochs = logs_[state.log_device].epochs;
    for (const ports::PastEpoch& past : state.past) {
      epochs[past.epoch] = {past.first, past.next, {}, {}};
    }
    epochs[state.epoch] = {state.epoch_first, state.next, {}, {}};
  }
  return "";
}

// Each event is a record that the device wrote, and no record is stored twice, not even under two
// epochs.
std::string Verdict::LoadEvent(const ports::StoredEvent& stored) {
  StoredLog& log = logs_[stored.log_device];
  const model::Event& event = stored.event;
  const Ledger& ledger = log.device->ledger();
  const std::uint64_t serial = ledger.SerialOf(stored.log_device, event.user_id);
  const auto where = absl::StrCat("ID ", event.id, " in epoch ", stored.epoch);
  if (serial == 0 || ledger[serial].id != event.id) {
    return absl::StrCat(where, " is a record that no device wrote");
  }
  const auto [before, fresh] = log.epoch_of.emplace(serial, stored.epoch);
  if (!fresh)
    return absl::StrCat(Name(log), ": the record of ", where, " is in epoch ", before->second,
                        " too");
  const auto epoch = log.epochs.find(stored.epoch);
  if (epoch == log.epochs.end()) return absl::StrCat(where, ": there is no such epoch");
  if (!epoch->second.records.emplace(event.id, serial).second) {
    return absl::StrCat(where, " is there twice");
  }
  return "";
}

std::string Verdict::Invariants() {
  if (std::string error = Load(); !error.empty()) return error;
  for (const auto& [id, log] : logs_) {
    for (const auto& [number, epoch] : log.epochs) {
      for (const std::string& error : {CheckCover(epoch), CheckLineage(log, epoch),
                                       CheckNeeded(log, number), CheckGaps(log, epoch)}) {
        if (!error.empty()) return absl::StrCat(Name(log), " epoch ", number, ": ", error);
      }
    }
  }
  return CheckImages();
}

std::string Verdict::AtTheEnd() {
  for (const auto& [id, log] : logs_) {
    for (const std::string& error : {CheckStanding(log), CheckPath(log)}) {
      if (!error.empty()) {
        return absl::StrCat(Name(log), ": ", error);
      }
    }
  }
  return "";
}

// Each ID from the epoch's first to its next is one event or inside one gap, and there is one.
std::string Verdict::CheckCover(const StoredEpoch& epoch) {
  std::map<model::EventId, model::EventId> covered;
  for (const auto& [id, serial] : epoch.records) covered[id] = id;
  for (const model::Gap& gap : epoch.gaps) {
    if (!covered.emplace(gap.first, gap.last).second) {
      return absl::StrCat("a gap lies over an event at ", gap.first);
    }
  }
  if (covered.empty()) return "it holds nothing";
  model::EventId expected = epoch.first;
  for (const auto& [first, last] : covered) {
    if (first != expected) return absl::StrCat("after ", expected - 1, " comes ", first);
    expected = last + 1;
  }
  if (expected == epoch.next) return "";
  return absl::StrCat("next is ", epoch.next, ", but the records end before ", expected);
}

// The records of an epoch stood in one log: each is an ancestor of those after it, or was lost by
// the device, which then never used its ID again.
std::string Verdict::CheckLineage(const StoredLog& log, const StoredEpoch& epoch) {
  const Ledger& ledger = log.device->ledger();
  for (auto record = epoch.records.rbegin(); record != epoch.records.rend(); ++record) {
    std::uint64_t ancestor = record->second;
    for (auto before = std::next(record); before != epoch.records.rend(); ++before) {
      while (ancestor != 0 && ledger[ancestor].id > before->first) {
        ancestor = ledger[ancestor].parent;
      }
      if (ancestor == before->second) break;
      // Bytes that are no event cannot be told from an event that decayed.
      if (ancestor != 0 && ledger[ancestor].id == before->first && !ledger[ancestor].readable)
        break;
      if (ancestor != 0 && ledger[ancestor].id < before->first) continue;
      if (!CanTell(log, epoch, *before, record->first, std::next(record)->first)) break;
      return absl::StrCat("the records ", before->first, " and ", record->first,
                          " were never in one log");
    }
  }
  return "";
}

// Whether a device shows that its record `id` does not follow the stored one `before`, where
// `newest` is the last one stored before it. Not when everything stored had been overwritten or
// cleared by then, if either the device has no generations or it lost its newest records and has
// not noticed.
bool Verdict::CanTell(const StoredLog& log, const StoredEpoch& epoch,
                      const std::pair<const model::EventId, std::uint64_t>& before,
                      model::EventId id, model::EventId newest) {
  if (log.device->traits().generations && log.device->ledger()[before.second].fate != Fate::kLost) {
    return true;
  }
  // Where only unreadable records lie between, the log may have begun with them.
  const bool follows_at_once =
      std::all_of(epoch.gaps.begin(), epoch.gaps.end(), [&](const model::Gap& gap) {
        return gap.first <= newest || gap.last >= id || gap.reason == model::GapReason::kUnreadable;
      });
  if (follows_at_once) return false;
  return std::none_of(epoch.gaps.begin(), epoch.gaps.end(), [&](const model::Gap& gap) {
    return gap.first > before.first && gap.last < id && gap.reason != model::GapReason::kAbsent &&
           gap.reason != model::GapReason::kUnreadable;
  });
}

// An epoch is not a continuation of the one before.
std::string Verdict::CheckNeeded(const StoredLog& log, model::Epoch number) {
  const auto epoch = log.epochs.find(number);
  if (epoch == log.epochs.begin() || epoch->second.records.empty()) return "";
  const StoredEpoch& previous = std::prev(epoch)->second;
  if (previous.records.empty()) return "";
  const Ledger& ledger = log.device->ledger();
  const auto [newest_id, newest] = *previous.records.rbegin();
  const auto [first_id, first] = *epoch->second.records.begin();
  if (first_id < previous.next) return "";
  // The device lost unreadable records that it had shown.
  const bool lost = std::any_of(previous.gaps.begin(), previous.gaps.end(),
                                [&, newest = newest_id](const model::Gap& gap) {
                                  return gap.reason == model::GapReason::kUnreadable &&
                                         gap.first > newest && gap.first >= epoch->second.first;
                                });
  if (lost) return "";
  // Another log was there in between, of which nothing could be read.
  const bool another =
      std::any_of(epoch->second.gaps.begin(), epoch->second.gaps.end(), [&](const model::Gap& gap) {
        return gap.reason == model::GapReason::kUnreadable && gap.first < previous.next;
      });
  if (another) return "";
  std::uint64_t ancestor = first;
  while (ancestor != 0 && ledger[ancestor].id > newest_id) ancestor = ledger[ancestor].parent;
  if (ancestor != newest) return "";
  return absl::StrCat("its first record, ", first_id, ", continues the epoch before");
}

std::string Verdict::CheckGaps(const StoredLog& log, const StoredEpoch& epoch) {
  for (const model::Gap& gap : epoch.gaps) {
    const auto following = epoch.records.upper_bound(gap.last);
    const std::uint64_t serial = following == epoch.records.end() ? 0 : following->second;
    if (std::string error = CheckGap(log, epoch, gap, serial); !error.empty()) {
      return absl::StrCat("the gap ", gap.first, " to ", gap.last, " (",
                          model::GapReasonName(gap.reason), "): ", error);
    }
  }
  return "";
}

// `following`: the first stored record after the gap; 0: none, then nothing can be said of others
// than unreadable ones.
std::string Verdict::CheckGap(const StoredLog& log, const StoredEpoch& epoch, const model::Gap& gap,
                              std::uint64_t following) {
  using model::GapReason;
  const Ledger& ledger = log.device->ledger();
  if (gap.reason == GapReason::kUnreadable) {
    return ledger.HasUnreadable(gap.first, gap.raw) ? "" : "no device wrote such bytes";
  }
  const bool at_the_beginning = epoch.records.lower_bound(gap.first) == epoch.records.begin();
  if (gap.reason == GapReason::kUnverified && log.device->traits().generations &&
      !at_the_beginning) {
    return "the device has generations";
  }
  std::uint64_t next = following;  // the record right after the gap
  std::uint64_t serial = following;
  while (serial != 0 && ledger[serial].id > gap.last) {
    next = serial;
    serial = ledger[serial].parent;
  }
  std::vector<std::uint64_t> inside;
  for (; serial != 0 && ledger[serial].id >= gap.first; serial = ledger[serial].parent) {
    inside.push_back(serial);
  }
  const auto before = epoch.records.lower_bound(gap.first);
  if (before != epoch.records.begin() && std::prev(before)->second != serial) return "";  // CanTell
  const bool another_between =
      std::any_of(epoch.gaps.begin(), epoch.gaps.end(), [&](const model::Gap& other) {
        return other.first > gap.last && other.reason != GapReason::kUnreadable && following != 0 &&
               other.last < ledger[following].id;
      });
  if (another_between) return "";  // the same

  bool cleared = inside.empty();
  for (const std::uint64_t missing : inside) {
    const Written& record = ledger[missing];
    cleared |= record.fate == Fate::kCleared;
    if (gap.reason == GapReason::kUnverified) continue;
    if (log.epoch_of.contains(missing)) {
      return absl::StrCat("record ", record.id, " is stored in epoch ", log.epoch_of.at(missing));
    }
    if (record.fate == Fate::kStanding && record.readable) {
      return absl::StrCat("record ", record.id, " stands on the device");
    }
    if (gap.reason == GapReason::kAbsent)
      return absl::StrCat("record ", record.id, " was there, written at ", record.at.count(),
                          " ms");
  }
  if (gap.reason == GapReason::kCleared && !cleared) return "nothing was cleared";
  const bool marked = next != 0 && ledger[next].readable && ledger[next].clear_mark &&
                      ledger[next].id == gap.last + 1;
  if (gap.reason == GapReason::kOverwritten && marked) return "the log was cleared";
  return "";
}

// What can be read is stored; what cannot is inside a gap.
std::string Verdict::CheckStanding(const StoredLog& log) {
  const Ledger& ledger = log.device->ledger();
  for (const auto& [id, serial] : log.device->records()) {
    if (log.epoch_of.contains(serial)) continue;
    if (ledger[serial].readable) {
      return absl::StrCat("record ", id, " stands on the device and is not stored (",
                          log.device->records().size(), " records from ",
                          log.device->records().begin()->first, " to ",
                          log.device->records().rbegin()->first, ")");
    }
    // Unreadable bytes under the ID of a stored event cannot be told from an event that decayed.
    const bool known = std::any_of(log.epochs.begin(), log.epochs.end(), [id = id](const auto& of) {
      return of.second.records.contains(id) || Covers(of.second.gaps, id);
    });
    if (!known) return absl::StrCat("the unreadable record ", id, " is in no gap");
  }
  return "";
}

// Whatever was written before the newest record of the present log is stored or inside a gap.
std::string Verdict::CheckPath(const StoredLog& log) {
  // An empty log decides nothing until its first record.
  if (log.device->records().empty()) return "";
  const Ledger& ledger = log.device->ledger();
  for (std::uint64_t serial = log.device->newest(); serial != 0; serial = ledger[serial].parent) {
    if (log.epoch_of.contains(serial)) continue;
    const model::EventId id = ledger[serial].id;
    const bool known = std::any_of(log.epochs.begin(), log.epochs.end(), [&](const auto& of) {
      if (Covers(of.second.gaps, id)) return true;
      const auto stored = of.second.records.find(id);
      if (stored == of.second.records.end()) return false;
      // What CanTell says of epochs. And unreadable bytes under the ID of a stored event tell
      // nothing.
      return !log.device->traits().generations || !ledger[serial].readable ||
             ledger[stored->second].fate == Fate::kLost;
    });
    if (!known) return absl::StrCat("record ", id, " is neither stored nor in a gap");
  }
  return "";
}

// An image belongs to the very record that it is stored with.
std::string Verdict::CheckImages() {
  for (const auto& [key, image] : images_) {
    const StoredLog& log = logs_.at(key.log_device);
    const auto epoch = log.epochs.find(key.epoch);
    if (epoch == log.epochs.end() || !epoch->second.records.contains(key.id)) {
      return absl::StrCat("the image of ID ", key.id, " has no event");
    }
    const std::uint64_t serial = epoch->second.records.at(key.id);
    if (model::ImageJpeg(image.payload) == Ledger::UserOf(key.log_device, serial)) continue;
    // Two records of one ID, moment and code look the same to an image.
    const auto event = model::ParseEvent(log.device->ledger()[serial].payload);
    if (event.ok() && (event->timestamp != image.timestamp || event->code != image.code)) {
      return absl::StrCat("device ", key.log_device, " epoch ", key.epoch, ": the image of ID ",
                          key.id, " is of another record");
    }
  }
  return "";
}

std::string Verdict::CheckShown(const std::vector<Shown>& shown,
                                const std::vector<Missed>& missed) {
  std::uint64_t due = 1;
  auto next_missed = missed.begin();
  const auto pass_missed = [&] {
    for (; next_missed != missed.end() && next_missed->first_seq == due; ++next_missed) {
      due = next_missed->last_seq + 1;
    }
  };
  for (const Shown& event : shown) {
    pass_missed();
    if (event.seq != due) return absl::StrCat("seq ", event.seq, " came where ", due, " was due");
    if (due > events_.size()) return absl::StrCat("seq ", due, " was shown and is not stored");
    const ports::StoredEvent& stored = events_[due - 1];
    if (event.key != model::RecordKey{stored.log_device, stored.epoch, stored.event.id}) {
      return absl::StrCat("another event was shown as seq ", due, " than is stored");
    }
    ++due;
  }
  pass_missed();
  if (next_missed != missed.end()) {
    return absl::StrCat("seq ", next_missed->first_seq, " was called pruned where ", due,
                        " was due");
  }
  if (due == events_.size() + 1) return "";
  return absl::StrCat("seq ", due, " of ", events_.size(), " was not shown");
}

}  // namespace gatelog::simulation
