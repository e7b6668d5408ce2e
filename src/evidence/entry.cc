#include "evidence/entry.h"

#include <algorithm>
#include <limits>

namespace gatelog::evidence {
namespace {

std::uint64_t Bits(std::int64_t number) { return static_cast<std::uint64_t>(number); }
std::int64_t Signed(std::uint64_t bits) { return static_cast<std::int64_t>(bits); }
std::string_view Short(std::string_view text) { return text.substr(0, kEntryTextMax); }

void Encode(const StoreEntry& entry, Encoder& out) {
  out.U64(entry.incarnation).U64(Bits(entry.created_ms)).U64(entry.chained_through);
}
void Encode(const EpochEntry& entry, Encoder& out) {
  out.U32(entry.log_device).U32(entry.epoch).U32(entry.first).U64(entry.generation);
  out.U64(Bits(entry.opened_ms)).U64(entry.images_unsettled);
}
void Encode(const GapEntry& entry, Encoder& out) {
  out.U32(entry.log_device).U32(entry.epoch).U32(entry.first).U32(entry.last);
  out.U8(entry.reason).U64(Bits(entry.found_ms)).Raw(entry.raw);
}
void Encode(const ImagesEntry& entry, Encoder& out) {
  out.U32(entry.log_device).U32(entry.epoch).U32(entry.from).U32(entry.next);
  out.U32(static_cast<std::uint32_t>(entry.images.size()));
  for (const ImagesEntry::Image& image : entry.images)
    out.U32(image.id).U32(image.timestamp).U32(image.code).Raw(image.commitment);
  out.U32(static_cast<std::uint32_t>(entry.absences.size()));
  for (const ImagesEntry::Absence& absence : entry.absences)
    out.U32(absence.id).U8(absence.reason).U64(Bits(absence.found_ms));
}
void Encode(const GenerationEntry& entry, Encoder& out) {
  out.U32(entry.log_device).U32(entry.epoch).U64(entry.generation);
}
void Encode(const ClearedEntry& entry, Encoder& out) {
  out.U32(entry.device).U32(entry.last).U64(Bits(entry.cleared_ms)).Text(Short(entry.by));
}
void Encode(const PruneEntry& entry, Encoder& out) {
  out.U8(static_cast<std::uint8_t>(entry.what)).U64(entry.first_block).U64(entry.last_block);
  out.U64(entry.removed).Text(Short(entry.by));
}
void Encode(const ErasureEntry& entry, Encoder& out) {
  out.U64(entry.events).Raw(entry.events_digest).U64(entry.images).Raw(entry.images_digest);
  out.Text(Short(entry.by));
}
void Encode(const RestoreEntry& entry, Encoder& out) { out.U64(entry.before).U64(entry.after); }

// Designated initialisers are evaluated in order, so each field is taken where it stands.
Entry DecodeStore(Decoder& in) {
  return StoreEntry{
      .incarnation = in.U64(), .created_ms = Signed(in.U64()), .chained_through = in.U64()};
}
Entry DecodeEpoch(Decoder& in) {
  return EpochEntry{.log_device = in.U32(),
                    .epoch = in.U32(),
                    .first = in.U32(),
                    .generation = in.U64(),
                    .opened_ms = Signed(in.U64()),
                    .images_unsettled = in.U64()};
}
Entry DecodeGap(Decoder& in) {
  return GapEntry{.log_device = in.U32(),
                  .epoch = in.U32(),
                  .first = in.U32(),
                  .last = in.U32(),
                  .reason = in.U8(),
                  .found_ms = Signed(in.U64()),
                  .raw = in.TakeDigest()};
}
Entry DecodeImages(Decoder& in) {
  ImagesEntry entry;
  entry.log_device = in.U32();
  entry.epoch = in.U32();
  entry.from = in.U32();
  entry.next = in.U32();
  // Ends with the bytes, whatever the count says.
  for (std::uint32_t left = in.U32(); left > 0 && in.ok(); --left) {
    entry.images.push_back(
        {.id = in.U32(), .timestamp = in.U32(), .code = in.U32(), .commitment = in.TakeDigest()});
  }
  for (std::uint32_t left = in.U32(); left > 0 && in.ok(); --left) {
    entry.absences.push_back({.id = in.U32(), .reason = in.U8(), .found_ms = Signed(in.U64())});
  }
  return entry;
}
Entry DecodeGeneration(Decoder& in) {
  return GenerationEntry{.log_device = in.U32(), .epoch = in.U32(), .generation = in.U64()};
}
Entry DecodeCleared(Decoder& in) {
  return ClearedEntry{.device = in.U32(),
                      .last = in.U32(),
                      .cleared_ms = Signed(in.U64()),
                      .by = std::string(in.Text())};
}
Entry DecodePrune(Decoder& in) {
  return PruneEntry{.what = static_cast<Pruned>(in.U8()),
                    .first_block = in.U64(),
                    .last_block = in.U64(),
                    .removed = in.U64(),
                    .by = std::string(in.Text())};
}
Entry DecodeErasure(Decoder& in) {
  return ErasureEntry{.events = in.U64(),
                      .events_digest = in.TakeDigest(),
                      .images = in.U64(),
                      .images_digest = in.TakeDigest(),
                      .by = std::string(in.Text())};
}
Entry DecodeRestore(Decoder& in) { return RestoreEntry{.before = in.U64(), .after = in.U64()}; }

struct Kind {
  const char* name;
  Entry (*decode)(Decoder&);
};
// By number, from 1; in the order of the variant.
constexpr Kind kKinds[] = {
    {"store", DecodeStore},   {"epoch", DecodeEpoch},           {"gap", DecodeGap},
    {"images", DecodeImages}, {"generation", DecodeGeneration}, {"cleared", DecodeCleared},
    {"prune", DecodePrune},   {"erasure", DecodeErasure},       {"restore", DecodeRestore}};
static_assert(std::size(kKinds) == std::variant_size_v<Entry>);

}  // namespace

EntryKind KindOf(const Entry& entry) { return static_cast<EntryKind>(entry.index() + 1); }

const char* EntryKindName(EntryKind kind) {
  const auto index = static_cast<std::size_t>(kind) - 1;
  return index < std::size(kKinds) ? kKinds[index].name : "unknown";
}

std::string EncodeEntry(const Entry& entry) {
  Encoder out;
  std::visit([&](const auto& one) { Encode(one, out); }, entry);
  return out.bytes();
}

std::optional<Entry> DecodeEntry(std::uint8_t kind, std::string_view body) {
  if (kind < 1 || kind > std::size(kKinds)) return std::nullopt;
  Decoder in(body);
  Entry entry = kKinds[kind - 1].decode(in);
  if (!in.done()) return std::nullopt;
  return entry;
}

}  // namespace gatelog::evidence
