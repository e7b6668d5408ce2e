#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "model/identity.h"
#include "ports/event_store.h"

namespace gatelog::core {

// What is counted, and by what: the store's own columns, and what people count by that no store
// has, categories and the hours and days of a time zone.
struct TallyQuery {
  enum class Span { kNone, kHour, kDay };

  ports::EventFilter filter = {};
  bool by_code = false;
  bool by_sub_code = false;
  bool by_category = false;
  bool by_device = false;
  bool by_user = false;
  bool by_door = false;  // door events alone
  Span by_span = Span::kNone;
  absl::TimeZone zone = absl::UTCTimeZone();  // of hours and days
  std::stop_token stop = {};
};

// What is not counted by is zero or empty.
struct TallyRow {
  std::int64_t from_s = 0;  // where the hour or day begins and ends, Unix seconds
  std::int64_t to_s = 0;
  std::uint32_t code = 0;
  std::uint32_t sub_code = 0;
  std::string_view category = {};  // of the table of event codes; empty: it has not the code
  model::DeviceId device = 0;
  std::string user_id = {};  // empty: nobody known
  std::uint32_t door = 0;
  std::uint64_t events = 0;

  auto operator<=>(const TallyRow&) const = default;
};

inline constexpr std::size_t kTallyRowsMax = 100'000;

// The rows, ascending. An hour is cut where the zone changes its clocks inside it; where they are
// put back, an hour comes twice, and the day is longer. Blocks for as long as the store counts; any
// thread. Errors: those of EventStore::Count; kResourceExhausted: more than kTallyRowsMax rows.
absl::StatusOr<std::vector<TallyRow>> Tally(ports::EventStore& store, const TallyQuery& query);

}  // namespace gatelog::core
