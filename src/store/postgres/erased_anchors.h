#pragma once

#include <map>
#include <set>

#include "model/anchor.h"
#include "model/identity.h"
#include "store/postgres/log_table.h"

namespace gatelog::postgres {

// The anchors of events that tell of nobody any more: those that the store keeps, and those that a
// collector still has in its memory and would give back with its next batch. Neither may tell of
// the person. One thread.
class ErasedAnchors {
 public:
  // Takes up the anchors that were marked in earlier lives.
  void Load(const AnchorCache::Logs& logs);

  // From here on the log's anchors with these IDs may not tell of a person.
  void Mark(model::DeviceId log_device, const std::set<model::EventId>& ids);

  // The log's anchors as they may be kept.
  Anchors Clean(model::DeviceId log_device, Anchors anchors);

 private:
  // By log device: the IDs of erased events that may still come back.
  std::map<model::DeviceId, std::set<model::EventId>> marked_;
};

}  // namespace gatelog::postgres
