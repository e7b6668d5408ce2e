#pragma once

#include <stop_token>
#include <utility>

#include "absl/status/status.h"
#include "store/sqlite/sqlite_database.h"

namespace gatelog::store {

// Ends what runs on a connection when its caller is not interested any more; as long as it lives.
class StopGuard {
 public:
  StopGuard(Database& database, std::stop_token stop)
      : stop_(std::move(stop)), callback_(stop_, Interrupt{database}) {}

  // kCancelled once it was asked to stop. Also looked at between statements, which an interruption
  // that comes between them does not reach.
  absl::Status status() const {
    return stop_.stop_requested() ? absl::CancelledError("The read was given up.")
                                  : absl::OkStatus();
  }

 private:
  struct Interrupt {
    Database& database;
    void operator()() const { database.Interrupt(); }
  };

  std::stop_token stop_;
  std::stop_callback<Interrupt> callback_;
};

}  // namespace gatelog::store
