#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "ports/event_store.h"

namespace gatelog::api {

// Events travel in the bytes that the device sent, millions of them at a time: messages that hold
// stored events are written without making message objects first.

// An upper bound of what AppendStoredEvent appends.
std::size_t WireSize(const ports::StoredEvent& event);

// Appends the event to an encoded message whose field 1 repeats gatelog.v1.StoredEvent.
void AppendStoredEvent(const ports::StoredEvent& event, std::string& message);

// Appends field 2, a text. Nothing if it is empty.
void AppendText(std::string_view text, std::string& message);

}  // namespace gatelog::api
