#include "device/terminal/call_limits.h"

#include <algorithm>
#include <cstdint>

namespace gatelog::terminal {
namespace {

constexpr std::size_t kNetworkBytes = 8;  // of an IPv6 address

}  // namespace

asio::ip::address CallLimits::PeerOf(const asio::ip::address& address) {
  if (!address.is_v6() || address.is_loopback()) return address;
  asio::ip::address_v6::bytes_type bytes = address.to_v6().to_bytes();
  std::fill(bytes.begin() + kNetworkBytes, bytes.end(), std::uint8_t{0});
  return asio::ip::address_v6(bytes);
}

bool CallLimits::Admit(const asio::ip::address& address, TimePoint now) {
  const asio::ip::address peer = PeerOf(address);
  if (!peers_.contains(peer) && peers_.size() >= kCallPeersMax) {
    if (now - forgot_ >= kForgetPeersInterval) ForgetQuietPeers(now);
    if (peers_.size() >= kCallPeersMax) return false;
  }
  Peer& counted = peers_[peer];
  if (now - counted.window >= kCallsPerPeerWindow) {
    counted.window = now;
    counted.calls = 0;
  }
  const std::size_t open_max = open_ >= kCallsBusy ? kCallsPerPeerBusyMax : kCallsPerPeerMax;
  if (counted.open >= open_max || counted.calls >= kCallsPerPeerWindowMax) return false;
  ++counted.open;
  ++counted.calls;
  ++open_;
  return true;
}

void CallLimits::Ended(const asio::ip::address& address) {
  --peers_[PeerOf(address)].open;
  --open_;
}

void CallLimits::ForgetQuietPeers(TimePoint now) {
  forgot_ = now;
  std::erase_if(peers_, [now](const auto& entry) {
    return entry.second.open == 0 && now - entry.second.window >= kCallsPerPeerWindow;
  });
}

}  // namespace gatelog::terminal
