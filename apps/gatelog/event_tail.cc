#include "apps/gatelog/event_tail.h"

#include <algorithm>
#include <chrono>

#include "apps/gatelog/event_view.h"
#include "apps/gatelog/failure.h"
#include "base/status_macros.h"

namespace gatelog::cli {
namespace {

using v1::StoredEvent;

constexpr std::uint64_t kPageSizeMax = 16'384;
constexpr std::chrono::milliseconds kRetryInterval(1'000);
constexpr char kFromNow[] = "now";

// One `event tail`.
class Tail {
 public:
  Tail(Session& session, Connection& gateway, const EventFilter& filter, bool live)
      : session_(session),
        gateway_(gateway),
        filter_(filter),
        writer_(live ? session.LiveWriter(StoredEventLayout(session.utc))
                     : session.Writer(StoredEventLayout(session.utc))) {}

  absl::Status ShowLast(std::uint64_t count);
  // Opens the stream before the last events are asked for, so that it begins no later than they
  // end.
  absl::Status Follow(std::uint64_t count);
  absl::Status Finish() { return writer_.Finish(); }

 private:
  absl::Status Show(const StoredEvent& event);
  absl::Status ShowOldestFirst(const std::vector<StoredEvent>& newest_first);
  absl::Status ShowMissed();
  absl::Status FollowOnce(std::uint64_t count);
  absl::Status ShowBatch(const v1::FollowResponse& batch);

  Session& session_;
  Connection& gateway_;
  const EventFilter& filter_;
  RecordWriter writer_;
  std::uint64_t last_seq_ = 0;
  bool began_ = false;    // the last events are shown
  bool stopped_ = false;  // the gateway ended the stream because it stops
  bool joined_ = false;   // and those between them and the stream's beginning
  std::string cursor_ = kFromNow;
};

absl::Status Tail::Show(const StoredEvent& event) {
  if (event.seq() <= last_seq_) return absl::OkStatus();
  last_seq_ = event.seq();
  return writer_.Add(StoredEventRecord(event, session_.zone()));
}

absl::Status Tail::ShowOldestFirst(const std::vector<StoredEvent>& newest_first) {
  for (auto event = newest_first.rbegin(); event != newest_first.rend(); ++event) {
    GATELOG_RETURN_IF_ERROR(Show(*event));
  }
  return absl::OkStatus();
}

absl::Status Tail::ShowLast(std::uint64_t count) {
  // With nothing to show, the newest event still says where the past ends.
  const std::uint64_t wanted = std::max<std::uint64_t>(count, 1);
  EventPages pages(session_, gateway_, filter_, true, wanted);
  std::vector<StoredEvent> last;
  while (last.size() < wanted) {
    GATELOG_ASSIGN_OR_RETURN(auto page, pages.Next());
    if (page.empty()) break;
    last.insert(last.end(), page.begin(), page.end());
  }
  last.resize(std::min<std::uint64_t>(last.size(), wanted));
  if (count == 0) {
    if (!last.empty()) last_seq_ = last.front().seq();
    last.clear();
  }
  return ShowOldestFirst(last);
}

// Whether the stream began before or after the last events were read cannot be told from its first
// batch, so what was committed after them is asked for once more. Show() drops what has been shown.
absl::Status Tail::ShowMissed() {
  EventPages pages(session_, gateway_, filter_, true, 0);
  std::vector<StoredEvent> missed;
  bool reached = false;
  while (!reached) {
    GATELOG_ASSIGN_OR_RETURN(const auto page, pages.Next());
    if (page.empty()) break;
    for (const StoredEvent& event : page) {
      reached = event.seq() <= last_seq_;
      if (reached) break;
      missed.push_back(event);
    }
  }
  return ShowOldestFirst(missed);
}

absl::Status Tail::ShowBatch(const v1::FollowResponse& batch) {
  if (!joined_) {
    GATELOG_RETURN_IF_ERROR(ShowMissed());
    joined_ = true;
  }
  for (const StoredEvent& event : batch.events()) {
    if (filter_.Matches(event)) GATELOG_RETURN_IF_ERROR(Show(event));
  }
  if (!batch.cursor().empty()) cursor_ = batch.cursor();
  return writer_.Flush();
}

absl::Status Tail::FollowOnce(std::uint64_t count) {
  v1::FollowRequest request;
  request.set_cursor(cursor_);
  *request.mutable_filter() = filter_.asked;
  grpc::ClientContext context;
  // A gateway that went away is waited for: only while a call waits does gRPC work on the
  // connection.
  context.set_wait_for_ready(began_);
  const Interrupt::Call call(session_.interrupt(), context);
  const auto stream = gateway_.events().Follow(&context, request);
  absl::Status status;
  if (!began_) status = ShowLast(count);
  if (status.ok()) status = writer_.Flush();
  began_ = began_ || status.ok();
  v1::FollowResponse batch;
  while (status.ok() && stream->Read(&batch)) status = ShowBatch(batch);
  context.TryCancel();
  const grpc::Status end = stream->Finish();
  if (!status.ok()) return status;
  // A gateway that stops ends its streams with UNAVAILABLE; a new one goes on.
  stopped_ = end.ok() || end.error_code() == grpc::StatusCode::UNAVAILABLE;
  return gateway_.StreamEnd(end);
}

absl::Status Tail::Follow(std::uint64_t count) {
  bool told = false;
  while (true) {
    const std::uint64_t shown = writer_.count();
    stopped_ = false;
    const absl::Status status = FollowOnce(count);
    if (session_.interrupt().requested()) return absl::OkStatus();
    const bool gone = stopped_ || ExitCodeOf(status) == kExitUnreachable;
    if (!gone || absl::IsAborted(status) || !began_) return status;
    told = told && writer_.count() == shown;
    if (!told) session_.Say("The gateway ended the stream. Trying to go on where it stopped.");
    told = true;
    if (cursor_ == kFromNow) joined_ = false;  // no cursor yet: fill in what the pause hides
    if (session_.interrupt().WaitFor(kRetryInterval)) return absl::OkStatus();
  }
}

}  // namespace

bool EventFilter::Matches(const StoredEvent& event) const {
  if (!codes.finer_than_main_codes()) return true;
  gsdk::event::EventLog log;
  return log.ParseFromString(event.event()) && codes.Matches(log.eventcode(), log.subcode());
}

EventPages::EventPages(Session& session, Connection& gateway, const EventFilter& filter,
                       bool newest_first, std::uint64_t limit)
    : session_(session), gateway_(gateway), filter_(filter) {
  *request_.mutable_filter() = filter.asked;
  request_.set_newest_first(newest_first);
  // One more than wanted tells whether there are more; events that are sorted out here need whole
  // pages.
  const bool whole = limit == 0 || limit >= kPageSizeMax || filter.codes.finer_than_main_codes();
  request_.set_page_size(static_cast<std::uint32_t>(whole ? kPageSizeMax : limit + 1));
}

absl::StatusOr<std::vector<StoredEvent>> EventPages::Next() {
  std::vector<StoredEvent> events;
  while (events.empty() && !ended_) {
    if (session_.interrupt().requested()) return Interrupted();
    GATELOG_ASSIGN_OR_RETURN(v1::QueryResponse response,
                             gateway_.Call(gateway_.events(), &v1::Events::Stub::Query, request_));
    for (StoredEvent& event : *response.mutable_events()) {
      if (filter_.Matches(event)) events.push_back(std::move(event));
    }
    request_.set_page_token(response.next_page_token());
    ended_ = response.next_page_token().empty();
  }
  return events;
}

absl::Status TailEvents(Session& session, const EventFilter& filter, std::uint64_t count,
                        bool follow) {
  GATELOG_ASSIGN_OR_RETURN(Connection * gateway, session.gateway());
  const Interrupt::Watch watch(session.interrupt());
  Tail tail(session, *gateway, filter, follow);
  if (follow) {
    GATELOG_RETURN_IF_ERROR(tail.Follow(count));
  } else if (count > 0) {
    GATELOG_RETURN_IF_ERROR(tail.ShowLast(count));
  }
  return tail.Finish();
}

}  // namespace gatelog::cli
