#pragma once

#include <string>
#include <string_view>

namespace gatelog::model {

// What of an encoded EventLog tells of a person: the user ID (field 4), the temperature (11), the
// card data (12), and every field that this program does not know, which may be anything. All else,
// what happened where and when, is public.
struct SplitEvent {
  // The public fields as they stand, one after another: what is left when a person is erased, and
  // an encoded EventLog itself.
  std::string public_part;
  // For each personal field, in order: how many public bytes stand before it, its size (16 bits
  // each, big-endian), and the field as it stands. With the public part this gives the encoded
  // EventLog back, byte by byte. Empty: nothing in the event is personal.
  std::string personal_part;
};

// Bytes that are no encoded message, or more than kEventSizeMax, are public as a whole; no store
// holds such. `split` is an out parameter so that its memory is used again.
void SplitPersonalPart(std::string_view payload, SplitEvent& split);

}  // namespace gatelog::model
