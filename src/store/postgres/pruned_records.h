#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/anchor.h"
#include "model/identity.h"
#include "ports/event_store.h"
#include "store/postgres/connection.h"
#include "store/postgres/event_query.h"
#include "store/postgres/log_table.h"
#include "store/postgres/segments.h"

namespace gatelog::postgres {

// What is left of pruned events: by which a record is recognised that a terminal still holds, or
// shows again after it fell back to an older state. It tells of no person. The table pruned_record
// has it, many records of one epoch in a row; the table pruned says of each epoch up to where that
// is, and how much was pruned of it.

// How many events of a segment one step takes up.
inline constexpr int kRememberedPerStep = 2'000;

struct Remembered {
  int records = 0;           // so many were taken up
  model::RecordKey through;  // the last of them
  bool all = false;          // none is left
};
// Takes some events of a closed segment up that is not shown any more, those after `after`, by log
// device, epoch and ID, and what says that their images are absent away; in the transaction that is
// open. The anchors of their logs, which can be found in these events alone, are saved.
absl::StatusOr<Remembered> RememberSome(Connection& connection, const Segment& segment,
                                        const AnchorCache& anchors, const model::RecordKey& after);

// What the stored records of a range are recognised by, ascending: also of those that are not shown
// any more. kAborted: some of them were dropped meanwhile.
absl::StatusOr<std::vector<model::Anchor>> ReadStoredAnchors(Connection& connection,
                                                             const Segments& segments,
                                                             model::DeviceId log_device,
                                                             const ports::RecordRange& range,
                                                             SeqRange visible);

// Those of a range that are remembered, ascending.
absl::StatusOr<std::vector<model::Anchor>> ReadPrunedRecords(Connection& connection,
                                                             model::DeviceId log_device,
                                                             const ports::RecordRange& range);

// Images of an epoch's events that are gone while their events may still be there.
struct PrunedImages {
  model::DeviceId log_device = 0;
  model::Epoch epoch = 0;
  std::uint64_t images = 0;
};
absl::Status CountPrunedImages(Connection& connection, const std::vector<PrunedImages>& pruned);

}  // namespace gatelog::postgres
