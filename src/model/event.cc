#include "model/event.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/stubs/common.h>

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "model/field_reader.h"

namespace gatelog::model {
namespace {

using google::protobuf::io::CodedInputStream;
using internal::Field;
using internal::FieldReader;
using internal::WireFormatLite;

bool IsBytes(const Field& field) { return field.type == WireFormatLite::WIRETYPE_LENGTH_DELIMITED; }

bool IsUtf8(std::string_view text) {
  return google::protobuf::internal::IsStructurallyValidUTF8(text.data(),
                                                             static_cast<int>(text.size()));
}

absl::Status Invalid(std::string_view what, int field) {
  return absl::InvalidArgumentError(
      absl::StrCat("the record's field ", field, " ", absl::string_view(what.data(), what.size())));
}

absl::Status StoreNumber(const Field& field, std::uint32_t max, std::uint32_t& out) {
  if (field.type != WireFormatLite::WIRETYPE_VARINT)
    return Invalid("is not a number", field.number);
  if (field.value > max) return Invalid("holds a number that is too large", field.number);
  out = static_cast<std::uint32_t>(field.value);
  return absl::OkStatus();
}

absl::Status StoreFlag(const Field& field, bool& out) {
  std::uint32_t number = 0;
  GATELOG_RETURN_IF_ERROR(StoreNumber(field, 1, number));
  out = number != 0;
  return absl::OkStatus();
}

absl::Status StoreText(const Field& field, std::string& out) {
  if (field.type != WireFormatLite::WIRETYPE_LENGTH_DELIMITED) {
    return Invalid("is not a text", field.number);
  }
  if (!IsUtf8(field.bytes)) return Invalid("is not UTF-8", field.number);
  out.assign(field.bytes);
  return absl::OkStatus();
}

// Whether the bytes are varints one after another.
bool IsPackedNumbers(std::string_view bytes) {
  CodedInputStream stream(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                          static_cast<int>(bytes.size()));
  while (static_cast<std::size_t>(stream.CurrentPosition()) < bytes.size()) {
    std::uint64_t number = 0;
    if (!stream.ReadVarint64(&number)) return false;
  }
  return true;
}

// Skims a message that the header does not show, so that no client chokes on it later. `numbers` is
// its field of repeated numbers, which may be packed; 0: it has none.
absl::Status CheckNested(const Field& field, int numbers = 0) {
  if (!IsBytes(field)) return Invalid("is not a message", field.number);
  FieldReader reader(field.bytes);
  bool packed_well = true;
  for (Field nested; reader.Next(nested);) {
    if (numbers != 0 && nested.number == numbers && IsBytes(nested)) {
      packed_well = packed_well && IsPackedNumbers(nested.bytes);
    }
  }
  return reader.ok() && packed_well ? absl::OkStatus()
                                    : Invalid("is a broken message", field.number);
}

constexpr std::uint32_t kAnyNumber = std::numeric_limits<std::uint32_t>::max();
constexpr int kInterlockDoors = 2;  // InterlockZoneInfo.doorIDs
constexpr std::uint32_t kCodeMax = 0xFFFF;
constexpr std::uint32_t kSubCodeMax = 0xFF;

absl::Status StoreEventField(const Field& field, Event& event) {
  switch (field.number) {
    case 1:
      return StoreNumber(field, kAnyNumber, event.id);
    case 2:
      return StoreNumber(field, kAnyNumber, event.timestamp);
    case 3:
      return StoreNumber(field, kAnyNumber, event.device);
    case 4:
      return StoreText(field, event.user_id);
    case 5:
      return StoreNumber(field, kAnyNumber, event.entity_id);
    case 6:
      return StoreNumber(field, kCodeMax, event.code);
    case 7:
      return StoreNumber(field, kSubCodeMax, event.sub_code);
    case 8:
      return StoreNumber(field, kAnyNumber, event.tna_key);
    case 9:
      return StoreFlag(field, event.has_image);
    case 10:
      return StoreFlag(field, event.changed_on_device);
    case 11:
      return StoreNumber(field, kAnyNumber, event.temperature);
    case 12:
      return field.type == WireFormatLite::WIRETYPE_LENGTH_DELIMITED
                 ? absl::OkStatus()
                 : Invalid("is not bytes", field.number);
    case 13:
    case 14:
      return CheckNested(field);
    case 15:
      return CheckNested(field, kInterlockDoors);
    default:
      return absl::OkStatus();
  }
}

// Everything but the payload.
absl::Status ReadHeader(std::string_view payload, Event& event) {
  if (payload.size() > kEventSizeMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("the record has ", payload.size(), " bytes, more than ", kEventSizeMax));
  }
  FieldReader reader(payload);
  for (Field field; reader.Next(field);) {
    GATELOG_RETURN_IF_ERROR(StoreEventField(field, event));
  }
  if (!reader.ok()) return absl::InvalidArgumentError("the record is not an encoded EventLog");
  if (event.id == 0) return absl::InvalidArgumentError("the record has no ID");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Event> ParseEvent(std::string_view payload) {
  Event event;
  GATELOG_RETURN_IF_ERROR(ReadHeader(payload, event));
  event.payload.assign(payload);
  return event;
}

bool IsReadableEvent(std::string_view payload) {
  Event event;
  return ReadHeader(payload, event).ok();
}

EventId ParseEventId(std::string_view payload) {
  FieldReader reader(payload);
  std::uint64_t id = 0;
  for (Field field; reader.Next(field);) {
    // The last one counts, as for every reader of the message.
    if (field.number == 1 && field.type == WireFormatLite::WIRETYPE_VARINT) id = field.value;
  }
  return reader.ok() && id <= kAnyNumber ? static_cast<EventId>(id) : 0;
}

std::string_view CardNumber(std::string_view payload) {
  std::string_view card;
  FieldReader reader(payload);
  for (Field field; reader.Next(field);) {
    if (field.number == 12 && IsBytes(field)) card = field.bytes;
  }
  card.remove_prefix(std::min(card.find_first_not_of('\0'), card.size()));
  return card;
}

std::uint32_t JobCode(std::string_view payload) {
  constexpr int kJobCode = 1001;
  std::uint64_t code = 0;
  FieldReader reader(payload);
  for (Field field; reader.Next(field);) {
    if (field.number == kJobCode && field.type == WireFormatLite::WIRETYPE_VARINT)
      code = field.value;
  }
  return reader.ok() && code <= kAnyNumber ? static_cast<std::uint32_t>(code) : 0;
}

absl::StatusOr<Image> ParseImage(std::string_view payload) {
  Image image;
  std::string user_id;
  std::size_t jpeg_size = 0;
  FieldReader reader(payload);
  for (Field field; reader.Next(field);) {
    switch (field.number) {
      case 1:
        GATELOG_RETURN_IF_ERROR(StoreNumber(field, kAnyNumber, image.id));
        break;
      case 2:
        GATELOG_RETURN_IF_ERROR(StoreNumber(field, kAnyNumber, image.timestamp));
        break;
      case 4:
        GATELOG_RETURN_IF_ERROR(StoreText(field, user_id));
        break;
      case 5:
        GATELOG_RETURN_IF_ERROR(StoreNumber(field, kCodeMax, image.code));
        break;
      case 7:
        if (!IsBytes(field)) return Invalid("is not bytes", field.number);
        jpeg_size = field.bytes.size();
        break;
      default:
        break;
    }
  }
  if (!reader.ok()) return absl::InvalidArgumentError("the image is not an encoded ImageLog");
  if (image.id == 0) return absl::InvalidArgumentError("the image has no ID");
  if (jpeg_size == 0) return absl::InvalidArgumentError("the image log holds no JPEG");
  if (jpeg_size > kImageSizeMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("the image has ", jpeg_size, " bytes, more than ", kImageSizeMax));
  }
  image.payload.assign(payload);
  return image;
}

std::uint32_t ImageSubCode(std::string_view payload) {
  std::uint64_t sub_code = 0;
  FieldReader reader(payload);
  for (Field field; reader.Next(field);) {
    if (field.number == 6 && field.type == WireFormatLite::WIRETYPE_VARINT) sub_code = field.value;
  }
  return sub_code <= kAnyNumber ? static_cast<std::uint32_t>(sub_code) : 0;
}

bool IsImageOf(const Image& image, const Event& event) {
  const std::uint32_t sub_code = ImageSubCode(image.payload);
  return image.id == event.id && image.timestamp == event.timestamp && image.code == event.code &&
         (sub_code == 0 || sub_code == event.sub_code);
}

std::string_view ImageJpeg(std::string_view payload) {
  std::string_view jpeg;
  FieldReader reader(payload);
  for (Field field; reader.Next(field);) {
    if (field.number == 7 && IsBytes(field)) jpeg = field.bytes;
  }
  return jpeg;
}

}  // namespace gatelog::model
