#pragma once

#include <asio/ip/address.hpp>

namespace gatelog::terminal {

// An IPv4 address that a socket for both shows inside an IPv6 one is that IPv4 address.
inline asio::ip::address Unmapped(const asio::ip::address& address) {
  if (!address.is_v6() || !address.to_v6().is_v4_mapped()) return address;
  return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
}

inline bool IsLoopback(const asio::ip::address& address) { return Unmapped(address).is_loopback(); }

}  // namespace gatelog::terminal
