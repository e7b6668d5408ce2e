#include "base/certificate.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <climits>
#include <ctime>
#include <memory>
#include <optional>
#include <utility>

#include "base/file.h"
#include "base/status_macros.h"

namespace gatelog {
namespace {

namespace fs = std::filesystem;

template <auto Free>
struct Freed {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Bio = std::unique_ptr<BIO, Freed<BIO_free_all>>;
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freed<X509_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, Freed<X509_EXTENSION_free>>;
using Number = std::unique_ptr<BIGNUM, Freed<BN_free>>;
using Store = std::unique_ptr<X509_STORE, Freed<X509_STORE_free>>;
using StoreContext = std::unique_ptr<X509_STORE_CTX, Freed<X509_STORE_CTX_free>>;

struct FreeStack {
  void operator()(STACK_OF(X509) * stack) const { sk_X509_pop_free(stack, X509_free); }
};
using Chain = std::unique_ptr<STACK_OF(X509), FreeStack>;

constexpr std::size_t kPemSizeMax = 256 * 1024;
constexpr std::size_t kCommonNameMax = 64;  // X.520's upper bound
constexpr int kSerialBits = 159;            // 20 octets, positive
constexpr mode_t kPublicMode = 0644;
constexpr mode_t kSecretMode = 0600;

absl::Status CryptoError(std::string_view doing) {
  std::array<char, 256> text{};
  ERR_error_string_n(ERR_get_error(), text.data(), text.size());
  return absl::InternalError(fmt::format("OpenSSL failed while {}: {}", doing, text.data()));
}

absl::Status Unfit(std::string sentence) { return absl::FailedPreconditionError(sentence); }

std::time_t Seconds(Timestamp time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

Bio ReadBio(const std::string& pem) {
  return Bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

std::string Content(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

absl::StatusOr<Key> ParseKey(const std::string& pem, const fs::path& path) {
  Key key(PEM_read_bio_PrivateKey(
      ReadBio(pem).get(), nullptr,
      // Never asks the terminal for a pass phrase.
      [](char*, int, int, void*) { return -1; }, nullptr));
  ERR_clear_error();
  if (!key)
    return Unfit(
        fmt::format("{} holds no private key in PEM without a pass phrase.", path.string()));
  return key;
}

absl::StatusOr<Certificate> ParseCertificate(const std::string& pem, const fs::path& path) {
  Certificate certificate(PEM_read_bio_X509(ReadBio(pem).get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  if (!certificate) return Unfit(fmt::format("{} holds no certificate in PEM.", path.string()));
  return certificate;
}

// The certificates after the first one.
Chain ParseRest(const std::string& pem) {
  Chain rest(sk_X509_new_null());
  const Bio bio = ReadBio(pem);
  Certificate first(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  while (X509* next = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) {
    sk_X509_push(rest.get(), next);
  }
  ERR_clear_error();
  return rest;
}

absl::StatusOr<std::string> KeyPem(EVP_PKEY* key) {
  const Bio bio(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return CryptoError("writing a key");
  }
  return Content(bio.get());
}

absl::StatusOr<std::string> CertificatePem(X509* certificate) {
  const Bio bio(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_X509(bio.get(), certificate) != 1) return CryptoError("writing a certificate");
  return Content(bio.get());
}

absl::Status AddExtension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  if (!extension || X509_add_ext(certificate, extension.get(), -1) != 1) {
    return CryptoError("adding an extension to a certificate");
  }
  return absl::OkStatus();
}

struct CertificateRequest {
  std::string common_name;
  EVP_PKEY* key = nullptr;
  X509* issuer = nullptr;  // nullptr: signs itself
  EVP_PKEY* issuer_key = nullptr;
  int days = 0;
  std::vector<std::pair<int, std::string>> extensions = {};
};

absl::Status SetNumberAndTime(X509* certificate, int days, std::time_t now) {
  const Number serial(BN_new());
  if (!serial || BN_rand(serial.get(), kSerialBits, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) != 1 ||
      BN_to_ASN1_INTEGER(serial.get(), X509_get_serialNumber(certificate)) == nullptr) {
    return CryptoError("choosing a serial number");
  }
  // An hour back, for clients whose clocks are behind.
  constexpr long kBackdateS = 3600;
  if (ASN1_TIME_adj(X509_getm_notBefore(certificate), now, 0, -kBackdateS) == nullptr ||
      ASN1_TIME_adj(X509_getm_notAfter(certificate), now, days, 0) == nullptr) {
    return CryptoError("setting a certificate's time");
  }
  return absl::OkStatus();
}

absl::StatusOr<Certificate> MakeCertificate(const CertificateRequest& request, const Clock& clock) {
  Certificate made(X509_new());
  if (!made || X509_set_version(made.get(), X509_VERSION_3) != 1 ||
      X509_set_pubkey(made.get(), request.key) != 1) {
    return CryptoError("making a certificate");
  }
  GATELOG_RETURN_IF_ERROR(SetNumberAndTime(made.get(), request.days, Seconds(clock.Now())));
  const auto add_name = [&](const char* field, const std::string& value) {
    return X509_NAME_add_entry_by_txt(X509_get_subject_name(made.get()), field, MBSTRING_UTF8,
                                      reinterpret_cast<const unsigned char*>(value.data()),
                                      static_cast<int>(value.size()), -1, 0) == 1;
  };
  if (!add_name("O", "gatelog") || !add_name("CN", request.common_name)) {
    return CryptoError("naming a certificate");
  }
  X509* issuer = request.issuer == nullptr ? made.get() : request.issuer;
  if (X509_set_issuer_name(made.get(), X509_get_subject_name(issuer)) != 1) {
    return CryptoError("naming a certificate's issuer");
  }
  for (const auto& [nid, value] : request.extensions) {
    GATELOG_RETURN_IF_ERROR(AddExtension(made.get(), issuer, nid, value));
  }
  if (X509_sign(made.get(), request.issuer_key, EVP_sha256()) == 0) {
    return CryptoError("signing a certificate");
  }
  return made;
}

std::string SubjectAlternativeNames(const CertificateNames& names) {
  std::string value;
  std::size_t count = 0;
  const auto add = [&](std::string_view kind, const std::string& name) {
    if (count++ >= kCertificateNamesMax) return;
    if (!value.empty()) value += ',';
    value += fmt::format("{}:{}", kind, name);
  };
  for (const std::string& name : names.dns) add("DNS", name);
  for (const std::string& address : names.ip) add("IP", address);
  return value;
}

bool IsDnsName(std::string_view name) {
  constexpr std::size_t kDnsNameMax = 253;
  return !name.empty() && name.size() <= kDnsNameMax &&
         std::all_of(name.begin(), name.end(),
                     [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '.'; });
}

// The text of an interface's address; none for those that a certificate should not name.
std::optional<std::string> AddressText(const ifaddrs& interface) {
  if (interface.ifa_addr == nullptr || (interface.ifa_flags & IFF_LOOPBACK) != 0)
    return std::nullopt;
  std::array<char, INET6_ADDRSTRLEN> text{};
  const void* address = nullptr;
  if (interface.ifa_addr->sa_family == AF_INET) {
    address = &reinterpret_cast<const sockaddr_in*>(interface.ifa_addr)->sin_addr;
  } else if (interface.ifa_addr->sa_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6*>(interface.ifa_addr)->sin6_addr;
    if (IN6_IS_ADDR_LINKLOCAL(&v6)) return std::nullopt;  // means nothing without a zone
    address = &v6;
  } else {
    return std::nullopt;
  }
  if (::inet_ntop(interface.ifa_addr->sa_family, address, text.data(), text.size()) == nullptr) {
    return std::nullopt;
  }
  return std::string(text.data());
}

// Works on one directory.
class CertificateDirectory {
 public:
  CertificateDirectory(const fs::path& directory, const CertificateNames& names, const Clock& clock)
      : ca_crt_(directory / "ca.crt"),
        ca_key_(directory / "ca.key"),
        server_crt_(directory / "server.crt"),
        server_key_(directory / "server.key"),
        names_(names),
        clock_(clock) {}

  absl::StatusOr<ServerCertificate> Run() {
    if (!fs::exists(ca_crt_)) {
      if (fs::exists(server_crt_)) {
        return Unfit(
            fmt::format("{} is missing, but {} is there. Put back the CA that signed it, or move "
                        "server.crt and server.key away to have new ones made.",
                        ca_crt_.string(), server_crt_.string()));
      }
      GATELOG_RETURN_IF_ERROR(MakeCa());
    }
    GATELOG_ASSIGN_OR_RETURN(const std::string ca_pem, ReadFile(ca_crt_, kPemSizeMax));
    GATELOG_ASSIGN_OR_RETURN(ca_, ParseCertificate(ca_pem, ca_crt_));
    ServerCertificate result;
    result.ca_file = ca_crt_;
    if (!fs::exists(server_crt_)) {
      GATELOG_RETURN_IF_ERROR(MakeServer());
      result.made = true;
    } else if (!fs::exists(server_key_)) {
      return Unfit(fmt::format(
          "{} is there, but its key {} is missing. Put the key back, or move server.crt "
          "away to have new ones made.",
          server_crt_.string(), server_key_.string()));
    }
    GATELOG_RETURN_IF_ERROR(Load(result));
    GATELOG_RETURN_IF_ERROR(RenewIfDue(result));
    WarnOfModes(result);
    return result;
  }

 private:
  // The key in the file, or a new one, which is in the file when this returns.
  absl::StatusOr<Key> EnsureKey(const fs::path& path) {
    if (fs::exists(path)) {
      GATELOG_ASSIGN_OR_RETURN(const std::string pem, ReadFile(path, kPemSizeMax));
      return ParseKey(pem, path);
    }
    Key key(EVP_EC_gen("P-256"));
    if (!key) return CryptoError("making a key");
    GATELOG_ASSIGN_OR_RETURN(const std::string pem, KeyPem(key.get()));
    GATELOG_RETURN_IF_ERROR(WriteFileAtomically(path, pem, kSecretMode));
    return key;
  }

  absl::Status MakeCa() {
    GATELOG_ASSIGN_OR_RETURN(const Key key, EnsureKey(ca_key_));
    CertificateRequest request{.common_name = "gatelog CA " + HostName(), .key = key.get()};
    request.common_name.resize(std::min(request.common_name.size(), kCommonNameMax));
    request.issuer_key = key.get();
    request.days = kCaDays;
    request.extensions = {{NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
                          {NID_key_usage, "critical,keyCertSign,cRLSign"},
                          {NID_subject_key_identifier, "hash"}};
    GATELOG_ASSIGN_OR_RETURN(const Certificate ca, MakeCertificate(request, clock_));
    GATELOG_ASSIGN_OR_RETURN(const std::string pem, CertificatePem(ca.get()));
    return WriteFileAtomically(ca_crt_, pem, kPublicMode);
  }

  // Writes server.crt, and server.key before it if there is none.
  absl::Status MakeServer() {
    if (!fs::exists(ca_key_)) {
      return Unfit(fmt::format(
          "{} is missing, and {} is needed to make one. Put ca.key back for this start, or "
          "move ca.crt away to begin with a new CA.",
          server_crt_.string(), ca_key_.string()));
    }
    GATELOG_ASSIGN_OR_RETURN(const std::string ca_key_pem, ReadFile(ca_key_, kPemSizeMax));
    GATELOG_ASSIGN_OR_RETURN(const Key ca_key, ParseKey(ca_key_pem, ca_key_));
    if (X509_check_private_key(ca_.get(), ca_key.get()) != 1) {
      ERR_clear_error();
      return Unfit(fmt::format("{} is not the key of {}. Put back the two that belong together.",
                               ca_key_.string(), ca_crt_.string()));
    }
    GATELOG_ASSIGN_OR_RETURN(const Key key, EnsureKey(server_key_));
    CertificateRequest request{.common_name = HostName(), .key = key.get()};
    request.common_name.resize(std::min(request.common_name.size(), kCommonNameMax));
    request.issuer = ca_.get();
    request.issuer_key = ca_key.get();
    request.days = kServerDays;
    request.extensions = {{NID_basic_constraints, "critical,CA:FALSE"},
                          {NID_key_usage, "critical,digitalSignature"},
                          {NID_ext_key_usage, "serverAuth"},
                          {NID_subject_alt_name, SubjectAlternativeNames(names_)},
                          {NID_subject_key_identifier, "hash"},
                          {NID_authority_key_identifier, "keyid:always"}};
    GATELOG_ASSIGN_OR_RETURN(const Certificate made, MakeCertificate(request, clock_));
    GATELOG_ASSIGN_OR_RETURN(const std::string pem, CertificatePem(made.get()));
    return WriteFileAtomically(server_crt_, pem, kPublicMode);
  }

  absl::Status Load(ServerCertificate& result) {
    GATELOG_ASSIGN_OR_RETURN(result.certificate, ReadFile(server_crt_, kPemSizeMax));
    GATELOG_ASSIGN_OR_RETURN(result.key, ReadFile(server_key_, kPemSizeMax));
    GATELOG_ASSIGN_OR_RETURN(const Certificate server,
                             ParseCertificate(result.certificate, server_crt_));
    GATELOG_ASSIGN_OR_RETURN(const Key key, ParseKey(result.key, server_key_));
    if (X509_check_private_key(server.get(), key.get()) != 1) {
      ERR_clear_error();
      return Unfit(fmt::format("{} is not the key of {}. Put back the two that belong together.",
                               server_key_.string(), server_crt_.string()));
    }
    GATELOG_RETURN_IF_ERROR(CheckSigned(server.get(), result.certificate));
    std::tm expiry{};
    if (ASN1_TIME_to_tm(X509_get0_notAfter(server.get()), &expiry) != 1) {
      return CryptoError("reading a certificate's time");
    }
    result.expires = std::chrono::sys_seconds(std::chrono::seconds(::timegm(&expiry)));
    return absl::OkStatus();
  }

  // Whether clients that have ca.crt will believe it; its time is looked at elsewhere.
  absl::Status CheckSigned(X509* server, const std::string& pem) {
    const Store store(X509_STORE_new());
    const StoreContext context(X509_STORE_CTX_new());
    const Chain rest = ParseRest(pem);
    if (!store || !context || X509_STORE_add_cert(store.get(), ca_.get()) != 1 ||
        X509_STORE_CTX_init(context.get(), store.get(), server, rest.get()) != 1) {
      return CryptoError("checking a certificate");
    }
    X509_STORE_CTX_set_flags(context.get(), X509_V_FLAG_NO_CHECK_TIME | X509_V_FLAG_PARTIAL_CHAIN);
    X509_STORE_CTX_set_purpose(context.get(), X509_PURPOSE_SSL_SERVER);
    if (X509_verify_cert(context.get()) == 1) return absl::OkStatus();
    const int error = X509_STORE_CTX_get_error(context.get());
    ERR_clear_error();
    return Unfit(
        fmt::format("{} cannot be verified with {}: {}. Put back the two that belong together.",
                    server_crt_.string(), ca_crt_.string(), X509_verify_cert_error_string(error)));
  }

  absl::Status RenewIfDue(ServerCertificate& result) {
    const auto left = result.expires - clock_.Now();
    if (left > std::chrono::days(kRenewDays)) return absl::OkStatus();
    if (fs::exists(ca_key_)) {
      GATELOG_RETURN_IF_ERROR(MakeServer());
      GATELOG_RETURN_IF_ERROR(Load(result));
      result.made = true;
      return absl::OkStatus();
    }
    const std::string remedy =
        fmt::format("Put {} back and restart the gateway to renew it.", ca_key_.string());
    if (left <= std::chrono::seconds(0)) {
      result.warnings.push_back(
          fmt::format("{} has expired: clients refuse it. {}", server_crt_.string(), remedy));
    } else {
      const auto days = std::chrono::duration_cast<std::chrono::days>(left).count();
      result.warnings.push_back(
          fmt::format("{} expires in {} days. {}", server_crt_.string(), days, remedy));
    }
    return absl::OkStatus();
  }

  void WarnOfModes(ServerCertificate& result) const {
    for (const fs::path& path : {server_key_, ca_key_}) {
      struct stat info {};
      if (::stat(path.c_str(), &info) == 0 && (info.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        result.warnings.push_back(
            fmt::format("{} can be read by other users of this machine. Run: chmod 600 {}",
                        path.string(), path.string()));
      }
    }
  }

  static std::string HostName() {
    std::array<char, HOST_NAME_MAX + 1> name{};
    if (::gethostname(name.data(), name.size() - 1) != 0 || !IsDnsName(name.data()))
      return "localhost";
    return name.data();
  }

  const fs::path ca_crt_;
  const fs::path ca_key_;
  const fs::path server_crt_;
  const fs::path server_key_;
  const CertificateNames& names_;
  const Clock& clock_;
  Certificate ca_;
};

}  // namespace

CertificateNames NamesOfThisMachine() {
  CertificateNames names{.dns = {"localhost"}, .ip = {"127.0.0.1", "::1"}};
  std::array<char, HOST_NAME_MAX + 1> host{};
  if (::gethostname(host.data(), host.size() - 1) == 0 && IsDnsName(host.data()) &&
      std::string_view(host.data()) != "localhost") {
    names.dns.emplace_back(host.data());
  }
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return names;
  for (const ifaddrs* interface = list; interface != nullptr; interface = interface->ifa_next) {
    const auto text = AddressText(*interface);
    if (text && std::find(names.ip.begin(), names.ip.end(), *text) == names.ip.end()) {
      names.ip.push_back(*text);
    }
  }
  ::freeifaddrs(list);
  return names;
}

absl::StatusOr<ServerCertificate> LoadOrMakeServerCertificate(const fs::path& directory,
                                                              const CertificateNames& names,
                                                              const Clock& clock) {
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) {
    return absl::UnavailableError(
        fmt::format("Cannot make the directory {}: {}.", directory.string(), error.message()));
  }
  return CertificateDirectory(directory, names, clock).Run();
}

}  // namespace gatelog
