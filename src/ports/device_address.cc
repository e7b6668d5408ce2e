#include "ports/device_address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace gatelog::ports {
namespace {

constexpr std::size_t kFamilySizeMax = 32;
constexpr std::size_t kPortDigitsMax = 5;
constexpr std::size_t kShownMax = 80;  // bytes of wrong input that an error repeats

absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

// Wrong input, safe to show on a terminal.
std::string Shown(std::string_view text) {
  return absl::StrCat("'", absl::Utf8SafeCEscape(View(text.substr(0, kShownMax))),
                      text.size() > kShownMax ? "..." : "", "'");
}

template <typename... Parts>
absl::Status Invalid(const Parts&... parts) {
  return absl::InvalidArgumentError(absl::StrCat(parts...));
}

// The text before `mark`, which is taken out of `text` together with the mark; nullopt if there is
// no mark.
std::optional<std::string_view> TakeUpTo(std::string_view mark, std::string_view& text) {
  const std::size_t at = text.find(mark);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view taken = text.substr(0, at);
  text.remove_prefix(at + mark.size());
  return taken;
}

bool IsIp(int family, const std::string& text) {
  unsigned char bytes[sizeof(in6_addr)];
  return inet_pton(family, text.c_str(), bytes) == 1;
}

absl::StatusOr<std::string> ParseFamily(std::string_view text) {
  const bool good = !text.empty() && text.size() <= kFamilySizeMax &&
                    absl::ascii_isalpha(static_cast<unsigned char>(text.front())) &&
                    std::all_of(text.begin(), text.end(), [](unsigned char c) {
                      return absl::ascii_isalnum(c) || c == '+' || c == '-' || c == '.';
                    });
  if (!good)
    return Invalid(Shown(text), " is no device family; an address reads FAMILY://HOST:PORT");
  return absl::AsciiStrToLower(View(text));
}

bool IsNameByte(unsigned char c) {
  return absl::ascii_isalnum(c) || c == '-' || c == '.' || c == '_';
}

absl::StatusOr<std::string> ParseIpv6(std::string_view text) {
  // A zone ("fe80::1%eth0") is the operating system's business.
  const std::size_t percent = std::min(text.find('%'), text.size());
  const std::string address(text.substr(0, percent));
  const std::string_view zone = text.substr(std::min(percent + 1, text.size()));
  if (!IsIp(AF_INET6, address) || text.ends_with('%') || text.size() > kHostSizeMax ||
      !std::all_of(zone.begin(), zone.end(), IsNameByte)) {
    return Invalid(Shown(text), " is no IPv6 address");
  }
  return std::string(text);
}

absl::StatusOr<std::string> ParseHost(std::string_view text) {
  if (text.empty()) return Invalid("the address names no host; an address reads HOST:PORT");
  if (text.size() > kHostSizeMax) {
    return Invalid("the host name has ", text.size(), " bytes, more than ", kHostSizeMax);
  }
  if (!std::all_of(text.begin(), text.end(), IsNameByte) || text.front() == '.' ||
      text.front() == '-') {
    return Invalid(Shown(text), " is no host name or IP address");
  }
  // Digits and dots alone are an IPv4 address or a mistake, never a name.
  const bool numeric = text.find_first_not_of("0123456789.") == std::string_view::npos;
  std::string host(text);
  if (numeric && !IsIp(AF_INET, host)) return Invalid(Shown(text), " is no IPv4 address");
  return host;
}

absl::StatusOr<std::uint16_t> ParsePort(std::string_view text) {
  std::uint32_t port = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, port);
  if (error != std::errc() || stop != end || text.size() > kPortDigitsMax || port == 0 ||
      port > 65'535) {
    return Invalid(Shown(text), " is no port; a port is a number from 1 to 65535");
  }
  return static_cast<std::uint16_t>(port);
}

absl::StatusOr<std::string> ParseKey(std::string_view hex) {
  const bool good = hex.size() % 2 == 0 && std::all_of(hex.begin(), hex.end(), [](unsigned char c) {
                      return absl::ascii_isxdigit(c);
                    });
  if (!good) {
    return Invalid(
        "the key is not in hexadecimal: an even number of digits 0-9 and a-f is expected");
  }
  const std::size_t size = hex.size() / 2;
  if (size < kDeviceKeySizeMin || size > kDeviceKeySizeMax) {
    return Invalid("the key has ", size, " bytes; ", kDeviceKeySizeMin, " to ", kDeviceKeySizeMax,
                   " are allowed (", 2 * kDeviceKeySizeMin, " to ", 2 * kDeviceKeySizeMax,
                   " hexadecimal digits)");
  }
  return absl::HexStringToBytes(View(hex));
}

