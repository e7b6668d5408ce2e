#pragma once

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/udp.hpp>
#include <chrono>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "apps/gatelog-sim/random.h"

namespace gatelog::sim {

class Fleet;
class Terminal;

inline constexpr std::size_t kSearchesAnswered = 4;  // at a time; further ones get no answer
inline constexpr std::chrono::milliseconds kSearchSpreadMax{60'000};

// Answers a gateway's search for every terminal, each from its own address, 127.0.0.0 plus its
// number, evenly over the time that the gateway allows. Searches from beyond this host's loopback
// get no answer.
//
// The loop's thread only. `context` and `fleet` outlive it.
class SearchAnswers {
 public:
  // `terminal_port`: where the terminals listen.
  SearchAnswers(asio::io_context& context, Fleet& fleet, std::uint16_t terminal_port,
                std::uint64_t seed);

  // kUnavailable in one sentence if the port cannot be used.
  absl::Status Listen(std::uint16_t port);
  void Stop();

 private:
  asio::awaitable<void> TakeQueries();
  asio::awaitable<void> AnswerForAll(std::string nonce, std::chrono::milliseconds spread,
                                     asio::ip::udp::endpoint gateway);
  void AnswerFor(Terminal& terminal, const std::string& nonce,
                 const asio::ip::udp::endpoint& gateway);

  asio::io_context& context_;
  Fleet& fleet_;
  const std::uint16_t terminal_port_;
  Random random_;
  asio::ip::udp::socket socket_;
  std::size_t answering_ = 0;
};

}  // namespace gatelog::sim
