#pragma once

#include "absl/status/status.h"
#include "ports/event_store.h"

namespace gatelog::ports {

// What a batch must fulfil whatever the store holds: the epoch step, the order and range of events
// and gaps, and that every ID below the new `next` is stored or in a gap (G1). kInvalidArgument
// says which rule it breaks.
absl::Status CheckBatch(const Batch& batch);

// As CheckBatch, for images.
absl::Status CheckImageBatch(const ImageBatch& batch);

}  // namespace gatelog::ports
