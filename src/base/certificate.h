#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"

namespace gatelog {

// What a TLS server needs, in PEM, and what its operator should know.
struct ServerCertificate {
  std::string certificate;
  std::string key;
  std::filesystem::path ca_file;  // what clients need
  Timestamp expires{};
  bool made = false;                  // by this call: first start or renewal
  std::vector<std::string> warnings;  // sentences
};

// The names and addresses a certificate is valid for.
struct CertificateNames {
  std::vector<std::string> dns;
  std::vector<std::string> ip;
};

// localhost, 127.0.0.1, ::1, this machine's name and the addresses of its interfaces.
CertificateNames NamesOfThisMachine();

// Takes the server's certificate from `directory`, and makes what is missing there:
//
//   ca.crt      the gateway's own CA, P-256, valid for 10 years; clients get a copy
//   ca.key      0600; read only when a server certificate is made, so it may be kept elsewhere
//   server.crt  valid for 2 years, for `names`; renewed within 30 days of its end if ca.key is
//   there server.key  0600; stays when the certificate is renewed
//
// Each file is written whole or not at all, and no key is ever replaced. Existing files are used as
// they are, after a check that key, certificate and CA belong together; server.crt may hold a
// chain.
//
// Blocking; one process at a time on a directory. Errors are sentences that name the file:
// kFailedPrecondition: files that do not fit together, or one that is missing and cannot be made;
// kPermissionDenied, kUnavailable: the file system's.
absl::StatusOr<ServerCertificate> LoadOrMakeServerCertificate(
    const std::filesystem::path& directory, const CertificateNames& names, const Clock& clock);

inline constexpr int kCaDays = 3652;
inline constexpr int kServerDays = 730;
inline constexpr int kRenewDays = 30;
inline constexpr std::size_t kCertificateNamesMax = 64;

}  // namespace gatelog
