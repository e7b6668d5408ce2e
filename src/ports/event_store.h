#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "model/anchor.h"
#include "model/cursor.h"
#include "model/event.h"
#include "model/gap.h"
#include "model/identity.h"
#include "model/image_absence.h"

namespace gatelog::ports {

// When an event came relative to the link. The numbers are stored: never change one.
enum class Phase : int {
  kLive = 1,     // happened while the gateway was linked to the device
  kBacklog = 2,  // was on the device when the link came up
};

// Records [first, last] of one epoch.
struct RecordRange {
  model::Epoch epoch = 0;
  model::EventId first = 0;
  model::EventId last = 0;
};

// An epoch that is over.
struct PastEpoch {
  model::Epoch epoch = 0;
  model::EventId first = 0;  // lowest ID that belongs to it
  model::EventId next = 0;   // lowest ID neither stored nor recorded as a gap when it ended
  model::Generation generation = 0;

  bool operator==(const PastEpoch&) const = default;
};

// What the store knows of one log device: enough to go on after a restart.
struct LogState {
  model::DeviceId log_device = 0;
  model::Epoch epoch = 0;            // the current one
  model::EventId epoch_first = 0;    // lowest ID that belongs to it
  model::Generation generation = 0;  // that the device showed in it; 0: none
  model::EventId next = 0;           // lowest ID neither stored nor recorded as a gap
  // Every event below it that has an image on the device either has it here too, or is recorded as
  // without.
  model::EventId image_next = 0;
  std::vector<model::Anchor> anchors =
      {};  // the newest records stored or unreadable, ascending, kAnchorCount at most
  std::vector<PastEpoch> past = {};  // ascending; a batch that opens an epoch adds the one it ends

  bool operator==(const LogState&) const = default;
};

// A change of one log device's state, all of it or nothing.
struct Batch {
  model::DeviceId log_device = 0;

  // The fence: the batch commits only if the store's state is exactly this. Epoch 0: the store
  // knows nothing of the device.
  model::Epoch expected_epoch = 0;
  model::EventId expected_next = 0;

  // The state after it, without image_next, which an opened epoch sets to epoch_first. An epoch
  // that is expected_epoch + 1 is opened by this batch; no other step is allowed. It ends the one
  // before: images of that which are not stored are absent from then on, as kEpochOver.
  LogState after = {};

  // Of after.epoch, events ascending, gaps disjoint from each other and from the events. Together
  // they are exactly [expected_next, or epoch_first where an epoch is opened, after.next).
  std::vector<model::Event> events = {};
  std::vector<model::Gap> gaps = {};
  model::EventId live_from = 0;  // events with a smaller ID are backlog
  Timestamp arrival{};
};

// What has been found out about the images of some events. Commits only if epoch and image_next are
// as expected.
struct ImageBatch {
  model::DeviceId log_device = 0;
  model::Epoch epoch = 0;
  model::EventId expected_image_next = 0;
  model::EventId image_next = 0;  // after it
  // One whose event is not stored with the same timestamp and code is left out, and so is one that
  // names another sub code.
  std::vector<model::Image> images = {};
  // Of events that say they have an image. One that has its image stored, or is recorded already,
  // is left out.
  std::vector<model::ImageAbsence> absences = {};
  Timestamp found{};  // when the absences were
};

struct StoredEvent {
  std::uint64_t seq = 0;
  model::DeviceId log_device = 0;
  model::Epoch epoch = 0;
  Timestamp arrival{};
  Phase phase = Phase::kLive;
  bool erased = false;  // what it told of a person was taken out; the event is without
  model::Event event;

  bool operator==(const StoredEvent&) const = default;
};

// One event code, with some of its sub codes or with every one.
struct CodeChoice {
  CodeChoice(std::uint32_t main_code, std::vector<std::uint32_t> only = {})  // NOLINT: is its code
      : code(main_code), sub_codes(std::move(only)) {}

