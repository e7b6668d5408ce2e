#include "model/anchor.h"

namespace gatelog::model {
namespace {

// FNV-1a, 64 bits. Stored, as all of an anchor is: never change it.
class Fingerprint {
 public:
  void Add(std::uint32_t number) {
    for (int shift = 0; shift < 32; shift += 8)
      AddByte(static_cast<unsigned char>(number >> shift));
  }
  void Add(std::string_view text) {
    for (const char c : text) AddByte(static_cast<unsigned char>(c));
  }
  std::uint64_t value() const { return hash_; }

 private:
  void AddByte(unsigned char byte) { hash_ = (hash_ ^ byte) * 0x100000001b3; }

  std::uint64_t hash_ = 0xcbf29ce484222325;
};

// Set in the fingerprints of unreadable records, clear in the others.
constexpr std::uint64_t kUnreadableBit = std::uint64_t{1} << 63;
// Of the others: the user is not known any more, and his bits are 0.
constexpr std::uint64_t kWithoutPersonBit = std::uint64_t{1} << 62;
constexpr int kHalfBits = 31;
constexpr std::uint64_t kRecordBits = (std::uint64_t{1} << kHalfBits) - 1;

std::uint64_t Half(std::uint64_t hash) { return (hash ^ (hash >> kHalfBits)) & kRecordBits; }

}  // namespace

Anchor AnchorOf(const Event& event) {
  Fingerprint fingerprint;
  fingerprint.Add(event.timestamp);
  fingerprint.Add(event.code);
  fingerprint.Add(event.sub_code);
  fingerprint.Add(event.entity_id);
  Fingerprint user;
  user.Add(event.user_id);
  return {event.id, Half(user.value()) << kHalfBits | Half(fingerprint.value())};
}

Anchor AnchorOfUnreadable(EventId id, std::string_view bytes) {
  Fingerprint fingerprint;
  fingerprint.Add(bytes);
  return {id, fingerprint.value() | kUnreadableBit};
}

bool IsUnreadable(const Anchor& anchor) { return (anchor.fingerprint & kUnreadableBit) != 0; }

Anchor WithoutPerson(const Anchor& anchor) {
  if (IsUnreadable(anchor)) return anchor;
  return {anchor.id, (anchor.fingerprint & kRecordBits) | kWithoutPersonBit};
}

bool IsWithoutPerson(const Anchor& anchor) {
  return !IsUnreadable(anchor) && (anchor.fingerprint & kWithoutPersonBit) != 0;
}

bool SameRecord(const Anchor& a, const Anchor& b) {
  if (IsWithoutPerson(a) || IsWithoutPerson(b)) return WithoutPerson(a) == WithoutPerson(b);
  return a == b;
}

}  // namespace gatelog::model
