#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "model/cursor.h"
#include "model/identity.h"

namespace gatelog::api {

// Where a query goes on. A token belongs to one query: `query` is a fingerprint of its filter and
// order. Clients treat the text as opaque.
struct QueryToken {
  model::Cursor position;  // the last event given
  std::uint64_t query = 0;

  bool operator==(const QueryToken&) const = default;
};

struct GapToken {
  model::RecordKey position;  // the last gap given
  std::uint64_t query = 0;

  bool operator==(const GapToken&) const = default;
};

inline constexpr std::size_t kTokenSizeMax = 128;

std::string FormatToken(const QueryToken& token);
std::string FormatToken(const GapToken& token);

// kInvalidArgument if the text is no such token.
absl::StatusOr<QueryToken> ParseQueryToken(std::string_view text);
absl::StatusOr<GapToken> ParseGapToken(std::string_view text);

// Tells queries apart; stable over restarts.
std::uint64_t Fingerprint(std::string_view bytes);

}  // namespace gatelog::api
