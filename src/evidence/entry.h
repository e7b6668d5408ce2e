#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "evidence/digest.h"
#include "model/cursor.h"
#include "model/gap.h"
#include "model/identity.h"

namespace gatelog::evidence {

// What the chain records besides events. The numbers are stored: never change one.
enum class EntryKind : std::uint8_t {
  kStore = 1,
  kEpoch = 2,
  kGap = 3,
  kImages = 4,
  kGeneration = 5,
  kCleared = 6,
  kPrune = 7,
  kErasure = 8,
  kRestore = 9,
};

// The store was made, or an older one was put under the chain. The first entry of every store, and
// only that.
struct StoreEntry {
  model::Incarnation incarnation = 0;
  std::int64_t created_ms = 0;
  std::uint64_t chained_through = 0;  // the newest event that was there before the chain; 0: none

  bool operator==(const StoreEntry&) const = default;
};

// A log device's counter began a life.
struct EpochEntry {
  model::DeviceId log_device = 0;
  model::Epoch epoch = 0;
  model::EventId first = 0;
  model::Generation generation = 0;
  std::int64_t opened_ms = 0;
  // Events of the epoch that ends, whose images will not be collected any more.
  std::uint64_t images_unsettled = 0;

  bool operator==(const EpochEntry&) const = default;
};

struct GapEntry {
  model::DeviceId log_device = 0;
  model::Epoch epoch = 0;
  model::EventId first = 0;
  model::EventId last = 0;
  std::uint8_t reason = 0;  // model::GapReason
  std::int64_t found_ms = 0;
  Digest raw{};  // commitment to the bytes of an unreadable record, or to none

  bool operator==(const GapEntry&) const = default;
};

// What was found out about the images of some events. Those below `next` are settled now.
struct ImagesEntry {
  struct Image {
    model::EventId id = 0;
    std::uint32_t timestamp = 0;
    std::uint32_t code = 0;
    Digest commitment{};

    bool operator==(const Image&) const = default;
  };
  // An event that says it has an image, of which none will be stored.
  struct Absence {
    model::EventId id = 0;
    std::uint8_t reason = 0;  // model::ImageAbsenceReason
    std::int64_t found_ms = 0;

    bool operator==(const Absence&) const = default;
  };

  model::DeviceId log_device = 0;
  model::Epoch epoch = 0;
  model::EventId from = 0;
  model::EventId next = 0;
  std::vector<Image> images = {};
  std::vector<Absence> absences = {};

  bool operator==(const ImagesEntry&) const = default;
};

// A device shows another log generation within an epoch.
struct GenerationEntry {
  model::DeviceId log_device = 0;
  model::Epoch epoch = 0;
  model::Generation generation = 0;

  bool operator==(const GenerationEntry&) const = default;
};

// The gateway cleared the log of a device.
struct ClearedEntry {
  model::DeviceId device = 0;
  model::EventId last = 0;  // the newest record that was on it
  std::int64_t cleared_ms = 0;
  std::string by = {};  // who asked, as far as is known

  bool operator==(const ClearedEntry&) const = default;
};

// What a prune takes away. The numbers are stored.
enum class Pruned : std::uint8_t { kEvents = 1, kImages = 2, kPeople = 3 };

// Retention took the events or images of the blocks [first_block, last_block] out of the store. The
// blocks and their other entries stay. last_block is under a seal.
//
// Of people: what the first `removed` events of these blocks tell of them is gone, and of all
// events before. The entry is in one block with the erasure that took it, if there was anything.
struct PruneEntry {
  Pruned what = Pruned::kEvents;
  std::uint64_t first_block = 0;
  std::uint64_t last_block = 0;
  std::uint64_t removed = 0;  // rows; of people: events that were looked through
  std::string by = {};

  bool operator==(const PruneEntry&) const = default;
};

// The personal parts of events, and images, were taken out: one person's, or, beside a prune of
// people, whoever's they were. It does not say whose.
struct ErasureEntry {
  std::uint64_t events = 0;
  Digest events_digest{};  // over their seqs; see ErasedEvents
  std::uint64_t images = 0;
  Digest images_digest{};  // over their keys; see ErasedImages
  std::string by = {};

  bool operator==(const ErasureEntry&) const = default;
};

// The store was restored from a backup: what came after the block before this one is not in it.
struct RestoreEntry {
  model::Incarnation before = 0;
  model::Incarnation after = 0;

  bool operator==(const RestoreEntry&) const = default;
};

using Entry = std::variant<StoreEntry, EpochEntry, GapEntry, ImagesEntry, GenerationEntry,
                           ClearedEntry, PruneEntry, ErasureEntry, RestoreEntry>;

EntryKind KindOf(const Entry& entry);
// "gap", "epoch" and so on; for messages.
const char* EntryKindName(EntryKind kind);

// The entry's body, as it is stored and hashed; docs/formats/seal.md has the fields.
std::string EncodeEntry(const Entry& entry);

// Nothing if the kind is not known, or the body is not exactly one.
std::optional<Entry> DecodeEntry(std::uint8_t kind, std::string_view body);

inline constexpr std::size_t kEntryTextMax = 256;         // bytes of `by`; longer ones are cut
inline constexpr std::size_t kImagesPerEntryMax = 4'096;  // of an older store; more become several

}  // namespace gatelog::evidence
