#pragma once

#include <cstdint>
#include <string_view>

#include "model/event.h"

namespace gatelog::model {

// How many of a log's newest stored records are remembered to recognise the log by.
inline constexpr std::size_t kAnchorCount = 64;

// Recognises a record when it is read again: its ID and a hash of timestamp, code, sub code and
// user or entity. Not of has_image, which a device may change later, nor of the bytes, which new
// firmware may encode otherwise.
struct Anchor {
  EventId id = 0;
  std::uint64_t fingerprint = 0;

  bool operator==(const Anchor&) const = default;
};

Anchor AnchorOf(const Event& event);

// Of a record whose bytes are no event.
Anchor AnchorOfUnreadable(EventId id, std::string_view bytes);

// Whether an anchor is of an unreadable record.
bool IsUnreadable(const Anchor& anchor);

}  // namespace gatelog::model
