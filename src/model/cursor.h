#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace gatelog::model {

// One life of a store: random, chosen when the store is made or restored from a backup.
using Incarnation = std::uint64_t;

// A place in a store's commit order: everything up to and with `seq` has been seen.
struct Cursor {
  Incarnation incarnation = 0;
  std::uint64_t seq = 0;

  bool operator==(const Cursor&) const = default;
};

// "3f9c2a7d10b4e586-40213". Clients treat it as opaque.
std::string FormatCursor(const Cursor& cursor);

// kInvalidArgument if the text is no cursor.
absl::StatusOr<Cursor> ParseCursor(std::string_view text);

}  // namespace gatelog::model
