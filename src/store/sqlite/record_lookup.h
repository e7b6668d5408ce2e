#pragma once

#include <cstdint>
#include <optional>
#include <unordered_set>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/identity.h"
#include "store/sqlite/event_index.h"
#include "store/sqlite/sqlite_database.h"

namespace gatelog::store {

// Single records by their key, and what lists tell without a look at rows. A seq that is found may
// be one that retention has taken: then there is no row, or it is not shown. `last_seq` is the
// newest event that may be looked at.
struct RecordLookup {
  Database& database;
  const IndexView& view;
  std::uint64_t last_seq;

  // Nothing: no such record is stored.
  absl::StatusOr<std::optional<std::uint64_t>> Find(const model::RecordKey& key) const;

  // The same in the latest epoch, up to `newest`, that has the ID.
  absl::StatusOr<std::optional<std::uint64_t>> FindLatest(model::DeviceId log_device,
                                                          model::Epoch newest,
                                                          model::EventId id) const;

  // Calls `take` with the records of the epoch, in order, that say they have an image, from the ID
  // `first` on.
  absl::Status VisitImages(model::DeviceId log_device, model::Epoch epoch, model::EventId first,
                           absl::FunctionRef<absl::Status(model::EventId)> take) const;

  // In order: the events that lists have under the person.
  absl::StatusOr<std::vector<std::uint64_t>> EventsOf(std::int64_t person) const;

  // Leaves those people of whom no event from `first_seq` on tells.
  absl::Status KeepGone(std::unordered_set<std::int64_t>& people, std::uint64_t first_seq) const;

 private:
  absl::StatusOr<std::optional<std::uint64_t>> FindClosed(const model::RecordKey& key) const;
  std::uint32_t EndIn(const MemorySegment& segment) const;
};

}  // namespace gatelog::store
