#include "store/postgres/erased_anchors.h"

namespace gatelog::postgres {

void ErasedAnchors::Load(const AnchorCache::Logs& logs) {
  for (const auto& [log_device, kept] : logs) {
    for (const model::Anchor& anchor : kept.anchors) {
      if (model::IsWithoutPerson(anchor)) marked_[log_device].insert(anchor.id);
    }
  }
}

void ErasedAnchors::Mark(model::DeviceId log_device, const std::set<model::EventId>& ids) {
  if (!ids.empty()) marked_[log_device].insert(ids.begin(), ids.end());
}

Anchors ErasedAnchors::Clean(model::DeviceId log_device, Anchors anchors) {
  const auto marked = marked_.find(log_device);
  if (marked == marked_.end()) return anchors;
  bool any = false;
  for (model::Anchor& anchor : anchors) {
    if (!marked->second.contains(anchor.id)) continue;
    anchor = model::WithoutPerson(anchor);
    any = true;
  }
  // What an anchored window has left behind does not come back.
  if (!any) marked_.erase(marked);
  return anchors;
}

}  // namespace gatelog::postgres
