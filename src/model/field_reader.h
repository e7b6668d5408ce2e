#pragma once

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <cstdint>
#include <limits>
#include <string_view>

namespace gatelog::model::internal {

using google::protobuf::internal::WireFormatLite;

inline constexpr int kShortVarintSizeMax = 5;  // bytes

// One field of an encoded message.
struct Field {
  int number = 0;
  WireFormatLite::WireType type = WireFormatLite::WIRETYPE_VARINT;
  std::uint64_t value = 0;  // varints
  std::string_view bytes;   // length-delimited fields
  std::string_view raw;     // all of it, from its tag on
};

// Walks the fields of an encoded message without copying.
class FieldReader {
 public:
  explicit FieldReader(std::string_view message)
      : message_(message),
        stream_(reinterpret_cast<const std::uint8_t*>(message.data()),
                static_cast<int>(message.size())) {}

  // False at the end of the message and at bytes that are no field; ok() tells which.
  bool Next(Field& field) {
    if (!ok_ || static_cast<std::size_t>(stream_.CurrentPosition()) == message_.size())
      return false;
    const auto start = static_cast<std::size_t>(stream_.CurrentPosition());
    std::uint32_t tag = 0;
    ok_ = ReadShortVarint(tag);
    if (!ok_) return false;
    field.number = WireFormatLite::GetTagFieldNumber(tag);
    field.type = WireFormatLite::GetTagWireType(tag);
    ok_ = field.number != 0 && ReadValue(field);
    const auto end = static_cast<std::size_t>(stream_.CurrentPosition());
    field.raw = message_.substr(start, end - start);
    return ok_;
  }

  bool ok() const { return ok_; }

 private:
  // A tag or a length. The padding that a longer one would need is refused by protobuf's own
  // parsers.
  bool ReadShortVarint(std::uint32_t& out) {
    const int start = stream_.CurrentPosition();
    std::uint64_t number = 0;
    if (!stream_.ReadVarint64(&number) || stream_.CurrentPosition() - start > kShortVarintSizeMax ||
        number > std::numeric_limits<std::uint32_t>::max()) {
      return false;
    }
    out = static_cast<std::uint32_t>(number);
    return true;
  }

  bool ReadValue(Field& field) {
    switch (field.type) {
      case WireFormatLite::WIRETYPE_VARINT:
        return stream_.ReadVarint64(&field.value);
      case WireFormatLite::WIRETYPE_LENGTH_DELIMITED: {
        std::uint32_t size = 0;
        if (!ReadShortVarint(size)) return false;
        const auto start = static_cast<std::size_t>(stream_.CurrentPosition());
        if (size > message_.size() - start || !stream_.Skip(static_cast<int>(size))) return false;
        field.bytes = message_.substr(start, size);
        return true;
      }
      case WireFormatLite::WIRETYPE_FIXED32:
        return stream_.Skip(4);
      case WireFormatLite::WIRETYPE_FIXED64:
        return stream_.Skip(8);
      default:  // a group: nothing has written them for ages
        return false;
    }
  }

  std::string_view message_;
  google::protobuf::io::CodedInputStream stream_;
  bool ok_ = true;
};

}  // namespace gatelog::model::internal