  std::uint32_t code = 0;
  std::vector<std::uint32_t> sub_codes = {};  // empty: every one

  bool operator==(const CodeChoice&) const = default;
};

// Which events. What is empty or zero matches all; what is set must all match, a list by any of its
// values.
struct EventFilter {
  std::vector<model::DeviceId> log_devices = {};
  std::vector<model::DeviceId> devices = {};
  // An empty ID: events of nobody known. One whose person was erased is of no user, nor of nobody.
  std::vector<std::string> users = {};
  std::vector<std::string> cards = {};  // model::CardNumber of the event
  std::vector<CodeChoice> codes = {};
  std::vector<std::uint32_t> entities = {};
  std::vector<std::uint32_t> tna_keys = {};
  std::optional<model::Epoch> epoch = {};
  std::optional<Phase> phase = {};
  model::EventId first_id = 0;
  model::EventId last_id = 0;          // inclusive
  std::int64_t from_s = 0;             // device time, inclusive
  std::int64_t to_s = 0;               // device time, exclusive
  Timestamp arrival_from{};            // inclusive
  Timestamp arrival_to{};              // exclusive
  std::uint32_t temperature_from = 0;  // hundredths of a degree, inclusive; set: only measured ones
  std::uint32_t temperature_to = 0;    // inclusive; set: only measured ones
  bool has_image = false;              // only events that say they have an image
  bool changed_on_device = false;      // only those

  bool operator==(const EventFilter&) const = default;
};

enum class Order { kOldestFirst, kNewestFirst };  // by seq

struct EventQuery {
  EventFilter filter = {};
  Order order = Order::kOldestFirst;
  std::uint64_t after_seq = 0;   // exclusive lower bound
  std::uint64_t before_seq = 0;  // exclusive upper bound; 0: none
  std::uint32_t limit = 1000;    // 1 to kQueryLimitMax
  // Of each event the payload alone, for who passes bytes on: it is a message with an ID, and the
  // other fields of `event` may be unset.
  bool payload_alone = false;
  std::stop_token stop = {};  // when it is requested the read ends soon, with kCancelled
};

inline constexpr std::uint32_t kQueryLimitMax = 16'384;

// A read that has looked at so many events may end before its limit is reached, so that no read
// lasts.
inline constexpr std::uint64_t kLookedAtMax = 262'144;

struct EventPage {
  std::vector<StoredEvent> events;
  // How far the read looked: every matching event up to here (down to here, newest first) is in the
  // pages so far. With `more` the place to go on from; else the end of the range: oldest first, the
  // newest visible seq or before_seq - 1, and never less than after_seq; newest first, the seq that
  // follows after_seq, or first_seq().
  std::uint64_t seq_reached = 0;
  bool more = false;  // the limit or kLookedAtMax ended the page; none may follow all the same
};

// How many events pass a filter, by any of their fields. What is not counted by is zero or empty in
// every row.
struct CountQuery {
  EventFilter filter = {};
  bool by_code = false;
  bool by_sub_code = false;
  bool by_device = false;
  bool by_user = false;
  bool by_entity = false;
  // Counts by spans of device time, which begin at multiples of it since 1970: 0 (does not), or a
  // divisor of a day from kCountSpanMin on.
  std::uint32_t by_span_s = 0;
  std::stop_token stop = {};
};

inline constexpr std::uint32_t kCountSpanMin = 900;
inline constexpr std::size_t kCountRowsMax = 100'000;

struct EventCount {
  std::int64_t span_s = 0;  // where the span begins, Unix seconds
  std::uint32_t code = 0;
  std::uint32_t sub_code = 0;
  model::DeviceId device = 0;
  std::uint32_t entity = 0;
  std::string user_id;  // empty: nobody known, or erased
  std::uint64_t events = 0;

