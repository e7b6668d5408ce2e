#include "model/anchor.h"

namespace gatelog::model {
namespace {

// FNV-1a, 64 bits. Stored: never change it.
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

}  // namespace

Anchor AnchorOf(const Event& event) {
  Fingerprint fingerprint;
  fingerprint.Add(event.timestamp);
  fingerprint.Add(event.code);
  fingerprint.Add(event.sub_code);
  fingerprint.Add(event.entity_id);
  fingerprint.Add(event.user_id);
  return {event.id, fingerprint.value() & ~kUnreadableBit};
}

Anchor AnchorOfUnreadable(EventId id, std::string_view bytes) {
  Fingerprint fingerprint;
  fingerprint.Add(bytes);
  return {id, fingerprint.value() | kUnreadableBit};
}

bool IsUnreadable(const Anchor& anchor) { return (anchor.fingerprint & kUnreadableBit) != 0; }

}  // namespace gatelog::model
