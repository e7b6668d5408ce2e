#include <algorithm>
#include <set>
#include <unordered_set>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "store/sqlite/audit_pass.h"

namespace gatelog::store {

using evidence::EpochAccount;
using evidence::Finding;

namespace {

std::string NameOf(std::int64_t log_device, std::int64_t epoch) {
  return absl::StrCat("device ", log_device, " epoch ", epoch);
}

std::int64_t Number(std::uint64_t value) { return static_cast<std::int64_t>(value); }

absl::Status OtherEventsErased(std::uint64_t block, const evidence::ErasureEntry& erasure) {
  return Finding(absl::StrCat("the erasure of block ", block, " took ", erasure.events,
                              " events; those that are marked as erased by it are others"));
}

// Names the first of several values that is not what the chain says.
class Comparison {
 public:
  explicit Comparison(const Statement& row) : row_(row) {}

  Comparison& Is(int column, std::uint64_t expected, const char* name) {
    const bool same = !row_.IsNull(column) && row_.Integer(column) == Number(expected);
    if (!same && wrong_ == nullptr) wrong_ = name;
    return *this;
  }
  Comparison& IsNull(int column, const char* name) {
    if (!row_.IsNull(column) && wrong_ == nullptr) wrong_ = name;
    return *this;
  }
  absl::Status Result(const std::string& of) const {
    if (wrong_ == nullptr) return absl::OkStatus();
    return Finding(absl::StrCat(of, ": ", wrong_, " is not what the chain says"));
  }

 private:
  const Statement& row_;
  const char* wrong_ = nullptr;
};

}  // namespace

// Rows that lie before, behind or between what was walked through.
absl::Status AuditPass::CheckNothingOutside() {
  GATELOG_ASSIGN_OR_RETURN(
      Statement event,
      database_.Prepare("SELECT seq FROM event WHERE seq > ?1 OR seq < 1 ORDER BY seq LIMIT 1"));
  event.Bind(1, Number(report_.events + report_.pruned_events));
  GATELOG_ASSIGN_OR_RETURN(const bool extra_event, event.Step());
  if (extra_event) {
    return Finding(absl::StrCat("event seq ", event.Integer(0), " is in no block"));
  }
  struct Outside {
    const char* sql;
    std::uint64_t most;
    const char* what;
  };
  const Outside outside[] = {
      {"SELECT number FROM block WHERE number > ?1 OR number < 1", report_.blocks, "block"},
      {"SELECT block FROM entry WHERE block > ?1 OR block < 1", report_.blocks, "entry of block"},
      {"SELECT number FROM seal WHERE number > ?1 OR number < 1", report_.seals, "seal"},
      {"SELECT seal FROM seal_manifest WHERE seal > ?1 OR seal < 1", report_.seals,
       "manifest of seal"}};
  for (const Outside& one : outside) {
    GATELOG_ASSIGN_OR_RETURN(Statement select, database_.Prepare(one.sql));
    select.Bind(1, Number(one.most));
    GATELOG_ASSIGN_OR_RETURN(const bool any, select.Step());
    if (any) {
      return Finding(absl::StrCat(one.what, " ", select.Integer(0), " does not follow the others"));
    }
  }
  return absl::OkStatus();
}

// In the order of seq, which needs no sorting. The events of an erasure by retention follow each
// other, so of those only one is open at a time.
absl::Status AuditPass::CheckErased() {
  GATELOG_ASSIGN_OR_RETURN(Statement oldest, database_.Prepare("SELECT min(seq) FROM event"));
  GATELOG_RETURN_IF_ERROR(oldest.Step().status());
  const std::uint64_t oldest_event = oldest.IsNull(0)
                                         ? report_.events + report_.pruned_events + 1
                                         : static_cast<std::uint64_t>(oldest.Integer(0));
  GATELOG_ASSIGN_OR_RETURN(Statement select,
                           database_.Prepare("SELECT block, seq FROM erased ORDER BY seq"));
  std::map<std::uint64_t, evidence::ErasedEvents> taken;
  std::set<std::uint64_t> closed;
  std::uint64_t open = 0;  // an erasure by retention; 0: none
  const auto close = [&](std::uint64_t block) {
    auto found = taken.extract(block);
    closed.insert(block);
    return CheckErasure(block, found.mapped().count(), found.mapped().Finish());
  };
  while (true) {
    GATELOG_ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) break;
    const auto block = static_cast<std::uint64_t>(select.Integer(0));
    const auto seq = static_cast<std::uint64_t>(select.Integer(1));
    GATELOG_RETURN_IF_ERROR(CheckErasedRow(block, seq, oldest_event));
    if (people_pruned_.contains(block) && block != open) {
      if (open != 0) GATELOG_RETURN_IF_ERROR(close(open));
      if (closed.contains(block)) return OtherEventsErased(block, erasures_.at(block));
      open = block;
    }
    taken[block].Add(seq);
    ++report_.erased_events;
  }
  for (const auto& [block, erasure] : erasures_) {
    if (closed.contains(block)) continue;
    taken.try_emplace(block);
    GATELOG_RETURN_IF_ERROR(close(block));
  }
  return absl::OkStatus();
}