absl::Status ParseQuery(std::string_view query, DeviceAddress& address) {
  bool key_seen = false;
  while (!query.empty()) {
    std::string_view item = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), item.size() + 1));
    const std::optional<std::string_view> name = TakeUpTo("=", item);
    // The value is not shown, and neither is an item without a name: it may be the key.
    if (!name)
      return Invalid("what follows '?' in an address reads NAME=VALUE, for example ?key=HEX");
    if (*name == "tls") {
      if (item != "1") return Invalid("tls in an address is 1, or left out");
      address.tls = true;
      continue;
    }
    if (*name != "key")
      return Invalid("an address has no parameter ", Shown(*name), "; 'key' and 'tls' are known");
    if (key_seen) return Invalid("the address gives its key twice");
    key_seen = true;
    GATELOG_ASSIGN_OR_RETURN(address.key, ParseKey(item));
  }
  return absl::OkStatus();
}

// Splits "HOST:PORT", "[IPV6]:PORT" and both without the port, which is then empty.
absl::Status SplitHostPort(std::string_view text, DeviceAddress& address,
                           std::optional<std::string_view>& port) {
  if (text.starts_with('[')) {
    text.remove_prefix(1);
    const std::optional<std::string_view> host = TakeUpTo("]", text);
    if (!host || host->empty())
      return Invalid("the bracket of an IPv6 address is not closed: [::1]:51211");
    if (!text.empty() && text.front() != ':') {
      return Invalid(Shown(text), " follows the bracket of an IPv6 address; only :PORT may");
    }
    if (!text.empty()) port = text.substr(1);
    GATELOG_ASSIGN_OR_RETURN(address.host, ParseIpv6(*host));
    return absl::OkStatus();
  }
  if (std::count(text.begin(), text.end(), ':') > 1) {
    return Invalid(Shown(text),
                   " is no HOST:PORT; an IPv6 address stands in brackets: [::1]:51211");
  }
  std::string_view rest = text;
  const std::optional<std::string_view> host = TakeUpTo(":", rest);
  if (host) port = rest;
  GATELOG_ASSIGN_OR_RETURN(address.host, ParseHost(host.value_or(text)));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<DeviceAddress> ParseAddress(std::string_view text) {
  if (text.empty()) return Invalid("the address is empty; an address reads HOST:PORT");
  DeviceAddress address;
  // The query goes first, so that no later error can show a key.
  const std::size_t question = text.find('?');
  if (question != std::string_view::npos) {
    GATELOG_RETURN_IF_ERROR(ParseQuery(text.substr(question + 1), address));
    text = text.substr(0, question);
  }
  if (const std::optional<std::string_view> family = TakeUpTo("://", text)) {
    GATELOG_ASSIGN_OR_RETURN(address.family, ParseFamily(*family));
  }
  if (text.ends_with('/')) text.remove_suffix(1);
  if (text.find('@') != std::string_view::npos) {
    return Invalid("an address has no user part before '@'; it reads FAMILY://HOST:PORT?key=HEX");
  }
  std::optional<std::string_view> port;
  GATELOG_RETURN_IF_ERROR(SplitHostPort(text, address, port));
  if (port) {
    GATELOG_ASSIGN_OR_RETURN(address.port, ParsePort(*port));
  } else if (address.family != kDefaultFamily) {
    return Invalid("the address of a device of family '", address.family,
                   "' needs a port: ", address.family, "://HOST:PORT");
  }
  return address;
}

std::string FormatAddress(const DeviceAddress& address) {
  const bool bracketed = address.host.find(':') != std::string::npos;
  std::string text;
  if (address.family != kDefaultFamily) absl::StrAppend(&text, address.family, "://");
  absl::StrAppend(&text, bracketed ? "[" : "", address.host, bracketed ? "]" : "");
  if (address.port != 0) absl::StrAppend(&text, ":", address.port);
  return text;
}

}  // namespace gatelog::ports
