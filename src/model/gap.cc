#include "model/gap.h"

namespace gatelog::model {

const char* GapReasonName(GapReason reason) {
  switch (reason) {
    case GapReason::kOverwritten:
      return "overwritten";
    case GapReason::kCleared:
      return "cleared";
    case GapReason::kAbsent:
      return "absent";
    case GapReason::kUnreadable:
      return "unreadable";
    case GapReason::kUnverified:
      return "unverified";
  }
  return "unknown";
}

}  // namespace gatelog::model
