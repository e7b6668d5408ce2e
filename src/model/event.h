#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "model/identity.h"

namespace gatelog::model {

// One record of a device's log: the fields that are searched and shown, and the bytes that the
// device sent. The payload is an encoded gsdk.event.EventLog and is never written anew: it is what
// is stored, streamed and hashed.
struct Event {
  EventId id = 0;
  std::uint32_t timestamp =
      0;                   // UTC, Unix seconds, by the device's clock; may go back while id goes up
  DeviceId device = 0;     // where it happened: the log device or one of its slaves
  std::uint32_t code = 0;  // 16 bits
  std::uint32_t sub_code = 0;   // 8 bits
  std::string user_id;          // authentication and user events; empty: nobody known
  std::uint32_t entity_id = 0;  // door, zone or lift events
  std::uint32_t tna_key = 0;    // 1 to 16; 0: none
  bool has_image = false;
  bool changed_on_device = false;
  std::uint32_t temperature = 0;  // hundredths of a degree Celsius; 0: not measured
  std::string payload;

  bool operator==(const Event&) const = default;
};

// Reads the header out of an encoded EventLog and keeps the bytes. kInvalidArgument says what is
// wrong: bytes that are no message, an ID of 0, a user ID that is not UTF-8, a number that does not
// fit its field. Unknown fields are kept.
absl::StatusOr<Event> ParseEvent(std::string_view payload);

// The card that an encoded EventLog tells of (field 12) without the zeros that readers pad a number
// with in front; the bytes of a number, most significant first. A view into `payload`. Empty: no
// card.
std::string_view CardNumber(std::string_view payload);

// The job code that an encoded EventLog tells (field 1001, which is not of the API); 0: none.
std::uint32_t JobCode(std::string_view payload);

// Whether ParseEvent would take the bytes, without keeping them.
bool IsReadableEvent(std::string_view payload);

// The ID alone, for the fast path. 0 if there is none or the bytes are no message.
EventId ParseEventId(std::string_view payload);

// One image log: the encoded gsdk.event.ImageLog and what it is matched by.
struct Image {
  EventId id = 0;  // of its event
  std::uint32_t timestamp = 0;
  std::uint32_t code = 0;
  std::string payload;  // as the device sent it, JPEG inside

  bool operator==(const Image&) const = default;
};

// kInvalidArgument as for ParseEvent; also when no JPEG is inside or it is larger than
// kImageSizeMax.
absl::StatusOr<Image> ParseImage(std::string_view payload);

// The sub code inside an encoded ImageLog; 0 also if it names none, as older devices do.
std::uint32_t ImageSubCode(std::string_view payload);

// Whether the image was taken with the event. IDs repeat when a device's counter begins anew; time
// and code tell the one from the other.
bool IsImageOf(const Image& image, const Event& event);

// The JPEG bytes inside an encoded ImageLog; a view into `payload`. Empty if there are none.
std::string_view ImageJpeg(std::string_view payload);

inline constexpr std::size_t kImageSizeMax = 16 * 1024;  // bytes of JPEG
inline constexpr std::size_t kEventSizeMax =
    4 * 1024;  // bytes of an encoded EventLog; a larger one is unreadable

}  // namespace gatelog::model
