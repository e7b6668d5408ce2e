#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "base/status_macros.h"
#include "store/postgres/connection.h"
#include "store/postgres/session.h"

namespace gatelog::postgres {

// The sessions that reads share, opened as they are needed. Any thread; a read waits while all are
// in use.
class ReaderPool {
 public:
  ReaderPool(std::string url, int sessions)
      : url_(std::move(url)), idle_(static_cast<std::size_t>(sessions)) {}

  // What `read` returns for a session. A session that has been lost is replaced, and the read,
  // which changes nothing, done once more.
  template <typename T>
  absl::StatusOr<T> Run(const std::function<absl::StatusOr<T>(Connection&)>& read) {
    Lease lease(*this);
    const bool fresh = lease.session == nullptr;
    for (bool again = !fresh;; again = false) {
      if (lease.session == nullptr) {
        GATELOG_ASSIGN_OR_RETURN(lease.session, OpenReaderSession(url_));
      }
      absl::StatusOr<T> result = read(*lease.session);
      const bool alive = lease.session->alive();
      if (!alive || lease.session->interrupted()) lease.session.reset();
      if (alive || !again) return result;
    }
  }

 private:
  struct Lease {
    explicit Lease(ReaderPool& of) : pool(of), session(of.Take()) {}
    ~Lease() { pool.Return(std::move(session)); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;

    ReaderPool& pool;
    std::unique_ptr<Connection> session;
  };

  std::unique_ptr<Connection> Take() GATELOG_EXCLUDES(mutex_);
  void Return(std::unique_ptr<Connection> session) GATELOG_EXCLUDES(mutex_);

  const std::string url_;
  Mutex mutex_;
  std::condition_variable_any returned_;
  std::vector<std::unique_ptr<Connection>> idle_ GUARDED_BY(mutex_);  // null: not opened yet
};

}  // namespace gatelog::postgres
