#include "api/gatelog/wire_event.h"

#include <array>
#include <cstdint>

namespace gatelog::api {
namespace {

// Tags: a field's number and its kind, a number or bytes.
constexpr char NumberTag(int field) { return static_cast<char>(field << 3); }
constexpr char BytesTag(int field) { return static_cast<char>(field << 3 | 2); }

constexpr std::size_t kVarintMax = 10;
constexpr std::size_t kNumbers = 6;                              // of a StoredEvent
constexpr std::size_t kHeaderMax = kNumbers * (1 + kVarintMax);  // with their tags

char* PutVarint(std::uint64_t number, char* to) {
  for (; number >= 0x80; number >>= 7) *to++ = static_cast<char>((number & 0x7F) | 0x80);
  *to++ = static_cast<char>(number);
  return to;
}

char* PutNumber(int field, std::uint64_t number, char* to) {
  if (number == 0) return to;
  *to++ = NumberTag(field);
  return PutVarint(number, to);
}

}  // namespace

std::size_t WireSize(const ports::StoredEvent& event) {
  constexpr std::size_t kLengths = 2 * (1 + kVarintMax);  // of the message, and of the bytes in it
  return kLengths + kHeaderMax + event.event.payload.size();
}

void AppendStoredEvent(const ports::StoredEvent& event, std::string& message) {
  const std::string& payload = event.event.payload;
  std::array<char, kHeaderMax + 1 + kVarintMax> header;
  char* end = PutNumber(1, event.seq, header.data());
  end = PutNumber(2, event.log_device, end);
  end = PutNumber(3, event.epoch, end);
  end = PutNumber(4, static_cast<std::uint64_t>(event.arrival.time_since_epoch().count()), end);
  end = PutNumber(5, static_cast<std::uint64_t>(event.phase), end);  // the numbers are the same
  if (!payload.empty()) {
    *end++ = BytesTag(6);
    end = PutVarint(payload.size(), end);
  }
  const auto header_size = static_cast<std::size_t>(end - header.data());
  constexpr std::string_view kErased("\x38\x01", 2);  // field 7, true
  const std::string_view erased = event.erased ? kErased : std::string_view();

  std::array<char, 1 + kVarintMax> begin{BytesTag(1)};
  char* const begin_end = PutVarint(header_size + payload.size() + erased.size(), begin.data() + 1);
  message.append(begin.data(), static_cast<std::size_t>(begin_end - begin.data()));
  message.append(header.data(), header_size);
  message.append(payload);
  message.append(erased);
}

void AppendText(std::string_view text, std::string& message) {
  if (text.empty()) return;
  std::array<char, 1 + kVarintMax> begin{BytesTag(2)};
  char* const end = PutVarint(text.size(), begin.data() + 1);
  message.append(begin.data(), static_cast<std::size_t>(end - begin.data()));
  message.append(text);
}

}  // namespace gatelog::api
