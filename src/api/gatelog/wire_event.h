#pragma once

#include <cstddef>

#include "gatelog/v1/events.pb.h"
#include "ports/event_store.h"

namespace gatelog::api {

// An upper bound of a stored event's bytes in a message.
std::size_t WireSize(const ports::StoredEvent& event);

void FillStoredEvent(const ports::StoredEvent& event, gatelog::v1::StoredEvent& wire);

}  // namespace gatelog::api
