#include "device/terminal/peer_trust.h"

#include "absl/strings/str_cat.h"
#include "device/terminal/peer_address.h"

namespace gatelog::terminal {

absl::Status CheckTrust(const std::string& peer, const asio::ip::address& address,
                        const LinkStream& stream, const ports::DeviceTrust& trust) {
  if (!trust.certificate.empty() && !stream.tls()) {
    return absl::PermissionDeniedError(
        absl::StrCat(peer, " is linked without TLS, and this terminal was told to use it"));
  }
  if (!trust.certificate.empty() && stream.PeerCertificate() != trust.certificate) {
    return absl::PermissionDeniedError(
        absl::StrCat(peer, " shows another certificate than the terminal's"));
  }
  if (trust.certificate.empty() && trust.key.empty() && !IsLoopback(address)) {
    return absl::PermissionDeniedError(absl::StrCat(
        peer,
        " is not on this machine, and nothing is known that the terminal could prove itself "
        "by; give it a key, and add it as terminal://HOST:PORT?key=HEX or with gatelog device "
        "accept add ",
        trust.id, " --key HEX"));
  }
  return absl::OkStatus();
}

}  // namespace gatelog::terminal
