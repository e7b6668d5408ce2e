#pragma once

#include <cstdint>
#include <string_view>

#include "model/event.h"

namespace gatelog::model {

// How many of a log's newest stored records are remembered to recognise the log by.
inline constexpr std::size_t kAnchorCount = 64;

// Recognises a record when it is read again: its ID, a hash of timestamp, code, sub code and
// entity, and beside it one of the user, which goes when the person is erased. Not of has_image,
// which a device may change later, nor of the bytes, which new firmware may encode otherwise.
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

// The anchor without what it knows of the user.
Anchor WithoutPerson(const Anchor& anchor);
bool IsWithoutPerson(const Anchor& anchor);

// Whether both are of the same record, as far as they tell: where one knows nothing of the user,
// the rest decides.
bool SameRecord(const Anchor& a, const Anchor& b);

}  // namespace gatelog::model
