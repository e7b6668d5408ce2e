#include "apps/gatelog/event_tail.h"

#include <algorithm>
#include <chrono>

#include "apps/gatelog/cursor_file.h"
#include "apps/gatelog/event_pages.h"
#include "apps/gatelog/event_view.h"
#include "apps/gatelog/failure.h"
#include "base/status_macros.h"

namespace gatelog::cli {
namespace {

using v1::StoredEvent;

constexpr std::chrono::milliseconds kRetryInterval(1'000);
constexpr char kFromNow[] = "now";

// One `event tail`.
class Tail {
 public:
  Tail(Session& session, Connection& gateway, const v1::Filter& filter, bool live,
       CursorFile* saved)
      : session_(session),
        gateway_(gateway),
        filter_(filter),
        saved_(saved),
        writer_(live ? session.LiveWriter(StoredEventLayout(session.TimeTitle("TIME")))
                     : session.Writer(StoredEventLayout(session.TimeTitle("TIME")))) {}

  absl::Status ShowLast(std::uint64_t count);
  // Opens the stream before the last events are asked for, so that it begins no later than they
  // end.
  absl::Status Follow(std::uint64_t count);
  // From the saved cursor on, or, where none is saved yet, from the oldest event.
  absl::Status FollowSaved();
  absl::Status Finish() { return writer_.Finish(); }

 private:
  absl::Status Show(const StoredEvent& event);
  absl::Status ShowOldestFirst(const std::vector<StoredEvent>& newest_first);
  absl::Status ShowMissed();
  absl::Status FollowOnce(std::uint64_t count);
  absl::Status ShowBatch(const v1::FollowResponse& batch);

  Session& session_;
  Connection& gateway_;
  const v1::Filter& filter_;
  CursorFile* const saved_;  // may be null
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
    GATELOG_ASSIGN_OR_RETURN(const v1::QueryResponse page, pages.Next());
    if (page.events().empty()) break;
    last.insert(last.end(), page.events().begin(), page.events().end());
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
    GATELOG_ASSIGN_OR_RETURN(const v1::QueryResponse page, pages.Next());
    if (page.events().empty()) break;
    for (const StoredEvent& event : page.events()) {
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
    GATELOG_RETURN_IF_ERROR(Show(event));
  }
  GATELOG_RETURN_IF_ERROR(writer_.Flush());
  if (batch.cursor().empty()) return absl::OkStatus();
  cursor_ = batch.cursor();
  return saved_ == nullptr ? absl::OkStatus() : saved_->Save(cursor_);
}

absl::Status Tail::FollowOnce(std::uint64_t count) {
  v1::FollowRequest request;
  request.set_cursor(cursor_);
  *request.mutable_filter() = filter_;
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
  // Only what ends here is cancelled: a stream that has ended says why, and would say CANCELLED.
  if (!status.ok()) context.TryCancel();
  const grpc::Status end = stream->Finish();
  if (!status.ok()) return status;
  // A gateway that stops ends its streams with UNAVAILABLE; a new one goes on.
  stopped_ = end.ok() || end.error_code() == grpc::StatusCode::UNAVAILABLE;
  return gateway_.StreamEnd(end);
}

absl::Status Tail::FollowSaved() {
  GATELOG_ASSIGN_OR_RETURN(cursor_, saved_->Load());
  // Nothing is shown before the stream and nothing lies between: the stream has it all.
  began_ = joined_ = true;
  return Follow(0);
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

absl::Status TailEvents(Session& session, const v1::Filter& filter, const TailOptions& options) {
  if (!options.cursor_file.empty() && !options.follow) {
    return UsageError("--cursor goes with -f: it keeps how far the stream has been shown.");
  }
  GATELOG_ASSIGN_OR_RETURN(Connection * gateway, session.gateway());
  const Interrupt::Watch watch(session.interrupt());
  CursorFile saved(options.cursor_file);
  const bool kept = !options.cursor_file.empty();
  Tail tail(session, *gateway, filter, options.follow, kept ? &saved : nullptr);
  if (kept) {
    GATELOG_RETURN_IF_ERROR(tail.FollowSaved());
  } else if (options.follow) {
    GATELOG_RETURN_IF_ERROR(tail.Follow(options.count));
  } else if (options.count > 0) {
    GATELOG_RETURN_IF_ERROR(tail.ShowLast(options.count));
  }
  return tail.Finish();
}

}  // namespace gatelog::cli
