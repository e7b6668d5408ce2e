#pragma once

#include <map>
#include <set>

#include "model/anchor.h"
#include "model/identity.h"
#include "store/postgres/log_table.h"

namespace gatelog::postgres {

// Which of the records of the log devices $1 with the IDs $2 are of events that were pruned or tell
// of nobody any more: log device and ID. A few descents of an index for each record, epoch that had
// its ID and segment: it is asked inside a commit.
inline constexpr char kShownAgainQuery[] =
    "WITH u AS (SELECT * FROM unnest($1::oid[], $2::oid[]) AS shown(log_device, id)) "
    "SELECT u.log_device, u.id FROM u WHERE EXISTS (SELECT 1 FROM gatelog.pruned AS p WHERE "
    "p.log_device = u.log_device AND u.id::bigint < p.below) "
    // A device may show what it wrote before any of its epochs. Without OFFSET and LIMIT the
    // planner may begin with the events instead.
    "UNION SELECT u.log_device, u.id FROM u CROSS JOIN LATERAL (SELECT s.epoch FROM gatelog.epochs "
    "AS s WHERE s.log_device = u.log_device AND u.id::bigint >= s.first AND u.id::bigint < s.next "
    "OFFSET 0) AS had CROSS JOIN LATERAL (SELECT 1 FROM gatelog.event AS e WHERE e.log_device = "
    "u.log_device AND e.epoch = had.epoch AND e.id = u.id AND e.flags & 4 <> 0 AND e.seq < (SELECT "
    "value FROM gatelog.meta WHERE key = 'people_seq') LIMIT 1) AS erased";

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
