#include "core/query/event_reader.h"

#include <iterator>
#include <stop_token>
#include <utility>

#include "absl/strings/str_cat.h"

namespace gatelog::core {

class EventReader::FollowingImpl final : public EventReader::Following,
                                         public std::enable_shared_from_this<FollowingImpl> {
 public:
  using NextReply = absl::AnyInvocable<void(absl::StatusOr<FollowBatch>)>;

  FollowingImpl(EventReader& reader, model::Cursor cursor, ports::EventFilter filter,
                std::uint32_t batch_max)
      : reader_(reader), cursor_(cursor), batch_max_(batch_max), filter_(std::move(filter)) {}

  void Next(NextReply reply) override {
    {
      MutexLock lock(mutex_);
      reply_ = std::move(reply);
      told_ = reader_.clock_.Steady();
    }
    ReadSoon();
  }

  void Stop() override { stop_.request_stop(); }

  // Something new is in the store, and the reader does not know us as waiting any more.
  void OnCommitted() {
    {
      MutexLock lock(mutex_);
      awaiting_ = false;
    }
    ReadSoon();
  }

  void ReadSoon() {
    reader_.readers_.Post([weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->Read();
    });
  }

  void TellCursorIfIdle() {
    NextReply reply;
    FollowBatch batch;
    {
      MutexLock lock(mutex_);
      if (!waiting_ || reader_.clock_.Steady() - told_ < kFollowIdle) return;
      waiting_ = false;
      reply = std::move(reply_);
      batch.cursor = cursor_;
    }
    reply(std::move(batch));
  }

 private:
  // On a reader's thread. One read at a time: `reading_` keeps a second wake-up from reading beside
  // it.
  void Read() {
    model::Cursor from;
    {
      MutexLock lock(mutex_);
      if (!reply_ || reading_) {
        again_ = reading_;
        return;
      }
      reading_ = true;
      waiting_ = false;
      from = cursor_;
    }
    absl::StatusOr<FollowBatch> batch = ReadAfter(from);
    NextReply reply;
    {
      MutexLock lock(mutex_);
      reading_ = false;
      if (batch.ok()) cursor_ = batch->cursor;
      const bool nothing = batch.ok() && batch->events.empty();
      if (nothing && reader_.store_.last_seq() <= cursor_.seq) {
        waiting_ = true;
      } else if (nothing && batch->cursor.seq - from.seq < kSkippedMax &&
                 reader_.clock_.Steady() - told_ < kFollowIdle) {
        again_ = true;
      } else {
        reply = std::move(reply_);
        reply_ = nullptr;
      }
    }
    if (reply) {
      reply(std::move(batch));
    } else {
      GoOn();
    }
  }

  // Waits for a commit, unless one came between the read and now.
  void GoOn() {
    bool again = false;
    bool known = false;
    {
      MutexLock lock(mutex_);
      again = std::exchange(again_, false);
      known = std::exchange(awaiting_, true);
    }
    if (!known) reader_.Await(weak_from_this());
    if (again || reader_.store_.last_seq() > SeqReached()) ReadSoon();
  }

  std::uint64_t SeqReached() {
    MutexLock lock(mutex_);
    return cursor_.seq;
  }

  absl::StatusOr<FollowBatch> ReadAfter(const model::Cursor& from) {
    const model::Cursor now = reader_.Now();
    if (from.incarnation != now.incarnation || from.seq > now.seq) {
      return Invalid(from, " is not of this store");
    }
    ports::EventQuery query;
    query.filter = filter_;
    query.after_seq = from.seq;
    query.limit = batch_max_;
    query.payload_alone = true;
    query.stop = stop_.get_token();
    absl::StatusOr<ports::EventPage> page = reader_.store_.Read(query);
    if (!page.ok()) return page.status();
    // Asked afterwards: what was pruned before the read would be missing from it.
    if (from.seq < reader_.Beginning().seq) {
      return Invalid(from,
                     " lies before the oldest event that is kept, others after it were pruned");
    }
    return FollowBatch{std::move(page->events), {from.incarnation, page->seq_reached}};
  }

  absl::Status Invalid(const model::Cursor& cursor, const char* why) {
    return absl::OutOfRangeError(
        absl::StrCat("the cursor ", model::FormatCursor(cursor), why, "; the first valid one is ",
                     model::FormatCursor(reader_.Beginning()), " (before the oldest event)"));
  }

  // A filtered follower hears of its cursor at least after so many events that did not match.
  static constexpr std::uint64_t kSkippedMax = 100'000;

  EventReader& reader_;
  Mutex mutex_;
  model::Cursor cursor_ GUARDED_BY(mutex_);
  NextReply reply_ GUARDED_BY(mutex_);
  bool reading_ GUARDED_BY(mutex_) = false;
  bool again_ GUARDED_BY(mutex_) = false;
  bool waiting_ GUARDED_BY(mutex_) = false;   // for a commit, with a reply to give
  bool awaiting_ GUARDED_BY(mutex_) = false;  // the reader wakes us at the next commit
  std::chrono::steady_clock::time_point told_ GUARDED_BY(mutex_);
  std::stop_source stop_;
  const std::uint32_t batch_max_;
  const ports::EventFilter filter_;
};

EventReader::EventReader(ports::EventStore& store, Executor& readers, const Clock& clock,
                         std::size_t long_reads_max)
    : store_(store), readers_(readers), long_readers_(readers, long_reads_max), clock_(clock) {}

void EventReader::Post(absl::AnyInvocable<void(ports::EventStore&)> work) {
  readers_.Post([this, work = std::move(work)]() mutable { work(store_); });
}

void EventReader::PostLong(absl::AnyInvocable<void(ports::EventStore&)> work) {
  long_readers_.Post([this, work = std::move(work)]() mutable { work(store_); });
}

std::shared_ptr<EventReader::Following> EventReader::Follow(model::Cursor cursor,
                                                            ports::EventFilter filter,
                                                            std::uint32_t batch_max) {
  return std::make_shared<FollowingImpl>(*this, cursor, std::move(filter), batch_max);
}

absl::StatusOr<ports::EventPage> EventReader::ReadPage(ports::EventQuery query) {
  const auto end = clock_.Steady() + kPageTime;
  const std::uint32_t limit = query.limit;
  ports::EventPage page;
  while (true) {
    absl::StatusOr<ports::EventPage> part = store_.Read(query);
    if (!part.ok()) return part.status();
    page.seq_reached = part->seq_reached;
    page.more = part->more;
    if (page.events.empty()) {
      page.events = std::move(part->events);
    } else {
      page.events.insert(page.events.end(), std::make_move_iterator(part->events.begin()),
                         std::make_move_iterator(part->events.end()));
    }
    if (!page.more || page.events.size() >= limit || clock_.Steady() >= end) return page;
    query.limit = limit - static_cast<std::uint32_t>(page.events.size());
    (query.order == ports::Order::kNewestFirst ? query.before_seq : query.after_seq) =
        page.seq_reached;
  }
}

model::Cursor EventReader::Now() const { return {store_.incarnation(), store_.last_seq()}; }

model::Cursor EventReader::Beginning() const {
  return {store_.incarnation(), store_.first_seq() - 1};
}

void EventReader::Await(std::weak_ptr<FollowingImpl> following) {
  MutexLock lock(mutex_);
  waiting_.push_back(std::move(following));
}

void EventReader::OnCommitted(std::uint64_t /*seq*/) {
  std::vector<std::weak_ptr<FollowingImpl>> waiting;
  {
    MutexLock lock(mutex_);
    waiting.swap(waiting_);
  }
  for (const auto& weak : waiting) {
    if (const auto following = weak.lock()) following->OnCommitted();
  }
}

void EventReader::Tick() {
  std::vector<std::weak_ptr<FollowingImpl>> waiting;
  {
    MutexLock lock(mutex_);
    std::erase_if(waiting_, [](const auto& weak) { return weak.expired(); });
    waiting = waiting_;
  }
  for (const auto& weak : waiting) {
    if (const auto following = weak.lock()) following->TellCursorIfIdle();
  }
}

}  // namespace gatelog::core
