#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "apps/gatelog/code_words.h"
#include "apps/gatelog/session.h"
#include "gatelog/v1/events.pb.h"

namespace gatelog::cli {

// What the gateway is asked for, and what it cannot tell apart: single sub codes.
struct EventFilter {
  v1::Filter asked;
  CodeFilter codes;

  bool Matches(const v1::StoredEvent& event) const;
};

// The stored events that pass a filter, page by page.
class EventPages {
 public:
  // `limit` is how many are wanted; 0: all. It only chooses the page size.
  EventPages(Session& session, Connection& gateway, const EventFilter& filter, bool newest_first,
             std::uint64_t limit);

  // Empty after the last event.
  absl::StatusOr<std::vector<v1::StoredEvent>> Next();

 private:
  Session& session_;
  Connection& gateway_;
  const EventFilter& filter_;
  v1::QueryRequest request_;
  bool ended_ = false;
};

// Shows the last `count` events and, with `follow`, every event committed after them, once, in
// commit order. Goes on after the gateway was restarted. OK on Ctrl-C.
absl::Status TailEvents(Session& session, const EventFilter& filter, std::uint64_t count,
                        bool follow);

}  // namespace gatelog::cli
