#include "store/postgres/pruned_records.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "model/event.h"
#include "store/postgres/event_writer.h"

namespace gatelog::postgres {
namespace {

// Records in a row: as many as the server keeps in the row itself.
constexpr std::size_t kRecordsPerRow = 128;

// Records of one epoch that follow one another.
struct Stretch {
  model::DeviceId log_device = 0;
  model::Epoch epoch = 0;
  std::vector<model::Anchor> anchors = {};
  std::uint64_t images_wanted = 0;
};

std::vector<Stretch> StretchesOf(const Result& rows) {
  std::vector<Stretch> stretches;
  for (int row = 0; row < rows.rows(); ++row) {
    const auto number = [&](int column) {
      return static_cast<std::uint32_t>(rows.Integer(row, column));
    };
    if (stretches.empty() || stretches.back().log_device != number(0) ||
        stretches.back().epoch != number(1)) {
      stretches.push_back({.log_device = number(0), .epoch = number(1)});
    }
    model::Event event;
    event.id = number(2);
    event.timestamp = number(3);
    event.code = number(4);
    event.sub_code = number(5);
    event.entity_id = number(6);
    Stretch& stretch = stretches.back();
    stretch.anchors.push_back(model::WithoutPerson(model::AnchorOf(event)));
    if ((rows.Integer(row, 7) & kFlagHasImage) != 0) ++stretch.images_wanted;
  }
  return stretches;
}

absl::Status WriteRecords(Connection& connection, const std::vector<Stretch>& stretches) {
  std::vector<std::uint32_t> devices;
  std::vector<std::int64_t> epochs;
  std::vector<std::int64_t> firsts;
  std::vector<std::int64_t> lasts;
  std::vector<std::string> records;
  for (const Stretch& stretch : stretches) {
    std::span<const model::Anchor> left = stretch.anchors;
    while (!left.empty()) {
      const auto some = left.first(std::min(left.size(), kRecordsPerRow));
      left = left.subspan(some.size());
      devices.push_back(stretch.log_device);
      epochs.push_back(stretch.epoch);
      firsts.push_back(some.front().id);
      lasts.push_back(some.back().id);
      records.push_back(EncodeAnchors(some));
    }
  }
  Params params;
  params.AddOids(devices).AddNumbers(epochs).AddNumbers(firsts).AddNumbers(lasts);
  params.AddBytesList(records);
  return connection
      .Query(
          "INSERT INTO gatelog.pruned_record (log_device, epoch, first, last, records) SELECT * "
          "FROM unnest($1::oid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bytea[]) ON "
          "CONFLICT (log_device, epoch, first) DO UPDATE SET last = excluded.last, records = "
          "excluded.records",
          params)
      .status();
}

// The stretches as $1 to $4: log device, epoch, first and last ID.
Params RangesOf(const std::vector<Stretch>& stretches) {
  std::vector<std::uint32_t> devices;
  std::vector<std::int64_t> epochs;
  std::vector<std::int64_t> firsts;
  std::vector<std::int64_t> lasts;
  for (const Stretch& stretch : stretches) {
    devices.push_back(stretch.log_device);
    epochs.push_back(stretch.epoch);
    firsts.push_back(stretch.anchors.front().id);
    lasts.push_back(stretch.anchors.back().id);
  }
  Params params;
  params.AddOids(devices).AddNumbers(epochs).AddNumbers(firsts).AddNumbers(lasts);
  return params;
}
constexpr char kRanges[] =
    "unnest($1::oid[], $2::bigint[], $3::bigint[], $4::bigint[]) AS u(log_device, epoch, first, "
    "last)";

absl::Status WriteTotals(Connection& connection, const std::vector<Stretch>& stretches) {
  std::vector<std::int64_t> events;
  std::vector<std::int64_t> images;
  for (const Stretch& stretch : stretches) {
    events.push_back(static_cast<std::int64_t>(stretch.anchors.size()));
    images.push_back(static_cast<std::int64_t>(stretch.images_wanted));
  }
  Params params = RangesOf(stretches);
  params.AddNumbers(events).AddNumbers(images);
  return connection
      .Query(
          "INSERT INTO gatelog.pruned AS p (log_device, epoch, below, events, images_wanted) "
          "SELECT log_device, epoch, last + 1, events, images FROM unnest($1::oid[], "
          "$2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[]) AS u(log_device, "
          "epoch, first, last, events, images) ON CONFLICT (log_device, epoch) DO UPDATE SET below "
          "= excluded.below, events = p.events + excluded.events, images_wanted = p.images_wanted "
          "+ excluded.images_wanted",
          params)
      .status();
}

// What is beyond how far back a store remembers.
absl::Status ForgetOldest(Connection& connection, const std::vector<Stretch>& stretches) {
  Params params = RangesOf(stretches);
  params.Add(ports::kIdsRemembered);
  GATELOG_RETURN_IF_ERROR(
      connection
          .Query(absl::StrCat("DELETE FROM gatelog.pruned_record AS r USING ", kRanges,
                              " WHERE r.log_device = u.log_device AND r.epoch = u.epoch AND "
                              "r.first <= u.last - $5::bigint AND r.last <= u.last - $5::bigint"),
                 params)
          .status());
  Params of_epochs = RangesOf(stretches);
  of_epochs.Add(ports::kEpochsRemembered);
  return connection
      .Query(absl::StrCat("DELETE FROM gatelog.pruned_record AS r USING ", kRanges,
                          " WHERE r.log_device = u.log_device AND r.epoch <= u.epoch - "
                          "$5::bigint"),
             of_epochs)
      .status();
}

// Anchors are written now and then, and found again from the events that came since, which are
// about to go.
absl::Status SaveAnchorsOf(Connection& connection, const std::vector<Stretch>& stretches,
                           const AnchorCache& anchors) {
  GATELOG_ASSIGN_OR_RETURN(
      const Result rows,
      connection.Query(
          absl::StrCat("SELECT DISTINCT a.log_device FROM ", kRanges,
                       " JOIN gatelog.log_anchor AS a ON a.log_device = u.log_device AND a.epoch = "
                       "u.epoch AND a.next <= u.last"),
          RangesOf(stretches)));
  AnchorCache::Logs logs;
  for (int row = 0; row < rows.rows(); ++row) {
    const auto log_device = static_cast<model::DeviceId>(rows.Integer(row, 0));
    std::optional<AnchorCache::Kept> kept = anchors.Find(log_device);
    if (kept) logs[log_device] = *std::move(kept);
  }
  return SaveAnchors(connection, logs);
}

}  // namespace

absl::StatusOr<Remembered> RememberSome(Connection& connection, const Segment& segment,
                                        const AnchorCache& anchors, const model::RecordKey& after) {
  GATELOG_RETURN_IF_ERROR(
      connection.Execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off; SET LOCAL "
                         "enable_hashjoin = off"));
  Params params;
  params.Add(after.log_device).Add(after.epoch).Add(after.id).Add(kRememberedPerStep);
  GATELOG_ASSIGN_OR_RETURN(
      const Result rows,
      connection.Query(
          absl::StrCat(
              "SELECT e.log_device, e.epoch, e.id, e.timestamp, e.code, e.sub_code, e.entity, "
              "e.flags FROM ",
              PartitionOf(segment),
              " AS e LEFT JOIN gatelog.pruned AS p ON p.log_device = e.log_device AND p.epoch = "
              "e.epoch WHERE (e.log_device, e.epoch, e.id) > ($1::oid, $2::integer, $3::oid) AND "
              "e.id::bigint >= coalesce(p.below, 0) ORDER BY e.log_device, e.epoch, e.id LIMIT "
              "$4::bigint"),
          params));
  if (rows.rows() == 0) return Remembered{.through = after, .all = true};
  const std::vector<Stretch> stretches = StretchesOf(rows);
  GATELOG_RETURN_IF_ERROR(SaveAnchorsOf(connection, stretches, anchors));
  GATELOG_RETURN_IF_ERROR(WriteRecords(connection, stretches));
  GATELOG_RETURN_IF_ERROR(WriteTotals(connection, stretches));
  GATELOG_RETURN_IF_ERROR(ForgetOldest(connection, stretches));
  GATELOG_RETURN_IF_ERROR(
      connection
          .Query(absl::StrCat("DELETE FROM gatelog.image_absence AS a USING ", kRanges,
                              " WHERE a.log_device = u.log_device AND a.epoch = u.epoch AND a.id "
                              "BETWEEN u.first AND u.last"),
                 RangesOf(stretches))
          .status());
  const Stretch& last = stretches.back();
  return Remembered{.records = rows.rows(),
                    .through = {last.log_device, last.epoch, last.anchors.back().id},
                    .all = rows.rows() < kRememberedPerStep};
}