  auto operator<=>(const EventCount&) const = default;
};

// How far back a store remembers pruned records at least, of each log device: those of its newest
// epochs, in each of them the newest IDs. A device that shows an older one again has it stored
// again.
inline constexpr std::uint32_t kEpochsRemembered = 32;
inline constexpr std::uint32_t kIdsRemembered = 1'000'000;

// Of everything that was ever stored, also what was pruned since.
struct LogTotals {
  model::DeviceId log_device = 0;
  std::uint64_t events = 0;
  std::uint64_t images_wanted = 0;  // events that say they have an image
  std::uint64_t images = 0;         // stored
  std::uint64_t images_absent = 0;  // that will not be stored any more
  std::uint64_t gaps = 0;
  std::uint64_t missing = 0;  // records inside gaps
  std::uint64_t epochs = 0;
};

// Where events are kept. One writer: the process that opened the store; others are refused when
// they open it.
//
// Durable before visible (G3): when Commit returns OK, what it wrote is synced, and only then do
// reads show it. Threads: Commit and CommitImages on one thread at a time; reads from any threads,
// also while a commit runs. All calls block. Errors: kFailedPrecondition: a fence did not match.
// kDataLoss: the store is damaged. kResourceExhausted: no space. kUnavailable: the storage failed
// (I/O error); nothing is acknowledged any more until the store is opened anew.
class EventStore {
 public:
  virtual ~EventStore() = default;

  // Chosen when the store was made; constant.
  virtual model::Incarnation incarnation() const = 0;

  // The newest seq that is visible; 0: the store is empty.
  virtual std::uint64_t last_seq() const = 0;

  // The oldest event that is shown: everything before it was pruned, and is no gap. last_seq() + 1:
  // none is left. Never goes back.
  virtual std::uint64_t first_seq() const = 0;

  virtual absl::StatusOr<std::vector<LogState>> LoadLogStates() = 0;

  // Writes the batches in order in one transaction; seq goes up in the same order. One result per
  // batch: a batch whose fence does not match gets kFailedPrecondition, one that breaks a
  // rule of Batch kInvalidArgument; it changes nothing, the others commit. Any other error is the
  // call's own: then nothing is written. After a commit of unknown outcome the store reads the
  // state back and returns what really happened.
  //
  // With no batches: whether the store takes commits, at little cost, and after a failure by trying
  // it. Changes nothing that anybody reads.
  virtual absl::StatusOr<std::vector<absl::Status>> Commit(std::span<const Batch> batches) = 0;

  // As Commit, for images.
  virtual absl::StatusOr<std::vector<absl::Status>> CommitImages(
      std::span<const ImageBatch> batches) = 0;

  // kInvalidArgument: a limit out of its range.
  virtual absl::StatusOr<EventPage> Read(const EventQuery& query) = 0;

  // The visible events that match, in ascending rows. kInvalidArgument: a span that is none.
  // kResourceExhausted: more than kCountRowsMax rows.
  virtual absl::StatusOr<std::vector<EventCount>> Count(const CountQuery& query) = 0;

  // What the stored records of a log are recognised by, range by range, in each ascending by ID;
  // also those of pruned events, as long as they are remembered. Of erased and pruned ones without
  // the person.
  virtual absl::StatusOr<std::vector<model::Anchor>> ReadAnchors(
      model::DeviceId log_device, std::span<const RecordRange> ranges) = 0;

  // Gaps ordered by (log device, epoch, first), after the given place, `limit` at most. No devices:
  // all.
  virtual absl::StatusOr<std::vector<model::Gap>> ReadGaps(
      std::span<const model::DeviceId> log_devices, const model::RecordKey& after,
      std::uint32_t limit) = 0;

  // Epoch 0: the latest epoch that has one. kNotFound if no image is stored: the message is the
  // sentence of model/image_absence.h that says why, and whether one may still come.
  virtual absl::StatusOr<std::pair<model::RecordKey, model::Image>> ReadImage(
      const model::RecordKey& key) = 0;

  virtual absl::StatusOr<std::vector<LogTotals>> ReadTotals() = 0;
};

}  // namespace gatelog::ports
