#pragma once

#include <asio/ip/address.hpp>
#include <chrono>
#include <cstddef>
#include <map>

namespace gatelog::terminal {

// Of the calls of terminals, until a link has come of them.
inline constexpr std::size_t kCallsMax = 512;        // beyond: they wait to be accepted
inline constexpr std::size_t kCallsPerPeerMax = 64;  // from one address, as what follows
inline constexpr std::size_t kCallsPerPeerWindowMax = 600;
inline constexpr std::chrono::seconds kCallsPerPeerWindow{10};
inline constexpr std::size_t kCallPeersMax = 20'000;  // addresses that are counted; beyond: refused

// Who calls, and how often: one peer cannot keep the others out. Pure: no socket, no clock.
class CallLimits {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  // Whether a call from `peer` may go on; then Ended must follow.
  bool Admit(const asio::ip::address& peer, TimePoint now);
  void Ended(const asio::ip::address& peer);

  std::size_t open() const { return open_; }

 private:
  struct Peer {
    std::size_t open = 0;
    std::size_t calls = 0;  // in the window
    TimePoint window;       // its beginning
  };

  void ForgetQuietPeers(TimePoint now);

  std::size_t open_ = 0;
  std::map<asio::ip::address, Peer> peers_;
};

}  // namespace gatelog::terminal