absl::Status AuditPass::CheckErasedRow(std::uint64_t block, std::uint64_t seq,
                                       std::uint64_t oldest_event) const {
  if (!erasures_.contains(block)) {
    return Finding(absl::StrCat("event seq ", seq, " is erased, and no entry says so"));
  }
  if (!people_pruned_.contains(block)) return absl::OkStatus();
  if (seq >= people_seq_ || seq < oldest_event) {
    return Finding(absl::StrCat("event seq ", seq, " is marked as erased by block ", block,
                                ", which did not take it, or it is pruned"));
  }
  return absl::OkStatus();
}

absl::Status AuditPass::CheckErasure(std::uint64_t block, std::uint64_t events,
                                     const evidence::Digest& digest) const {
  const evidence::ErasureEntry& erasure = erasures_.at(block);
  if (events == erasure.events && digest == erasure.events_digest) return absl::OkStatus();
  // Where some of the events were pruned since, their rows went with them.
  const auto people = people_pruned_.find(block);
  const bool some_pruned =
      people != people_pruned_.end() &&
      std::any_of(events_pruned_.begin(), events_pruned_.end(),
                  [&](const Blocks& range) { return people->second <= range.last; });
  if (some_pruned && events < erasure.events) return absl::OkStatus();
  return OtherEventsErased(block, erasure);
}

absl::Status AuditPass::CheckErasedImages() {
  GATELOG_ASSIGN_OR_RETURN(
      Statement select, database_.Prepare("SELECT block, log_device, epoch, id FROM erased_image "
                                          "ORDER BY block, log_device, epoch, id"));
  std::map<std::uint64_t, evidence::ErasedImages> taken;
  while (true) {
    GATELOG_ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) break;
    const auto block = static_cast<std::uint64_t>(select.Integer(0));
    const model::RecordKey key{static_cast<model::DeviceId>(select.Integer(1)),
                               static_cast<model::Epoch>(select.Integer(2)),
                               static_cast<model::EventId>(select.Integer(3))};
    const bool fits = select.Integer(1) == key.log_device && select.Integer(2) == key.epoch &&
                      select.Integer(3) == key.id;
    if (!fits || !erasures_.contains(block)) {
      return Finding(absl::StrCat("the image of ", NameOf(key.log_device, key.epoch), " ID ",
                                  key.id, " is erased, and no entry says so"));
    }
    taken[block].Add(key);
    ++report_.erased_images;
  }
  for (const auto& [block, erasure] : erasures_) {
    evidence::ErasedImages& images = taken[block];
    if (images.count() != erasure.images || images.Finish() != erasure.images_digest) {
      return Finding(absl::StrCat("the erasure of block ", block, " took ", erasure.images,
                                  " images; those that are marked as erased by it are others"));
    }
  }
  return absl::OkStatus();
}

