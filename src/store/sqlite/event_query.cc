#include "store/sqlite/event_query.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "store/sqlite/event_matcher.h"
#include "store/sqlite/event_row.h"
#include "store/sqlite/stop_guard.h"

namespace gatelog::store {

absl::StatusOr<ports::EventPage> ReadEvents(const IndexedEvents& events,
                                            const ports::EventQuery& query) {
  if (query.limit == 0 || query.limit > ports::kQueryLimitMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("A page has 1 to ", ports::kQueryLimitMax, " events, not ", query.limit, "."));
  }
  const bool newest_first = query.order == ports::Order::kNewestFirst;
  const std::uint64_t after = std::max(query.after_seq, events.visible.first - 1);
  std::uint64_t newest = events.visible.last;
  if (query.before_seq != 0) newest = std::min(newest, query.before_seq - 1);

  ports::EventPage page;
  page.seq_reached = newest_first ? after + 1 : std::max(newest, after);
  if (newest <= after) return page;

  GATELOG_ASSIGN_OR_RETURN(const EventMatcher matcher,
                           EventMatcher::Make(events.database, query.filter));
  const StopGuard stop(events.database, query.stop);
  GATELOG_RETURN_IF_ERROR(stop.status());
  // With a filter nobody knows how many will match.
  constexpr std::uint64_t kFew = 128;
  page.events.reserve(std::min({std::uint64_t{query.limit}, newest - after,
                                matcher.columns() == 0 ? newest - after : kFew}));
  const auto take = [&](const Statement& row) -> absl::StatusOr<bool> {
    GATELOG_ASSIGN_OR_RETURN(ports::StoredEvent event,
                             EventOfRow(events.database, row, query.payload_alone));
    page.events.push_back(std::move(event));
    return page.events.size() < query.limit;
  };
  GATELOG_ASSIGN_OR_RETURN(const ScanEnd end,
                           ScanEvents(events, matcher, kColumnsOfEvent, {after + 1, newest},
                                      query.order, ports::kLookedAtMax, stop, take));
  GATELOG_RETURN_IF_ERROR(stop.status());
  if (!end.to_the_end) {
    page.more = true;
    page.seq_reached = end.seq_reached;
  }
  return page;
}

}  // namespace gatelog::store
