#include "device/terminal/tls_context.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <array>
#include <asio/buffer.hpp>
#include <asio/ssl/verify_mode.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace gatelog::terminal {
namespace {

template <auto kFree>
struct Freed {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};
using Bio = std::unique_ptr<BIO, Freed<BIO_free>>;
using Certificate = std::unique_ptr<X509, Freed<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;

constexpr char kNoEnd[] = "99991231235959Z";  // RFC 5280: has no well-defined end
constexpr int kSerialBytes = 16;

absl::Status Invalid(const char* what) {
  ERR_clear_error();
  return absl::InvalidArgumentError(what);
}

absl::StatusOr<std::unique_ptr<asio::ssl::context>> MakeContext(const std::string& certificate_pem,
                                                                const std::string& key_pem) {
  auto context = std::make_unique<asio::ssl::context>(asio::ssl::context::tls);
  SSL_CTX* handle = context->native_handle();
  SSL_CTX_set_min_proto_version(handle, TLS1_2_VERSION);
  // No connection is resumed: each one shows its certificates.
  SSL_CTX_set_session_cache_mode(handle, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(handle, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_num_tickets(handle, 0);
  // A gateway's certificate is a server's, which it shows as a client too.
  SSL_CTX_set_purpose(handle, X509_PURPOSE_ANY);
  asio::error_code error;
  context->use_certificate_chain(asio::buffer(certificate_pem), error);
  if (error) return Invalid("the certificate cannot be used");
  context->use_private_key(asio::buffer(key_pem), asio::ssl::context::pem, error);
  if (error) return Invalid("the key does not belong to the certificate");
  context->set_verify_mode(asio::ssl::verify_peer | asio::ssl::verify_fail_if_no_peer_cert, error);
  if (error) return Invalid("certificates cannot be asked for");
  return context;
}

Certificate ParseDer(const std::string& der) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(der.data());
  return Certificate(d2i_X509(nullptr, &bytes, static_cast<long>(der.size())));
}

std::string Text(BIO* bio) {
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(bio, &bytes);
  return {bytes, static_cast<std::size_t>(size)};
}

bool Fill(X509* certificate, EVP_PKEY* key, const std::string& common_name) {
  std::array<unsigned char, kSerialBytes> serial{};
  if (RAND_bytes(serial.data(), kSerialBytes) != 1) return false;
  serial[0] &= 0x7F;
  const std::unique_ptr<BIGNUM, Freed<BN_free>> number(
      BN_bin2bn(serial.data(), kSerialBytes, nullptr));
  X509_NAME* name = X509_get_subject_name(certificate);
  return number && X509_set_version(certificate, X509_VERSION_3) == 1 &&
         BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr &&
         // A terminal's clock may be anywhere; nothing depends on these times.
         ASN1_TIME_set_string_X509(X509_getm_notBefore(certificate), "20000101000000Z") == 1 &&
         ASN1_TIME_set_string_X509(X509_getm_notAfter(certificate), kNoEnd) == 1 &&
         X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                    reinterpret_cast<const unsigned char*>(common_name.c_str()), -1,
                                    -1, 0) == 1 &&
         X509_set_issuer_name(certificate, name) == 1 && X509_set_pubkey(certificate, key) == 1 &&
         X509_sign(certificate, key, EVP_sha256()) != 0;
}

}  // namespace

absl::StatusOr<std::unique_ptr<asio::ssl::context>> MakeGatewayTls(
    const std::string& certificate_pem, const std::string& key_pem) {
  GATELOG_ASSIGN_OR_RETURN(auto context, MakeContext(certificate_pem, key_pem));
  asio::error_code error;
  context->set_verify_callback([](bool, asio::ssl::verify_context&) { return true; }, error);
  if (error) return Invalid("certificates cannot be checked");
  return context;
}

absl::StatusOr<std::unique_ptr<asio::ssl::context>> MakeTerminalTls(
    const std::string& certificate_pem, const std::string& key_pem, const std::string& ca_der) {
  GATELOG_ASSIGN_OR_RETURN(auto context, MakeContext(certificate_pem, key_pem));
  const Certificate ca = ParseDer(ca_der);
  if (!ca) return Invalid("the CA's certificate cannot be read");
  if (X509_STORE_add_cert(SSL_CTX_get_cert_store(context->native_handle()), ca.get()) != 1) {
    return Invalid("the CA's certificate cannot be used");
  }
  return context;
}

absl::StatusOr<OwnCertificate> MakeOwnCertificate(const std::string& common_name) {
  const Key key(EVP_EC_gen("P-256"));
  const Certificate certificate(X509_new());
  const Bio certificate_text(BIO_new(BIO_s_mem()));
  const Bio key_text(BIO_new(BIO_s_mem()));
  if (!key || !certificate || !certificate_text || !key_text ||
      !Fill(certificate.get(), key.get(), common_name) ||
      PEM_write_bio_X509(certificate_text.get(), certificate.get()) != 1 ||
      PEM_write_bio_PrivateKey(key_text.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) !=
          1) {
    return Invalid("a certificate cannot be made");
  }
  return OwnCertificate{Text(certificate_text.get()), Text(key_text.get())};
}

absl::StatusOr<std::string> CertificateDer(const std::string& pem) {
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  const Certificate certificate(bio ? PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)
                                    : nullptr);
  unsigned char* bytes = nullptr;
  const int size = certificate ? i2d_X509(certificate.get(), &bytes) : -1;
  if (size <= 0) return Invalid("the certificate cannot be read");
  std::string der(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
  OPENSSL_free(bytes);
  return der;
}

std::string CertificateDigest(const std::string& der) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest;
  unsigned int size = 0;
  EVP_Digest(der.data(), der.size(), digest.data(), &size, EVP_sha256(), nullptr);
  return {digest.begin(), digest.begin() + size};
}

}  // namespace gatelog::terminal