absl::StatusOr<std::vector<model::Anchor>> ReadStoredAnchors(Connection& connection,
                                                             const Segments& segments,
                                                             model::DeviceId log_device,
                                                             const ports::RecordRange& range,
                                                             SeqRange visible) {
  ports::EventQuery query;
  query.filter.log_devices = {log_device};
  query.filter.epoch = range.epoch;
  query.filter.first_id = range.first;
  query.filter.last_id = range.last;
  query.limit = ports::kQueryLimitMax;
  std::vector<model::Anchor> anchors;
  for (bool more = true; more;) {
    constexpr std::uint64_t kFirst = 1;
    GATELOG_ASSIGN_OR_RETURN(const ports::EventPage page,
                             ReadEvents(connection, segments, query, {kFirst, visible.last}));
    for (const ports::StoredEvent& stored : page.events) {
      const bool person_is_gone = stored.erased || stored.seq < visible.first;
      const model::Anchor anchor = model::AnchorOf(stored.event);
      anchors.push_back(person_is_gone ? model::WithoutPerson(anchor) : anchor);
    }
    query.after_seq = page.seq_reached;
    more = page.more;
  }
  return anchors;
}

absl::StatusOr<std::vector<model::Anchor>> ReadPrunedRecords(Connection& connection,
                                                             model::DeviceId log_device,
                                                             const ports::RecordRange& range) {
  Params params;
  params.Add(log_device).Add(range.epoch).Add(range.first).Add(range.last);
  GATELOG_ASSIGN_OR_RETURN(
      const Result rows,
      connection.Query(
          "SELECT records FROM gatelog.pruned_record WHERE log_device = $1 AND epoch = "
          "$2::bigint AND first <= $4::bigint AND last >= $3::bigint AND first >= (SELECT "
          "coalesce(max(first), 0) FROM gatelog.pruned_record WHERE log_device = $1 AND epoch = "
          "$2::bigint AND first <= $3::bigint) ORDER BY first",
          params));
  std::vector<model::Anchor> anchors;
  for (int row = 0; row < rows.rows(); ++row) {
    for (const model::Anchor& anchor : DecodeAnchors(rows.Bytes(row, 0))) {
      if (anchor.id >= range.first && anchor.id <= range.last) anchors.push_back(anchor);
    }
  }
  return anchors;
}

absl::Status CountPrunedImages(Connection& connection, const std::vector<PrunedImages>& pruned) {
  if (pruned.empty()) return absl::OkStatus();
  std::vector<std::uint32_t> devices;
  std::vector<std::int64_t> epochs;
  std::vector<std::int64_t> images;
  for (const PrunedImages& one : pruned) {
    devices.push_back(one.log_device);
    epochs.push_back(one.epoch);
    images.push_back(static_cast<std::int64_t>(one.images));
  }
  Params params;
  params.AddOids(devices).AddNumbers(epochs).AddNumbers(images);
  return connection
      .Query(
          "INSERT INTO gatelog.pruned AS p (log_device, epoch, images) SELECT * FROM "
          "unnest($1::oid[], $2::bigint[], $3::bigint[]) ON CONFLICT (log_device, epoch) DO UPDATE "
          "SET images = p.images + excluded.images",
          params)
      .status();
}

}  // namespace gatelog::postgres
