#pragma once

#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/event.h"
#include "ports/event_store.h"
#include "store/sqlite/chain_writer.h"
#include "store/sqlite/record_lookup.h"
#include "store/sqlite/sqlite_database.h"

namespace gatelog::store {

// The tables `image` and `image_absence`, and the counts of both in `log_state`. Each event that
// says it has an image has a row in one of them, or its ID is at or above log_state.image_next, or
// its epoch is over, which makes it absent without a row; or the image was erased.

// Leads to schema version 2.
absl::Status AddImageAbsences(Database& database, const Clock& clock);

// Writes what the batch found, in the transaction that is open and into the block under way; its
// fence has been checked.
absl::Status WriteImageBatch(const RecordLookup& records, ChainWriter& chain,
                             const ports::ImageBatch& batch);

// Events of the log's current epoch that say they have an image and have neither row.
absl::StatusOr<std::uint64_t> CountUnsettledImages(const RecordLookup& records,
                                                   model::DeviceId log_device);

// As ports::EventStore::ReadImage.
absl::StatusOr<std::pair<model::RecordKey, model::Image>> FindImage(const RecordLookup& records,
                                                                    const model::RecordKey& key);

}  // namespace gatelog::store
