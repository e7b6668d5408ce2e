#include "model/cursor.h"

#include <fmt/format.h>

#include <charconv>

#include "absl/strings/str_cat.h"

namespace gatelog::model {
namespace {

constexpr std::size_t kIncarnationDigits = 16;

bool ParseNumber(std::string_view text, int base, std::uint64_t& out) {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, out, base);
  return error == std::errc() && stop == end;
}

}  // namespace

std::string FormatCursor(const Cursor& cursor) {
  return fmt::format("{:016x}-{}", cursor.incarnation, cursor.seq);
}

absl::StatusOr<Cursor> ParseCursor(std::string_view text) {
  Cursor cursor;
  if (text.size() < kIncarnationDigits + 2 || text[kIncarnationDigits] != '-' ||
      !ParseNumber(text.substr(0, kIncarnationDigits), 16, cursor.incarnation) ||
      !ParseNumber(text.substr(kIncarnationDigits + 1), 10, cursor.seq)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "'", absl::string_view(text.data(), text.size()),
        "' is no cursor; use one that Follow returned, or none to start at the oldest event"));
  }
  return cursor;
}

}  // namespace gatelog::model
