#include "device/terminal/call_limits.h"

namespace gatelog::terminal {

bool CallLimits::Admit(const asio::ip::address& peer, TimePoint now) {
  if (!peers_.contains(peer) && peers_.size() >= kCallPeersMax) {
    ForgetQuietPeers(now);
    if (peers_.size() >= kCallPeersMax) return false;
  }
  Peer& counted = peers_[peer];
  if (now - counted.window >= kCallsPerPeerWindow) {
    counted.window = now;
    counted.calls = 0;
  }
  if (counted.open >= kCallsPerPeerMax || counted.calls >= kCallsPerPeerWindowMax) return false;
  ++counted.open;
  ++counted.calls;
  ++open_;
  return true;
}

void CallLimits::Ended(const asio::ip::address& peer) {
  --peers_[peer].open;
  --open_;
}

void CallLimits::ForgetQuietPeers(TimePoint now) {
  std::erase_if(peers_, [now](const auto& entry) {
    return entry.second.open == 0 && now - entry.second.window >= kCallsPerPeerWindow;
  });
}

}  // namespace gatelog::terminal
