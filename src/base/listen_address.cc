#include "base/listen_address.h"

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>

#include "absl/strings/match.h"

namespace gatelog {
namespace {

constexpr std::size_t kHostLengthMax = 253;

absl::Status NoAddress(std::string_view text) {
  return absl::InvalidArgumentError(fmt::format(
      "'{}' is no address to listen on. Write HOST:PORT, such as 127.0.0.1:4000.", text));
}

// The error number of a try to bind, 0 if it worked.
int TryBind(const addrinfo& info) {
  const int fd = ::socket(info.ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  // As servers do: connections that linger after a restart do not stand in the way, a listener
  // does.
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (info.ai_family == AF_INET6) ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  const int error = ::bind(fd, info.ai_addr, info.ai_addrlen) == 0 ? 0 : errno;
  ::close(fd);
  return error;
}

absl::Status Refusal(int error, const std::string& address, std::string_view option) {
  switch (error) {
    case EADDRINUSE:
      return absl::AlreadyExistsError(fmt::format(
          "Another process already listens on {}. Stop it, or choose another address with {}.",
          address, option));
    case EACCES:
    case EPERM:
      return absl::PermissionDeniedError(fmt::format(
          "Listening on {} is not permitted to this user. Choose a port above 1023 with {}.",
          address, option));
    case EADDRNOTAVAIL:
      return absl::InvalidArgumentError(fmt::format(
          "{} is not an address of this machine. Choose another with {}.", address, option));
    default:
      return absl::UnavailableError(
          fmt::format("Cannot listen on {}: {}. Choose another address with {}.", address,
                      std::strerror(error), option));
  }
}

}  // namespace

absl::StatusOr<ListenAddress> ParseListenAddress(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return NoAddress(text);
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  } else if (host.find_first_of(":[]") != std::string_view::npos) {
    return NoAddress(text);  // an IPv6 address needs its brackets
  }
  if (host.empty() || host.size() > kHostLengthMax) return NoAddress(text);
  ListenAddress address{.host = std::string(host), .port = 0};
  const auto [stop, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (error != std::errc() || stop != port.data() + port.size()) return NoAddress(text);
  return address;
}

std::string FormatListenAddress(const ListenAddress& address) {
  if (address.host.find(':') != std::string::npos) {
    return fmt::format("[{}]:{}", address.host, address.port);
  }
  return fmt::format("{}:{}", address.host, address.port);
}

bool IsLoopback(const ListenAddress& address) {
  return address.host == "localhost" || address.host == "::1" ||
         absl::StartsWith(address.host, "127.");
}

absl::Status CheckCanListen(const ListenAddress& address, std::string_view option) {
  const std::string shown = FormatListenAddress(address);
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  if (const int error =
          ::getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &found);
      error != 0) {
    return absl::InvalidArgumentError(
        fmt::format("'{}' is not known here ({}). Choose another address with {}.", address.host,
                    ::gai_strerror(error), option));
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
  // A name may stand for several addresses, of which not all need be here; but none may be taken.
  int error = EADDRNOTAVAIL;
  for (const addrinfo* info = found; info != nullptr; info = info->ai_next) {
    const int result = TryBind(*info);
    if (result == EADDRINUSE) return Refusal(result, shown, option);
    if (result == 0 || error != 0) error = result;
  }
  return error == 0 ? absl::OkStatus() : Refusal(error, shown, option);
}

}  // namespace gatelog
