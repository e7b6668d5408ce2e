#pragma once

#include <grpcpp/channel.h>

#include <cstdint>
#include <memory>
#include <string>

#include "bench/child_process.h"

namespace gatelog::bench {

// A real gateway on a store, and a client in this process that follows it: TLS and every default as
// it comes. What goes wrong ends the program.
class Follower {
 public:
  // Starts the gateway that was built with this program. Nobody else has the directory open.
  explicit Follower(const std::string& data_directory);

  // How long it takes to receive the events from the oldest on, so many; they are decoded and not
  // kept. Seconds.
  double Follow(std::uint64_t events);

 private:
  ChildProcess gateway_;
  std::shared_ptr<grpc::Channel> channel_;
};

}  // namespace gatelog::bench
