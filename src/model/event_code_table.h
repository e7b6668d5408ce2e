#pragma once

#include <span>

#include "model/event_code.h"

namespace gatelog::model::internal {

// The generated table, sorted by (code, sub code). Use EventCodes() instead.
std::span<const EventCode> EventCodeTable();

}  // namespace gatelog::model::internal
