#pragma once

#include <asio/ip/address.hpp>
#include <chrono>
#include <cstddef>
#include <map>

namespace gatelog::terminal {

// Of the calls of terminals, until a link has come of them.
inline constexpr std::size_t kCallsMax = 512;           // beyond: they wait to be accepted
inline constexpr std::size_t kCallsPerPeerMax = 64;     // from one peer, as what follows
inline constexpr std::size_t kCallsPerPeerBusyMax = 8;  // while kCallsBusy places are taken
inline constexpr std::size_t kCallsPerPeerWindowMax = 600;
inline constexpr std::chrono::seconds kCallsPerPeerWindow{10};
inline constexpr std::size_t kCallPeersMax = 20'000;  // peers that are counted; beyond: refused
inline constexpr std::size_t kCallsBusy = kCallsMax / 2;
// How long a caller may say nothing while more than kCallsBusy places are taken; else he has all of
// the handshake's time.
inline constexpr std::chrono::milliseconds kCallSilence{2'000};
inline constexpr std::chrono::seconds kForgetPeersInterval{1};

// Who calls, and how often: one peer cannot keep the others out, and a few cannot either. A peer is
// an IPv4 address, or all of an IPv6 network of 64 bits, which one host can have. Pure: no socket,
// no clock.
class CallLimits {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  // Whether a call from `address` may go on; then Ended must follow.
  bool Admit(const asio::ip::address& address, TimePoint now);
  void Ended(const asio::ip::address& address);

  std::size_t open() const { return open_; }

 private:
  struct Peer {
    std::size_t open = 0;
    std::size_t calls = 0;  // in the window
    TimePoint window;       // its beginning
  };

  static asio::ip::address PeerOf(const asio::ip::address& address);
  void ForgetQuietPeers(TimePoint now);

  std::size_t open_ = 0;
  TimePoint forgot_;  // the quiet ones, the last time
  std::map<asio::ip::address, Peer> peers_;
};

}  // namespace gatelog::terminal
