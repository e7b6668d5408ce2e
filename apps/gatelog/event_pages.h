#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "apps/gatelog/session.h"
#include "gatelog/v1/events.pb.h"

namespace gatelog::cli {

// The stored events that pass a filter, page by page.
class EventPages {
 public:
  // `limit` is how many are wanted; 0: all. It only chooses the page size.
  EventPages(Session& session, Connection& gateway, const v1::Filter& filter, bool newest_first,
             std::uint64_t limit);

  // No events after the last one. After an error the same page can be asked for again, also of a
  // gateway that was started anew.
  absl::StatusOr<v1::QueryResponse> Next();

 private:
  Session& session_;
  Connection& gateway_;
  v1::QueryRequest request_;
  bool ended_ = false;
};

}  // namespace gatelog::cli
