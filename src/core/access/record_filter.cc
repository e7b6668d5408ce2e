#include "core/access/record_filter.h"

#include <algorithm>

namespace gatelog::core {

bool Matches(const RecordFilter& filter, const model::Event& event) {
  return (filter.user_id.empty() || filter.user_id == event.user_id) &&
         event.timestamp >= filter.start_time &&
         (filter.end_time == 0 || event.timestamp <= filter.end_time) &&
         (filter.code == 0 || filter.code == event.code) &&
         (filter.tna_key == 0 || filter.tna_key == event.tna_key) &&
         (!filter.changed_on_device || *filter.changed_on_device == event.changed_on_device);
}

bool MatchesAny(const std::vector<RecordFilter>& filters, const model::Event& event) {
  return std::any_of(filters.begin(), filters.end(),
                     [&event](const RecordFilter& filter) { return Matches(filter, event); });
}

}  // namespace gatelog::core
