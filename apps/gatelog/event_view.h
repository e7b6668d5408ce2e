#pragma once

#include <string>

#include "absl/time/time.h"
#include "apps/gatelog/output.h"
#include "gatelog/v1/events.pb.h"
#include "gsdk/event.pb.h"

namespace gatelog::cli {

// How events look: time, device, ID, what happened, who or where, and what else is known.
// `time_title` heads the times.
Layout EventLayout(const std::string& time_title);
Layout StoredEventLayout(const std::string& time_title);

// An event as its device holds it.
Record EventRecord(const gsdk::event::EventLog& event, absl::TimeZone zone);

// An event of the store. Its object has the event decoded in place of the bytes; bytes that are no
// event are kept as base64 and shown by their place in the store.
Record StoredEventRecord(const v1::StoredEvent& stored, absl::TimeZone zone);

// "user 1042", "door 3", "zone 1"; empty when neither is known.
std::string EventSubject(const gsdk::event::EventLog& event);

}  // namespace gatelog::cli
