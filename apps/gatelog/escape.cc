#include "apps/gatelog/escape.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "absl/strings/str_format.h"

namespace gatelog::cli {
namespace {

struct Range {
  char32_t first;
  char32_t last;
};

// Controls, and characters that are not seen or that turn the direction of what follows.
constexpr Range kUnseen[] = {{0x00, 0x1F},     {0x7F, 0x9F},      {0xAD, 0xAD},
                             {0x61C, 0x61C},   {0x180E, 0x180E},  {0x200B, 0x200F},
                             {0x2028, 0x202E}, {0x2060, 0x206F},  {0xFEFF, 0xFEFF},
                             {0xFFF9, 0xFFFB}, {0xE0000, 0xE0FFF}};
// Drawn over the character before.
constexpr Range kCombining[] = {
    {0x300, 0x36F},   {0x483, 0x489},   {0x591, 0x5BD},   {0x610, 0x61A},   {0x64B, 0x65F},
    {0x1AB0, 0x1AFF}, {0x1DC0, 0x1DFF}, {0x20D0, 0x20FF}, {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}};
// Two columns: East Asian wide and full-width forms, and emoji.
constexpr Range kWide[] = {{0x1100, 0x115F},   {0x2E80, 0x303E},   {0x3041, 0xA4CF},
                           {0xA960, 0xA97F},   {0xAC00, 0xD7A3},   {0xF900, 0xFAFF},
                           {0xFE30, 0xFE6F},   {0xFF00, 0xFF60},   {0xFFE0, 0xFFE6},
                           {0x1F300, 0x1F64F}, {0x1F900, 0x1F9FF}, {0x20000, 0x3FFFD}};

template <std::size_t kCount>
bool In(const Range (&ranges)[kCount], char32_t point) {
  return std::ranges::any_of(
      ranges, [point](const Range& r) { return point >= r.first && point <= r.last; });
}

struct Character {
  char32_t point = 0;
  std::size_t size = 1;  // bytes
  bool valid = false;    // well-formed UTF-8
};

std::uint8_t Byte(std::string_view text, std::size_t at) {
  return static_cast<std::uint8_t>(text[at]);
}

// The character that `text` begins with. Overlong forms, surrogates and numbers past U+10FFFF are
// not valid.
Character FirstCharacter(std::string_view text) {
  const std::uint8_t lead = Byte(text, 0);
  if (lead < 0x80) return {lead, 1, true};
  const std::size_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < size) return {};
  char32_t point = lead & (0x7FU >> size);
  for (std::size_t i = 1; i < size; ++i) {
    if ((Byte(text, i) & 0xC0) != 0x80) return {};
    point = (point << 6) | (Byte(text, i) & 0x3FU);
  }
  constexpr std::array<char32_t, 5> kLowest = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = point >= 0xD800 && point <= 0xDFFF;
  if (point < kLowest[size] || point > 0x10FFFF || surrogate) return {};
  return {point, size, true};
}

std::string Spelled(char32_t point) {
  switch (point) {
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    default:
      return point < 0x80 ? absl::StrFormat("\\x%02x", static_cast<unsigned>(point))
                          : absl::StrFormat("\\u{%x}", static_cast<unsigned>(point));
  }
}

std::string JsonSpelled(char32_t point) {
  const unsigned number = point;
  if (number < 0x10000) return absl::StrFormat("\\u%04x", number);
  return absl::StrFormat("\\u%04x\\u%04x", 0xD800U + ((number - 0x10000U) >> 10),
                         0xDC00U + ((number - 0x10000U) & 0x3FFU));
}

std::size_t Width(char32_t point) {
  if (In(kCombining, point)) return 0;
  return In(kWide, point) ? 2 : 1;
}

}  // namespace

std::string EscapeText(std::string_view text) {
  std::string escaped;
  escaped.reserve(text.size());
  while (!text.empty()) {
    const Character next = FirstCharacter(text);
    if (!next.valid) {
      escaped += absl::StrFormat("\\x%02x", Byte(text, 0));
    } else if (In(kUnseen, next.point)) {
      escaped += Spelled(next.point);
    } else {
      escaped += text.substr(0, next.size);
    }
    text.remove_prefix(next.size);
  }
  return escaped;
}

std::string CsvField(std::string_view text) {
  std::string field = EscapeText(text);
  const bool formula =
      !text.empty() && std::string_view("=+-@\t\r").find(text[0]) != std::string_view::npos;
  if (formula) field.insert(0, "'");
  if (field.find_first_of("\",;") == std::string::npos) return field;
  std::string quoted = "\"";
  for (const char c : field) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + "\"";
}

std::string EscapeJson(std::string_view json) {
  std::string escaped;
  escaped.reserve(json.size());
  while (!json.empty()) {
    const Character next = FirstCharacter(json);
    // Line breaks are the document's own: inside strings the serialiser has already written "\n".
    if (next.valid && next.point != '\n' && In(kUnseen, next.point)) {
      escaped += JsonSpelled(next.point);
    } else {
      escaped += json.substr(0, next.size);
    }
    json.remove_prefix(next.size);
  }
  return escaped;
}

std::size_t DisplayWidth(std::string_view text) {
  std::size_t width = 0;
  while (!text.empty()) {
    const Character next = FirstCharacter(text);
    width += next.valid ? Width(next.point) : 1;
    text.remove_prefix(next.size);
  }
  return width;
}

std::string Shorten(std::string_view text, std::size_t width_max) {
  if (DisplayWidth(text) <= width_max) return std::string(text);
  std::string kept;
  std::size_t width = 0;
  while (!text.empty()) {
    const Character next = FirstCharacter(text);
    width += next.valid ? Width(next.point) : 1;
    if (width + 1 > width_max) break;
    kept += text.substr(0, next.size);
    text.remove_prefix(next.size);
  }
  return kept + "…";
}

}  // namespace gatelog::cli
