#include "apps/gatelog/event_pages.h"

#include "apps/gatelog/failure.h"
#include "base/status_macros.h"

namespace gatelog::cli {
namespace {

constexpr std::uint64_t kPageSizeMax = 16'384;

}  // namespace

EventPages::EventPages(Session& session, Connection& gateway, const v1::Filter& filter,
                       bool newest_first, std::uint64_t limit)
    : session_(session), gateway_(gateway) {
  *request_.mutable_filter() = filter;
  request_.set_newest_first(newest_first);
  // One more than wanted tells whether there are more.
  const bool whole = limit == 0 || limit >= kPageSizeMax;
  request_.set_page_size(static_cast<std::uint32_t>(whole ? kPageSizeMax : limit + 1));
}

absl::StatusOr<v1::QueryResponse> EventPages::Next() {
  v1::QueryResponse page;
  // A page may be empty though more follow: the gateway looks at so many events at a time.
  while (page.events_size() == 0 && !ended_) {
    if (session_.interrupt().requested()) return Interrupted();
    GATELOG_ASSIGN_OR_RETURN(page,
                             gateway_.Call(gateway_.events(), &v1::Events::Stub::Query, request_));
    request_.set_page_token(page.next_page_token());
    ended_ = page.next_page_token().empty();
  }
  return page;
}

}  // namespace gatelog::cli
