#pragma once

#include <asio/io_context.hpp>
#include <cstdint>
#include <memory>
#include <set>

#include "ports/device_searcher.h"

namespace gatelog::terminal {

inline constexpr std::uint16_t kDefaultSearchPort = 51210;
inline constexpr std::size_t kSearchQuerySizeMin =
    256;  // bytes; no answer is longer than the query
inline constexpr std::size_t kSearchNonceSize = 16;
inline constexpr std::uint32_t kSearchVersion = 1;
inline constexpr std::size_t kSearchesMax = 4;    // at a time; further ones: kResourceExhausted
inline constexpr std::size_t kFoundMax = 20'000;  // of one search; further ones are not shown
inline constexpr std::chrono::milliseconds kSearchSpreadMax{10'000};

// Asks by UDP broadcast, on loopback and on every network that this machine is in, and gathers the
// answers (docs/formats/terminal-link.md). Terminals spread their answers over three quarters of
// the time, so that ten thousand of them do not come at once.
//
// One thread runs `context`; it and nothing else calls this.
class TerminalSearcher final : public ports::DeviceSearcher {
 public:
  explicit TerminalSearcher(asio::io_context& context, std::uint16_t port = kDefaultSearchPort);
  ~TerminalSearcher() override;

  void Search(std::chrono::milliseconds time,
              ports::Reply<absl::StatusOr<std::vector<ports::FoundDevice>>> reply) override;

 private:
  class Searching;

  asio::io_context& context_;
  const std::uint16_t port_;
  std::set<std::shared_ptr<Searching>> searches_;
};

}  // namespace gatelog::terminal
