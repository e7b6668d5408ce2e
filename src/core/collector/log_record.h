#pragma once

#include "model/anchor.h"
#include "model/event.h"
#include "model/log_status.h"
#include "ports/device_link.h"

namespace gatelog::core {

// Two statuses of one life of the counter, as far as generations tell.
inline bool SameLife(model::Generation a, model::Generation b) {
  return a == b || a == 0 || b == 0;
}

// By what a record on a device is recognised when it is read again.
inline model::Anchor AnchorOf(const ports::LogPage::Record& record) {
  const auto event = model::ParseEvent(record.payload);
  return event.ok() && event->id == record.id
             ? model::AnchorOf(*event)
             : model::AnchorOfUnreadable(record.id, record.payload);
}

}  // namespace gatelog::core