// Each row that the chain names was compared; more than those there must not be.
absl::Status AuditPass::CheckCounts() {
  GATELOG_ASSIGN_OR_RETURN(const std::int64_t gaps,
                           database_.QueryInteger("SELECT count(*) FROM gap"));
  if (gaps != Number(ledger_.gaps())) {
    return Finding(absl::StrCat("there are ", gaps, " gaps; the chain knows ", ledger_.gaps()));
  }
  GATELOG_ASSIGN_OR_RETURN(const std::int64_t absences,
                           database_.QueryInteger("SELECT count(*) FROM image_absence"));
  if (absences != Number(ledger_.absences())) {
    return Finding(absl::StrCat("there are ", absences, " absences of images; the chain knows ",
                                ledger_.absences()));
  }
  GATELOG_ASSIGN_OR_RETURN(const std::int64_t images,
                           database_.QueryInteger("SELECT count(*) FROM image"));
  GATELOG_ASSIGN_OR_RETURN(const std::int64_t erased_here,
                           database_.QueryInteger("SELECT count(*) FROM erased_image"));
  // Where some are pruned an erased one may be, too. And some may have been pruned after they were
  // looked at.
  const bool any_pruned = !images_pruned_.empty();
  const bool right = any_pruned ? images <= Number(images_found_)
                                : images + erased_here == Number(ledger_.images());
  if (right) return absl::OkStatus();
  return Finding(absl::StrCat(
      "there are ", images, " images and ", erased_here, " erased ones; the chain knows ",
      any_pruned ? images_found_ : ledger_.images(), any_pruned ? " that are not pruned" : ""));
}

absl::Status AuditPass::CheckEpochs() {
  GATELOG_ASSIGN_OR_RETURN(
      Statement select,
      database_.Prepare("SELECT e.log_device, e.epoch, e.next, e.generation, e.events, e.gaps, "
                        "e.missing, s.epoch FROM epoch AS e LEFT JOIN log_state AS s ON "
                        "s.log_device = e.log_device ORDER BY e.log_device, e.epoch"));
  while (true) {
    GATELOG_ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) return absl::OkStatus();
    const std::string name = NameOf(select.Integer(0), select.Integer(1));
    const EpochAccount* account = ledger_.Find(static_cast<model::DeviceId>(select.Integer(0)),
                                               static_cast<model::Epoch>(select.Integer(1)));
    if (account == nullptr) return Finding(absl::StrCat(name, " is not in the chain"));
    const bool over = ledger_.Find(static_cast<model::DeviceId>(select.Integer(0)),
                                   static_cast<model::Epoch>(select.Integer(1) + 1)) != nullptr;
    Comparison comparison(select);
    if (over) {
      comparison.Is(2, account->next(), "the next ID").Is(3, account->generation, "the generation");
      comparison.Is(4, account->events, "the number of events");
      comparison.Is(5, account->gaps, "the number of gaps");
      comparison.Is(6, account->missing, "the number of missing records");
    } else {
      comparison.IsNull(2, "the next ID").Is(3, account->opened_with, "the generation");
      comparison.IsNull(4, "the number of events").IsNull(5, "the number of gaps");
      comparison.IsNull(6, "the number of missing records");
    }
    GATELOG_RETURN_IF_ERROR(comparison.Result(name));
  }
}

