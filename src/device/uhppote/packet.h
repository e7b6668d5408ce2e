#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/civil_time.h"

// The packets of UHPPOTE boards (UT0311-L01 to -L04): 64 bytes each way, over UDP or TCP. Nothing
// in them is signed, numbered or summed up. Pure: no socket, no clock. Any thread.
namespace gatelog::uhppote {

inline constexpr std::size_t kPacketSize = 64;
inline constexpr std::uint16_t kBoardPort = 60'000;  // UDP and TCP

// The first byte. Firmware 6.62 begins the events that it pushes with another one.
inline constexpr std::uint8_t kStart = 0x17;
inline constexpr std::uint8_t kStartOfOldPush = 0x19;

// What a request asks for, and what a reply answers.
enum class Function : std::uint8_t {
  kStatus = 0x20,  // also an event that the board pushes
  kSetTime = 0x30,
  kGetTime = 0x32,
  kOpenDoor = 0x40,
  kPutCard = 0x50,
  kGetCard = 0x5a,
  kRecordSpecialEvents = 0x8e,
  kSetListener = 0x90,
  kGetListener = 0x92,
  kGetController = 0x94,
  kSetPcControl = 0xa0,
  kGetEvent = 0xb0,
  kSetEventIndex = 0xb2,
  kGetEventIndex = 0xb4,
  kRestoreDefaults = 0xc8,
};

using SerialNumber = std::uint32_t;
using Ipv4 = std::array<std::uint8_t, 4>;
using Mac = std::array<std::uint8_t, 6>;

// The board's own wall clock as the bytes that it sends, YYYYMMDDhhmmss with a digit in each half
// byte. It has no zone, and may be no time at all: a board whose clock was never set sends month 0.
using BcdTime = std::array<std::uint8_t, 7>;

// nullopt: the bytes are no time of the calendar.
std::optional<absl::CivilSecond> WallClockOf(const BcdTime& time);
// Of a year from 0 to 9999.
BcdTime BcdOf(const absl::CivilSecond& time);

// Such as 8.92.
struct FirmwareVersion {
  std::uint8_t major = 0;  // 0 to 99, both
  std::uint8_t minor = 0;

  bool operator==(const FirmwareVersion&) const = default;
};

struct Header {
  Function function{};      // may be none of the above
  SerialNumber serial = 0;  // 0 in a request: whoever hears it, for kGetController alone

  bool operator==(const Header&) const = default;
};

// What each packet begins with. kInvalidArgument: not a packet: another size or first byte.
absl::StatusOr<Header> ReadHeader(std::string_view bytes);

// Puts the fields of a message where they belong. Each method takes the place of its field, in
// bytes from the start of the packet.
class FieldWriter {
 public:
  explicit FieldWriter(const Header& header, std::uint8_t start = kStart);

  // Little-endian, as wide as it is.
  template <typename Integer>
  void Number(std::size_t at, Integer value) {
    PutNumber(at, sizeof(Integer), value);
  }
  void Number24(std::size_t at, std::uint32_t value) { PutNumber(at, 3, value); }
  void Flag(std::size_t at, bool value) { PutNumber(at, 1, value ? 1 : 0); }
  template <std::size_t kSize>
  void Bytes(std::size_t at, const std::array<std::uint8_t, kSize>& bytes) {
    for (std::size_t i = 0; i < kSize; ++i) bytes_[at + i] = static_cast<char>(bytes[i]);
  }
  void Version(std::size_t at, const FirmwareVersion& version);
  void Day(std::size_t at, const std::optional<absl::CivilDay>& day);
  void Time(std::size_t at, const std::optional<absl::CivilSecond>& time);
  // The board's time in a status: the day, of this century, stands behind the time.
  void SystemTime(std::size_t time_at, std::size_t day_at,
                  const std::optional<absl::CivilSecond>& time);
  // A word without which the board does nothing.
  void Magic(std::size_t at);

  std::string Take() { return std::move(bytes_); }

 private:
  void PutNumber(std::size_t at, std::size_t size, std::uint32_t value);
  void PutDigits(std::size_t at, int value);  // two

  std::string bytes_;
};

// Takes the fields of a message out of a packet of kPacketSize bytes. The first that is wrong is
// the error; what is read after it has no meaning.
class FieldReader {
 public:
  explicit FieldReader(std::string_view bytes) : bytes_(bytes) {}

  template <typename Integer>
  void Number(std::size_t at, Integer& value) const {
    value = static_cast<Integer>(GetNumber(at, sizeof(Integer)));
  }
  void Number24(std::size_t at, std::uint32_t& value) const { value = GetNumber(at, 3); }
  void Flag(std::size_t at, bool& value);
  template <std::size_t kSize>
  void Bytes(std::size_t at, std::array<std::uint8_t, kSize>& bytes) const {
    for (std::size_t i = 0; i < kSize; ++i) bytes[i] = ByteAt(at + i);
  }
  void Version(std::size_t at, FirmwareVersion& version);
  // nullopt: digits, but none of the calendar's days or times. An error: no digits.
  void Day(std::size_t at, std::optional<absl::CivilDay>& day);
  void Time(std::size_t at, std::optional<absl::CivilSecond>& time);
  void SystemTime(std::size_t time_at, std::size_t day_at, std::optional<absl::CivilSecond>& time);
  void Magic(std::size_t at);

  // kInvalidArgument says which byte is wrong.
  const absl::Status& status() const { return status_; }

 private:
  std::uint8_t ByteAt(std::size_t at) const { return static_cast<std::uint8_t>(bytes_[at]); }
  std::uint32_t GetNumber(std::size_t at, std::size_t size) const;
  int Digits(std::size_t at);  // two; 0 where they are none
  void Fail(std::size_t at, std::string_view what);

  const std::string_view bytes_;
  absl::Status status_;
};

// A message and whose it is. `Message` is one of message.h.
template <typename Message>
struct Received {
  SerialNumber serial = 0;
  Message message{};
};

// kPacketSize bytes.
template <typename Message>
std::string Encode(SerialNumber serial, const Message& message, std::uint8_t start = kStart) {
  FieldWriter writer({Message::kFunction, serial}, start);
  Message::Visit(message, writer);
  return writer.Take();
}

// kInvalidArgument: no packet, of another function, or with a field that cannot be. Bytes that no
// field has are not looked at: boards leave there what was there before.
template <typename Message>
absl::StatusOr<Received<Message>> Decode(std::string_view bytes) {
  const absl::StatusOr<Header> header = ReadHeader(bytes);
  if (!header.ok()) return header.status();
  if (header->function != Message::kFunction) {
    return absl::InvalidArgumentError("the packet is of another function");
  }
  Received<Message> received{.serial = header->serial, .message = {}};
  FieldReader reader(bytes);
  Message::Visit(received.message, reader);
  if (!reader.status().ok()) return reader.status();
  return received;
}

}  // namespace gatelog::uhppote
