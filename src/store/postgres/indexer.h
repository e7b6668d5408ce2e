#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>

#include "base/mutex.h"
#include "store/postgres/connection.h"
#include "store/postgres/segments.h"

namespace gatelog::postgres {

// Builds the indexes of full segments, oldest first, on a thread and a session of its own, so that
// commits never wait for it. What fails is tried again; until it succeeds, reads of the segment
// take longer.
class Indexer {
 public:
  // Both outlive it. `last_seq`: the newest that is committed.
  Indexer(std::string url, Segments& segments, const std::atomic<std::uint64_t>& last_seq);
  ~Indexer();  // gives up what is being built
  Indexer(const Indexer&) = delete;
  Indexer& operator=(const Indexer&) = delete;

  // A segment may have become full. Any thread.
  void Wake() GATELOG_EXCLUDES(mutex_);

 private:
  void Run();
  // False: it failed, and is to be tried again later.
  bool IndexAll();

  const std::string url_;
  Segments& segments_;
  const std::atomic<std::uint64_t>& last_seq_;
  std::stop_source stop_;
  std::unique_ptr<Connection> session_;  // the thread's
  bool failing_ = false;                 // the thread's

  Mutex mutex_;
  std::condition_variable_any woken_;
  bool wake_ GUARDED_BY(mutex_) = true;
  std::thread thread_;
};

}  // namespace gatelog::postgres