absl::Status AuditPass::CheckLogs() {
  struct Totals {
    model::Epoch epoch = 0;
    std::uint64_t events = 0, images_wanted = 0, images = 0, images_absent = 0;
    std::uint64_t gaps = 0, missing = 0;
  };
  std::map<model::DeviceId, Totals> expected;
  for (const auto& [key, account] : ledger_.epochs()) {
    Totals& totals = expected[key.first];
    totals.epoch = std::max(totals.epoch, key.second);
    totals.events += account.events;
    totals.images_wanted += account.images_wanted;
    totals.images += account.images;
    totals.images_absent += account.images_absent + account.images_unsettled;
    totals.gaps += account.gaps;
    totals.missing += account.missing;
  }
  GATELOG_ASSIGN_OR_RETURN(
      Statement select,
      database_.Prepare("SELECT log_device, epoch, epoch_first, generation, next, image_next, "
                        "events, images, gaps, missing, epoch_events, epoch_gaps, epoch_missing, "
                        "images_wanted, images_absent "
                        "FROM log_state ORDER BY log_device"));
  while (true) {
    GATELOG_ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) break;
    const auto log_device = static_cast<model::DeviceId>(select.Integer(0));
    const std::string name = absl::StrCat("state of log device ", select.Integer(0));
    const auto known = expected.find(log_device);
    if (known == expected.end() || select.Integer(0) != log_device) {
      return Finding(absl::StrCat(name, " is there, and the chain does not know it"));
    }
    const Totals& totals = known->second;
    const EpochAccount& now = *ledger_.Find(log_device, totals.epoch);
    // How many of the events that were pruned said that they have an image, nobody knows any more.
    const bool all_there = report_.pruned_events == 0;
    GATELOG_RETURN_IF_ERROR(Comparison(select)
                                .Is(1, totals.epoch, "the epoch")
                                .Is(all_there ? 13 : 6,
                                    all_there ? totals.images_wanted : totals.events,
                                    "the number of events with an image")
                                .Is(14, totals.images_absent, "the number of absent images")
                                .Is(2, now.first, "the epoch's first ID")
                                .Is(3, now.generation, "the generation")
                                .Is(4, now.next(), "the next ID")
                                .Is(5, now.image_next, "the next ID of images")
                                .Is(6, totals.events, "the number of events")
                                .Is(7, totals.images, "the number of images")
                                .Is(8, totals.gaps, "the number of gaps")
                                .Is(9, totals.missing, "the number of missing records")
                                .Is(10, now.events, "the number of events of the epoch")
                                .Is(11, now.gaps, "the number of gaps of the epoch")
                                .Is(12, now.missing, "the number of missing records of the epoch")
                                .Result(name));
    expected.erase(known);
  }
  if (expected.empty()) return absl::OkStatus();
  return Finding(absl::StrCat("state of log device ", expected.begin()->first, " is missing"));
}

absl::Status AuditPass::CheckPeople() {
  // Nothing but the rows themselves is relied on: no list of events by person is under the chain.
  std::unordered_set<std::int64_t> named;
  GATELOG_ASSIGN_OR_RETURN(Statement events,
                           database_.Prepare("SELECT person FROM event WHERE person IS NOT NULL"));
  while (true) {
    GATELOG_ASSIGN_OR_RETURN(const bool row, events.Step());
    if (!row) break;
    named.insert(events.Integer(0));
  }
  GATELOG_ASSIGN_OR_RETURN(
      Statement people,
      database_.Prepare("SELECT id FROM person AS p WHERE NOT EXISTS (SELECT 1 FROM image AS i "
                        "INDEXED BY image_person WHERE i.person = p.id)"));
  while (true) {
    GATELOG_ASSIGN_OR_RETURN(const bool row, people.Step());
    if (!row) return absl::OkStatus();
    if (!named.contains(people.Integer(0))) {
      return Finding(absl::StrCat("nothing tells of person ", people.Integer(0)));
    }
  }
}

absl::Status AuditPass::CheckMeta() {
  GATELOG_ASSIGN_OR_RETURN(
      const std::int64_t unknown,
      database_.QueryInteger("SELECT (SELECT count(*) FROM secret WHERE name <> 'salt') + (SELECT "
                             "count(*) FROM meta WHERE key NOT IN ('incarnation', 'created_ms'))"));
  if (unknown != 0) return Finding("a row was added to the table meta or secret");
  GATELOG_ASSIGN_OR_RETURN(
      const std::int64_t incarnation,
      database_.QueryInteger("SELECT value FROM meta WHERE key = 'incarnation'"));
  if (incarnation != Number(ledger_.incarnation())) {
    return Finding("the store's incarnation is not what was committed");
  }
  GATELOG_ASSIGN_OR_RETURN(
      const std::int64_t created,
      database_.QueryInteger("SELECT value FROM meta WHERE key = 'created_ms'"));
  if (created != ledger_.created_ms()) {
    return Finding("the time at which the store was made is not what was committed");
  }
  return absl::OkStatus();
}

}  // namespace gatelog::store
