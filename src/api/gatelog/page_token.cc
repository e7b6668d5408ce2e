#include "api/gatelog/page_token.h"

#include <fmt/format.h>

#include <charconv>
#include <vector>

#include "base/status_macros.h"

namespace gatelog::api {
namespace {

absl::Status NoToken() {
  return absl::InvalidArgumentError(
      "The page token is none of this query's. Use next_page_token of its last page, with the same "
      "filter and order.");
}

template <typename Number>
bool ParseNumber(std::string_view text, int base, Number& out) {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, out, base);
  return error == std::errc() && stop == end;
}

std::vector<std::string_view> Split(std::string_view text) {
  std::vector<std::string_view> parts;
  if (text.size() > kTokenSizeMax) return parts;
  for (std::size_t dot = text.find('.'); dot != std::string_view::npos; dot = text.find('.')) {
    parts.push_back(text.substr(0, dot));
    text.remove_prefix(dot + 1);
  }
  parts.push_back(text);
  return parts;
}

}  // namespace

std::string FormatToken(const QueryToken& token) {
  return fmt::format("q.{}.{:x}", model::FormatCursor(token.position), token.query);
}

std::string FormatToken(const GapToken& token) {
  return fmt::format("g.{}.{}.{}.{:x}", token.position.log_device, token.position.epoch,
                     token.position.id, token.query);
}

absl::StatusOr<QueryToken> ParseQueryToken(std::string_view text) {
  const std::vector<std::string_view> parts = Split(text);
  QueryToken token;
  if (parts.size() != 3 || parts[0] != "q" || !ParseNumber(parts[2], 16, token.query))
    return NoToken();
  const absl::StatusOr<model::Cursor> position = model::ParseCursor(parts[1]);
  if (!position.ok()) return NoToken();
  token.position = *position;
  return token;
}

absl::StatusOr<GapToken> ParseGapToken(std::string_view text) {
  const std::vector<std::string_view> parts = Split(text);
  GapToken token;
  if (parts.size() != 5 || parts[0] != "g" ||
      !ParseNumber(parts[1], 10, token.position.log_device) ||
      !ParseNumber(parts[2], 10, token.position.epoch) ||
      !ParseNumber(parts[3], 10, token.position.id) || !ParseNumber(parts[4], 16, token.query)) {
    return NoToken();
  }
  return token;
}

std::uint64_t Fingerprint(std::string_view bytes) {
  std::uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
  for (const char byte : bytes) {
    hash ^= static_cast<unsigned char>(byte);
    hash *= 0x100000001b3;
  }
  return hash;
}

}  // namespace gatelog::api
