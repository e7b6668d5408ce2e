#include "store/postgres/indexer.h"

#include <chrono>
#include <optional>
#include <utility>

#include "base/log.h"
#include "store/postgres/session.h"

namespace gatelog::postgres {
namespace {

constexpr std::chrono::seconds kRetry{5};

}  // namespace

Indexer::Indexer(std::string url, Segments& segments, const std::atomic<std::uint64_t>& last_seq)
    : url_(std::move(url)), segments_(segments), last_seq_(last_seq), thread_([this] { Run(); }) {}

Indexer::~Indexer() {
  stop_.request_stop();
  Wake();
  thread_.join();
}

void Indexer::Wake() {
  {
    MutexLock lock(mutex_);
    wake_ = true;
  }
  woken_.notify_one();
}

void Indexer::Run() {
  bool done = true;
  while (true) {
    {
      MutexLock lock(mutex_);
      const auto retry = std::chrono::steady_clock::now() + kRetry;
      while (!wake_) {
        if (done) {
          woken_.wait(mutex_);
        } else if (woken_.wait_until(mutex_, retry) == std::cv_status::timeout) {
          break;
        }
      }
      wake_ = false;
    }
    if (stop_.stop_requested()) return;
    done = IndexAll();
  }
}

bool Indexer::IndexAll() {
  while (const std::optional<Segment> segment = segments_.NextToIndex(last_seq_)) {
    absl::Status error;
    if (session_ == nullptr || !session_->alive()) {
      absl::StatusOr<std::unique_ptr<Connection>> session =
          OpenSideSession(url_, "gatelog indexer");
      error = session.status();
      session_ = session.ok() ? *std::move(session) : nullptr;
    }
    if (error.ok()) {
      const absl::StatusOr<Segment> indexed = IndexSegment(*session_, *segment, stop_.get_token());
      error = indexed.status();
      if (indexed.ok()) segments_.SetIndexed(*indexed);
    }
    if (stop_.stop_requested()) return true;
    if (!error.ok()) {
      if (!std::exchange(failing_, true)) {
        LogWarn("A full segment of the store could not be indexed yet; it is tried again.",
                {{"first_seq", segment->first}, {"error", error.ToString()}});
      }
      return false;
    }
    failing_ = false;
  }
  return true;
}

}  // namespace gatelog::postgres
