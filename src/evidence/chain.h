#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "evidence/digest.h"
#include "evidence/entry.h"
#include "model/event.h"
#include "model/identity.h"
#include "model/personal_part.h"

namespace gatelog::evidence {

// The chain over everything that a store has committed. What one transaction wrote is a block; a
// block's head is a digest of the block and of the head before it, so that the newest head stands
// for all there is. docs/formats/seal.md specifies every byte; nothing here may change without a
// new version of that.
//
// Everything is computed from values; stores keep them. One thread at a time.

// Random bytes that stand between a personal value and its digest: who does not have them cannot
// try values. Each person has 32 of their own, and what tells of nobody has the store's.
inline constexpr std::size_t kSaltBytes = 32;
std::string NewSalt();

// Where the chain stands.
struct ChainHead {
  std::uint64_t block = 0;  // the newest; 0: none
  Digest digest{};

  bool operator==(const ChainHead&) const = default;
};

// Whose event it is and how it came: what the record itself does not say.
struct EventPlace {
  std::uint64_t seq = 0;
  model::DeviceId log_device = 0;
  model::Epoch epoch = 0;
  model::EventId id = 0;
  std::int64_t arrival_ms = 0;
  std::uint8_t phase = 0;  // ports::Phase
};

// One transaction.
struct Block {
  std::uint64_t number = 0;     // from 1, without holes
  std::int64_t time_ms = 0;     // of the commit, by the gateway's clock
  std::uint64_t first_seq = 0;  // of its events; those of the next block follow
  std::uint32_t events = 0;
  std::uint32_t entries = 0;
  Digest events_digest{};
  Digest head{};

  bool operator==(const Block&) const = default;
};

// The first bytes of a leaf, kept beside what it is of: they tell which event or entry of a block
// has been changed. Not evidence by themselves.
std::int32_t MarkOf(const Digest& leaf);

// The digests of single things.
class Leaves {
 public:
  // What stands for the personal part of an event, also after it was erased.
  Digest Personal(std::string_view salt, std::uint64_t seq, std::string_view personal_part);
  Digest Event(const EventPlace& place, std::string_view public_part, const Digest& personal);
  Digest Entry(std::uint64_t block, std::uint32_t n, EntryKind kind, std::string_view body);
  // What stands for an image and for the bytes of an unreadable record.
  Digest Image(std::string_view salt, const model::RecordKey& key, std::string_view payload);
  Digest GapRaw(std::string_view salt, const model::RecordKey& first, std::string_view raw);

 private:
  Encoder bytes_;
  Sha256 sha_;
};

// Puts a block together: first Begin, then everything in order, then Finish.
class BlockBuilder {
 public:
  void Begin(const ChainHead& before, std::uint64_t first_seq);

  // The number of the block under way.
  std::uint64_t number() const { return block_.number; }

  // Each returns the mark of what was added. Events come in the order of seq; `payload` is the
  // whole record.
  std::int32_t AddEvent(const EventPlace& place, std::string_view payload, std::string_view salt);
  std::int32_t AddEventLeaf(const Digest& leaf);
  // The entry's number in the block is how many there are before it.
  std::int32_t AddEntry(EntryKind kind, std::string_view body);
  std::uint32_t entries() const { return block_.entries; }

  Block Finish(Timestamp time);
  // For a block whose events are gone: their digest is taken as given.
  Block FinishWithout(std::uint32_t events, const Digest& events_digest, Timestamp time);

  Leaves& leaves() { return leaves_; }

 private:
  Block Complete(Timestamp time);

  Digest before_{};
  Block block_;
  model::SplitEvent split_;
  Leaves leaves_;
  Sha256 events_;
  Sha256 entries_;
  Sha256 head_;
};

// The digests of an ErasureEntry, over what it took away, in ascending order.
class ErasedEvents {
 public:
  ErasedEvents();
  void Add(std::uint64_t seq);
  std::uint64_t count() const { return count_; }
  Digest Finish() { return sha_.Finish(); }

 private:
  std::uint64_t count_ = 0;
  Sha256 sha_;
};
class ErasedImages {
 public:
  ErasedImages();
  void Add(const model::RecordKey& key);
  std::uint64_t count() const { return count_; }
  Digest Finish() { return sha_.Finish(); }

 private:
  std::uint64_t count_ = 0;
  Sha256 sha_;
};

}  // namespace gatelog::evidence
