#include "store/sqlite/record_check.h"

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace gatelog::store {

absl::Status RecordCheck::Load(Database& database) {
  GATELOG_ASSIGN_OR_RETURN(
      Statement select,
      database.Prepare("SELECT e.log_device, e.epoch, e.first, coalesce(e.next, s.next), "
                       "coalesce(e.events, s.epoch_events) FROM epoch AS e JOIN log_state AS s "
                       "ON s.log_device = e.log_device"));
  while (true) {
    GATELOG_ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) break;
    const std::int64_t key = LogKey(static_cast<model::DeviceId>(select.Integer(0)),
                                    static_cast<model::Epoch>(select.Integer(1)));
    Epoch& epoch = epochs_[key];
    epoch.first = static_cast<model::EventId>(select.Integer(2));
    epoch.next = static_cast<model::EventId>(select.Integer(3));
    epoch.events = static_cast<std::uint64_t>(select.Integer(4));
    epoch.due = epoch.first;
    places_[key] = &epoch;
  }
  GATELOG_ASSIGN_OR_RETURN(
      Statement gaps, database.Prepare("SELECT log_device, epoch, first, last FROM gap ORDER BY "
                                       "log_device, epoch, first"));
  while (true) {
    GATELOG_ASSIGN_OR_RETURN(const bool row, gaps.Step());
    if (!row) return absl::OkStatus();
    const auto epoch = places_.find(LogKey(static_cast<model::DeviceId>(gaps.Integer(0)),
                                           static_cast<model::Epoch>(gaps.Integer(1))));
    if (epoch == places_.end()) continue;  // told elsewhere
    epoch->second->gaps.push_back({static_cast<model::EventId>(gaps.Integer(2)),
                                   static_cast<model::EventId>(gaps.Integer(3))});
  }
}

std::string RecordCheck::NameOf(std::int64_t key) {
  const auto number = static_cast<std::uint64_t>(key);
  return absl::StrCat("log device ", number >> 32, ", epoch ", number & 0xFFFFFFFF, ": ");
}

// Before the first event, if events were pruned, there are as many holes as events are gone.
std::string RecordCheck::TakeRange(const Range& range, Epoch& epoch) const {
  if (range.first > epoch.due && epoch.counted == 0 && pruned_) {
    epoch.pruned += range.first - epoch.due;
  } else if (range.first > epoch.due) {
    return absl::StrCat("IDs ", epoch.due, " to ", range.first - 1,
                        " are neither an event nor in a gap");
  }
  if (range.first < epoch.due || range.last < range.first) {
    return absl::StrCat("ID ", range.first, " is there twice, or below the epoch's first");
  }
  epoch.due = std::uint64_t{range.last} + 1;
  return "";
}

std::string RecordCheck::Take(model::DeviceId log_device, model::Epoch epoch, model::EventId id,
                              bool has_image) {
  Totals& totals = totals_[log_device];
  if (totals.events++ == 0) totals.oldest = {log_device, epoch, id};
  totals.images_wanted += has_image ? 1 : 0;
  const std::int64_t key = LogKey(log_device, epoch);
  const auto place = places_.find(key);
  if (place == places_.end()) {
    return absl::StrCat("there is a row in event of log device ", log_device,
                        " in an epoch that does not exist");
  }
  Epoch& of = *place->second;
  std::string fault;
  while (fault.empty() && of.gap < of.gaps.size() && of.gaps[of.gap].first <= id) {
    fault = TakeRange(of.gaps[of.gap++], of);
  }
  if (fault.empty()) fault = TakeRange({id, id}, of);
  ++of.counted;
  return fault.empty() ? fault : NameOf(key) + fault;
}

std::string RecordCheck::Finish() {
  for (auto& [key, epoch] : epochs_) {
    while (epoch.gap < epoch.gaps.size()) {
      const std::string fault = TakeRange(epoch.gaps[epoch.gap++], epoch);
      if (!fault.empty()) return NameOf(key) + fault;
    }
    if (epoch.due < epoch.next && epoch.counted == 0 && pruned_) {
      epoch.pruned += epoch.next - epoch.due;
      epoch.due = epoch.next;
    }
    if (epoch.counted + epoch.pruned != epoch.events) {
      return absl::StrCat(NameOf(key), epoch.events, " events were stored, of which ",
                          epoch.counted, " are there and ", epoch.pruned, " are pruned");
    }
    if (epoch.due != epoch.next) {
      return absl::StrCat(NameOf(key), "the next ID is ", epoch.next,
                          ", but the records end before ", epoch.due);
    }
  }
  return "";
}

bool RecordCheck::MayBePruned(const model::RecordKey& key) const {
  const Totals totals = TotalsOf(key.log_device);
  return totals.events == 0 || key < totals.oldest;
}

RecordCheck::Totals RecordCheck::TotalsOf(model::DeviceId log_device) const {
  const auto found = totals_.find(log_device);
  return found == totals_.end() ? Totals{} : found->second;
}

}  // namespace gatelog::store
