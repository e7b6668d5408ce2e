#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "model/identity.h"

namespace gatelog::store {

// Numbers of seven bits a byte, the lowest first.
void AppendVarint(std::uint64_t number, std::string& bytes);

// Takes numbers off the front of bytes. After one that is cut off or too long every number is 0 and
// ok() false.
class VarintReader {
 public:
  explicit VarintReader(std::string_view bytes) : bytes_(bytes) {}

  std::uint64_t Next() {
    std::uint64_t number = 0;
    for (unsigned shift = 0; at_ < bytes_.size() && shift < 64; shift += 7) {
      const auto byte = static_cast<unsigned char>(bytes_[at_++]);
      number |= std::uint64_t{byte & 0x7Fu} << shift;
      if (byte < 0x80) return number;
    }
    ok_ = false;
    at_ = bytes_.size();
    return 0;
  }
  std::string_view Bytes(std::uint64_t size) {
    if (size > bytes_.size() - at_) {
      ok_ = false;
      at_ = bytes_.size();
      return {};
    }
    at_ += size;
    return bytes_.substr(at_ - size, size);
  }

  bool at_end() const { return at_ == bytes_.size(); }
  bool ok() const { return ok_; }

 private:
  std::string_view bytes_;
  std::size_t at_ = 0;
  bool ok_ = true;
};

// One event of a list: its place in its segment, and in a list of records the record's ID.
struct Posting {
  std::uint32_t offset = 0;
  model::EventId id = 0;

  bool operator==(const Posting&) const = default;
};

// A list's bytes. Offsets ascend. Per stretch of neighbours (whose IDs are neighbours as well,
// where they are told): how far it begins behind the one before, twice, plus 1 if it is longer than
// 1; then its length - 2; then how far its ID is behind the ID before.
void EncodeList(std::span<const Posting> list, bool with_ids, std::string& bytes);

// Calls take(first, count, id) with each stretch, in order. False: the bytes are no list of offsets
// below `end`.
template <typename Take>
bool DecodeStretches(std::string_view bytes, bool with_ids, std::uint32_t end, Take take) {
  VarintReader reader(bytes);
  std::uint64_t offset = 0;
  model::EventId id = 0;
  while (!reader.at_end()) {
    const std::uint64_t head = reader.Next();
    const std::uint64_t count = (head & 1) != 0 ? reader.Next() + 2 : 1;
    if (with_ids) id += static_cast<model::EventId>(reader.Next()) + 1;
    if (!reader.ok() || head >> 1 >= end || count > end) return false;
    offset += head >> 1;
    if (offset + count > end) return false;
    take(static_cast<std::uint32_t>(offset), static_cast<std::uint32_t>(count), id);
    offset += count;
    id += static_cast<model::EventId>(count - 1);
  }
  return true;
}

// The same, event by event.
template <typename Take>
bool DecodeList(std::string_view bytes, bool with_ids, std::uint32_t end, Take take) {
  return DecodeStretches(bytes, with_ids, end,
                         [&](std::uint32_t first, std::uint32_t count, model::EventId id) {
                           for (std::uint32_t i = 0; i < count; ++i)
                             take(Posting{first + i, with_ids ? id + i : 0});
                         });
}

}  // namespace gatelog::store
