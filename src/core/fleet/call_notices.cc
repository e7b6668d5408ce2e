#include "core/fleet/call_notices.h"

#include <algorithm>

namespace gatelog::core {

bool CallNotices::Admit(model::DeviceId id, Timestamp now) {
  // A clock that was set back does not silence anybody.
  std::erase_if(notices_, [now](const Notice& notice) {
    return now < notice.time || now - notice.time >= kCallNoticeTime;
  });
  if (notices_.size() >= kCallNoticesMax) return false;
  const auto same = std::find_if(notices_.begin(), notices_.end(),
                                 [id](const Notice& notice) { return notice.id == id; });
  if (same != notices_.end()) return false;
  notices_.push_back({id, now});
  return true;
}

}  // namespace gatelog::core
