#pragma once

#include <asio/ssl/context.hpp>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace gatelog::terminal {

// What TLS connections of the terminal link are made with; TLS 1.2 or later, and both sides show a
// certificate. Each serves both roles: whoever opened the connection is the client. Errors:
// kInvalidArgument, what does not fit together or cannot be read.

// The gateway's. Whether the terminal's certificate is the right one is decided after the terminal
// has said who it is.
absl::StatusOr<std::unique_ptr<asio::ssl::context>> MakeGatewayTls(
    const std::string& certificate_pem, const std::string& key_pem);

// A terminal's, which takes a gateway that shows a certificate signed by the CA (DER).
absl::StatusOr<std::unique_ptr<asio::ssl::context>> MakeTerminalTls(
    const std::string& certificate_pem, const std::string& key_pem, const std::string& ca_der);

// A certificate and its key, in PEM.
struct OwnCertificate {
  std::string certificate;
  std::string key;
};

// A terminal's: it has signed it itself, and never ends.
absl::StatusOr<OwnCertificate> MakeOwnCertificate(const std::string& common_name);

// PEM to DER, of the first certificate. kInvalidArgument: there is none.
absl::StatusOr<std::string> CertificateDer(const std::string& pem);

// SHA-256.
std::string CertificateDigest(const std::string& der);

}  // namespace gatelog::terminal
