#pragma once

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "model/event.h"
#include "ports/event_store.h"
#include "store/postgres/connection.h"
#include "store/postgres/event_query.h"
#include "store/postgres/segments.h"

namespace gatelog::postgres {

// The tables `image` and `image_absence`, and the counts of both in `log_state`. Each event that
// says it has an image has a row in one of them, or its ID is at or above log_state.image_next, or
// its epoch is over, which makes it absent without a row.

// When and among which events images are stored, and which events are shown.
struct ImageMoment {
  SeqRange visible;
  Timestamp now{};
};

// Writes what the batch found, in the transaction that is open. In `refusal`: why the batch was
// refused, then nothing was written. Returns an error if the transaction as a whole has failed.
absl::Status WriteImageBatch(Connection& connection, const Segments& segments,
                             const ImageMoment& moment, const ports::ImageBatch& batch,
                             absl::Status& refusal);

// As ports::EventStore::ReadImage.
absl::StatusOr<std::pair<model::RecordKey, model::Image>> FindImage(Connection& connection,
                                                                    const Segments& segments,
                                                                    SeqRange visible,
                                                                    const model::RecordKey& key);

}  // namespace gatelog::postgres
