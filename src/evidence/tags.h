#pragma once

#include <cstdint>

namespace gatelog::evidence {

// The first byte of everything that is hashed, so that nothing can pass for something else.
enum class Tag : std::uint8_t {
  kPersonal = 1,
  kEvent = 2,
  kEntry = 3,
  kBlockEvents = 4,
  kBlockEntries = 5,
  kHead = 6,
  kImage = 7,
  kGapRaw = 8,
  kErasedEvents = 9,
  kErasedImages = 10,
  kManifest = 11,
  kSeal = 12,
};

inline std::uint8_t Byte(Tag tag) { return static_cast<std::uint8_t>(tag); }

}  // namespace gatelog::evidence
