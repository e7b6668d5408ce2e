#include "evidence/chain.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <array>
#include <cstdlib>

#include "evidence/tags.h"

namespace gatelog::evidence {
namespace {

std::string_view TagByte(const std::uint8_t& byte) {
  return {reinterpret_cast<const char*>(&byte), 1};
}

void Begin(Tag tag, Sha256& sha) {
  const std::uint8_t byte = Byte(tag);
  sha.Add(TagByte(byte));
}

std::uint64_t Milliseconds(Timestamp time) {
  return static_cast<std::uint64_t>(time.time_since_epoch().count());
}

void AppendKey(const model::RecordKey& key, Encoder& out) {
  out.U32(key.log_device).U32(key.epoch).U32(key.id);
}

}  // namespace

std::string NewSalt() {
  // Asking for many at once costs as much as asking for one.
  constexpr std::size_t kSaltsAtOnce = 64;
  thread_local std::array<unsigned char, kSaltsAtOnce * kSaltBytes> bytes;
  thread_local std::size_t used = bytes.size();
  if (used == bytes.size()) {
    // A salt that can be guessed would be worse than none: nothing can go on.
    if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) std::abort();
    used = 0;
  }
  std::string salt(reinterpret_cast<const char*>(bytes.data() + used), kSaltBytes);
  OPENSSL_cleanse(bytes.data() + used, kSaltBytes);
  used += kSaltBytes;
  return salt;
}

std::int32_t MarkOf(const Digest& leaf) {
  std::uint32_t mark = 0;
  for (int i = 0; i < 4; ++i) mark = mark << 8 | leaf[static_cast<std::size_t>(i)];
  return static_cast<std::int32_t>(mark);
}

Digest Leaves::Personal(std::string_view salt, std::uint64_t seq, std::string_view personal_part) {
  bytes_.Clear();
  bytes_.U8(Byte(Tag::kPersonal)).Raw(salt).U64(seq).Raw(personal_part);
  return sha_.Of(bytes_.bytes());
}

Digest Leaves::Event(const EventPlace& place, std::string_view public_part,
                     const Digest& personal) {
  bytes_.Clear();
  bytes_.U8(Byte(Tag::kEvent)).U64(place.seq).U32(place.log_device).U32(place.epoch);
  bytes_.U32(place.id).U64(static_cast<std::uint64_t>(place.arrival_ms)).U8(place.phase);
  bytes_.Raw(personal).Raw(public_part);
  return sha_.Of(bytes_.bytes());
}

Digest Leaves::Entry(std::uint64_t block, std::uint32_t n, EntryKind kind, std::string_view body) {
  bytes_.Clear();
  bytes_.U8(Byte(Tag::kEntry)).U64(block).U32(n).U8(static_cast<std::uint8_t>(kind)).Raw(body);
  return sha_.Of(bytes_.bytes());
}

Digest Leaves::Image(std::string_view salt, const model::RecordKey& key, std::string_view payload) {
  bytes_.Clear();
  bytes_.U8(Byte(Tag::kImage)).Raw(salt);
  AppendKey(key, bytes_);
  return sha_.Add(bytes_.bytes()).Add(payload).Finish();
}

Digest Leaves::GapRaw(std::string_view salt, const model::RecordKey& first, std::string_view raw) {
  bytes_.Clear();
  bytes_.U8(Byte(Tag::kGapRaw)).Raw(salt);
  AppendKey(first, bytes_);
  return sha_.Add(bytes_.bytes()).Add(raw).Finish();
}

void BlockBuilder::Begin(const ChainHead& before, std::uint64_t first_seq) {
  before_ = before.digest;
  block_ = {.number = before.block + 1, .first_seq = first_seq};
  // A block that was begun and never finished leaves nothing behind.
  events_.Finish();
  entries_.Finish();
  evidence::Begin(Tag::kBlockEvents, events_);
  evidence::Begin(Tag::kBlockEntries, entries_);
}

std::int32_t BlockBuilder::AddEvent(const EventPlace& place, std::string_view payload,
                                    std::string_view salt) {
  model::SplitPersonalPart(payload, split_);
  const Digest personal = leaves_.Personal(salt, place.seq, split_.personal_part);
  return AddEventLeaf(leaves_.Event(place, split_.public_part, personal));
}

std::int32_t BlockBuilder::AddEventLeaf(const Digest& leaf) {
  events_.Add(BytesOf(leaf));
  ++block_.events;
  return MarkOf(leaf);
}

std::int32_t BlockBuilder::AddEntry(EntryKind kind, std::string_view body) {
  const Digest leaf = leaves_.Entry(block_.number, block_.entries, kind, body);
  entries_.Add(BytesOf(leaf));
  ++block_.entries;
  return MarkOf(leaf);
}

Block BlockBuilder::Finish(Timestamp time) {
  block_.events_digest = events_.Finish();
  return Complete(time);
}

Block BlockBuilder::FinishWithout(std::uint32_t events, const Digest& events_digest,
                                  Timestamp time) {
  block_.events = events;
  block_.events_digest = events_digest;
  return Complete(time);
}

Block BlockBuilder::Complete(Timestamp time) {
  block_.time_ms = time.time_since_epoch().count();
  Encoder bytes;
  bytes.U8(Byte(Tag::kHead)).Raw(before_).U64(block_.number).U64(Milliseconds(time));
  bytes.U64(block_.first_seq).U32(block_.events).Raw(block_.events_digest);
  bytes.U32(block_.entries).Raw(entries_.Finish());
  block_.head = head_.Of(bytes.bytes());
  return block_;
}

ErasedEvents::ErasedEvents() { Begin(Tag::kErasedEvents, sha_); }

void ErasedEvents::Add(std::uint64_t seq) {
  sha_.Add(Encoder().U64(seq).bytes());
  ++count_;
}

ErasedImages::ErasedImages() { Begin(Tag::kErasedImages, sha_); }

void ErasedImages::Add(const model::RecordKey& key) {
  Encoder bytes;
  AppendKey(key, bytes);
  sha_.Add(bytes.bytes());
  ++count_;
}

}  // namespace gatelog::evidence
