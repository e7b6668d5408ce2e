#include "device/uhppote/packet.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace gatelog::uhppote {
namespace {

constexpr std::uint32_t kMagic = 0x55aa'aa55;
constexpr int kCentury = 2000;  // of the years that have two digits
constexpr std::size_t kFunctionAt = 1;
constexpr std::size_t kSerialAt = 4;

// The number of two digits, or -1.
int TwoDigits(std::uint8_t byte) {
  const int tens = byte >> 4;
  const int ones = byte & 0x0f;
  return tens > 9 || ones > 9 ? -1 : 10 * tens + ones;
}

std::uint8_t BcdByte(int value) {
  return static_cast<std::uint8_t>((value / 10 % 10) << 4 | value % 10);
}

// CivilSecond carries what is too large over into the next field, and says so only by that.
std::optional<absl::CivilSecond> CivilOf(int year, int month, int day, int hour, int minute,
                                         int second) {
  const absl::CivilSecond time(year, month, day, hour, minute, second);
  const bool same = time.year() == year && time.month() == month && time.day() == day &&
                    time.hour() == hour && time.minute() == minute && time.second() == second;
  return same ? std::optional(time) : std::nullopt;
}

}  // namespace

std::optional<absl::CivilSecond> WallClockOf(const BcdTime& time) {
  std::array<int, 7> numbers{};
  for (std::size_t i = 0; i < time.size(); ++i) {
    numbers[i] = TwoDigits(time[i]);
    if (numbers[i] < 0) return std::nullopt;
  }
  return CivilOf(100 * numbers[0] + numbers[1], numbers[2], numbers[3], numbers[4], numbers[5],
                 numbers[6]);
}

BcdTime BcdOf(const absl::CivilSecond& time) {
  const int year = static_cast<int>(time.year());
  return {BcdByte(year / 100),  BcdByte(year),          BcdByte(time.month()), BcdByte(time.day()),
          BcdByte(time.hour()), BcdByte(time.minute()), BcdByte(time.second())};
}

absl::StatusOr<Header> ReadHeader(std::string_view bytes) {
  if (bytes.size() != kPacketSize) {
    return absl::InvalidArgumentError(
        absl::StrCat("a packet has ", kPacketSize, " bytes, not ", bytes.size()));
  }
  const FieldReader reader(bytes);
  std::uint8_t start = 0;
  std::uint8_t function = 0;
  Header header;
  reader.Number(0, start);
  reader.Number(kFunctionAt, function);
  reader.Number(kSerialAt, header.serial);
  header.function = static_cast<Function>(function);
  const bool old_push = start == kStartOfOldPush && header.function == Function::kStatus;
  if (start != kStart && !old_push) {
    return absl::InvalidArgumentError(
        absl::StrCat("no packet begins with byte 0x", absl::Hex(start, absl::kZeroPad2),
                     " before function 0x", absl::Hex(function, absl::kZeroPad2)));
  }
  return header;
}

FieldWriter::FieldWriter(const Header& header, std::uint8_t start) : bytes_(kPacketSize, '\0') {
  Number(0, start);
  Number(kFunctionAt, static_cast<std::uint8_t>(header.function));
  Number(kSerialAt, header.serial);
}

void FieldWriter::PutNumber(std::size_t at, std::size_t size, std::uint32_t value) {
  for (std::size_t i = 0; i < size; ++i) bytes_[at + i] = static_cast<char>(value >> (8 * i));
}

void FieldWriter::PutDigits(std::size_t at, int value) {
  bytes_[at] = static_cast<char>(BcdByte(value));
}

void FieldWriter::Version(std::size_t at, const FirmwareVersion& version) {
  PutDigits(at, version.major);
  PutDigits(at + 1, version.minor);
}

void FieldWriter::Day(std::size_t at, const std::optional<absl::CivilDay>& day) {
  if (!day) return;
  const BcdTime digits = BcdOf(absl::CivilSecond(*day));
  for (std::size_t i = 0; i < 4; ++i) bytes_[at + i] = static_cast<char>(digits[i]);
}

void FieldWriter::Time(std::size_t at, const std::optional<absl::CivilSecond>& time) {
  if (time) Bytes(at, BcdOf(*time));
}

void FieldWriter::SystemTime(std::size_t time_at, std::size_t day_at,
                             const std::optional<absl::CivilSecond>& time) {
  if (!time) return;
  const BcdTime digits = BcdOf(*time);
  for (std::size_t i = 0; i < 3; ++i) {
    bytes_[day_at + i] = static_cast<char>(digits[1 + i]);
    bytes_[time_at + i] = static_cast<char>(digits[4 + i]);
  }
}

void FieldWriter::Magic(std::size_t at) { Number(at, kMagic); }

void FieldReader::Fail(std::size_t at, std::string_view what) {
  if (!status_.ok()) return;
  status_ = absl::InvalidArgumentError(absl::StrCat("byte ", at, " (0x",
                                                    absl::Hex(ByteAt(at), absl::kZeroPad2), ") is ",
                                                    absl::string_view(what.data(), what.size())));
}

std::uint32_t FieldReader::GetNumber(std::size_t at, std::size_t size) const {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < size; ++i) value |= std::uint32_t{ByteAt(at + i)} << (8 * i);
  return value;
}

int FieldReader::Digits(std::size_t at) {
  const int number = TwoDigits(ByteAt(at));
  if (number >= 0) return number;
  Fail(at, "not two decimal digits");
  return 0;
}

void FieldReader::Flag(std::size_t at, bool& value) {
  value = ByteAt(at) == 1;
  if (ByteAt(at) > 1) Fail(at, "neither yes nor no");
}

void FieldReader::Version(std::size_t at, FirmwareVersion& version) {
  version.major = static_cast<std::uint8_t>(Digits(at));
  version.minor = static_cast<std::uint8_t>(Digits(at + 1));
}

void FieldReader::Day(std::size_t at, std::optional<absl::CivilDay>& day) {
  const int year = 100 * Digits(at) + Digits(at + 1);
  const auto time = CivilOf(year, Digits(at + 2), Digits(at + 3), 0, 0, 0);
  day = time ? std::optional(absl::CivilDay(*time)) : std::nullopt;
}

void FieldReader::Time(std::size_t at, std::optional<absl::CivilSecond>& time) {
  BcdTime digits{};
  for (std::size_t i = 0; i < digits.size(); ++i) Digits(at + i);
  Bytes(at, digits);
  time = WallClockOf(digits);
}

void FieldReader::SystemTime(std::size_t time_at, std::size_t day_at,
                             std::optional<absl::CivilSecond>& time) {
  const int year = kCentury + Digits(day_at);
  const int month = Digits(day_at + 1);
  const int day = Digits(day_at + 2);
  const int hour = Digits(time_at);
  const int minute = Digits(time_at + 1);
  time = CivilOf(year, month, day, hour, minute, Digits(time_at + 2));
}

void FieldReader::Magic(std::size_t at) {
  if (GetNumber(at, sizeof kMagic) != kMagic) Fail(at, "not the word that the board waits for");
}

}  // namespace gatelog::uhppote
