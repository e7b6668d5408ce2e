#include "evidence/seal_key.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <cstdlib>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status_macros.h"

namespace gatelog::evidence {
namespace {

constexpr std::size_t kFileSizeMax = 64 * 1024;
constexpr mode_t kPrivateMode = 0600;
constexpr mode_t kPublicMode = 0644;

struct FreeBio {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
using Bio = std::unique_ptr<BIO, FreeBio>;
struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

void Must(bool ok) {
  if (!ok) std::abort();
}

Bio Reader(const std::string& text) {
  Bio bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  Must(bio != nullptr);
  return bio;
}

std::string Written(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

std::string PrivatePem(EVP_PKEY* key) {
  const Bio bio(BIO_new(BIO_s_mem()));
  Must(PEM_write_bio_PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1);
  return Written(bio.get());
}

std::string PublicPem(EVP_PKEY* key) {
  const Bio bio(BIO_new(BIO_s_mem()));
  Must(PEM_write_bio_PUBKEY(bio.get(), key) == 1);
  return Written(bio.get());
}

Digest PublicBytes(EVP_PKEY* key) {
  Digest bytes{};
  std::size_t size = bytes.size();
  Must(EVP_PKEY_get_raw_public_key(key, bytes.data(), &size) == 1 && size == bytes.size());
  return bytes;
}

bool IsEd25519(EVP_PKEY* key) { return EVP_PKEY_get_id(key) == EVP_PKEY_ED25519; }

// The passphrase of an encrypted key is asked for nowhere.
int NoPassphrase(char*, int, int, void*) { return 0; }

absl::Status NoKey(const std::filesystem::path& file, const char* half) {
  ERR_clear_error();
  return absl::FailedPreconditionError(
      absl::StrCat(file.string(), " holds no ", half,
                   " key of Ed25519 in PEM without a passphrase; put the right file there."));
}

}  // namespace

SealKey::SealKey(Handle key) : key_(std::move(key)), public_key_(PublicBytes(key_.get())) {}

SealKey SealKey::Make() {
  Handle key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  Must(key != nullptr);
  return SealKey(std::move(key));
}

absl::StatusOr<SealKey> SealKey::LoadOrMake(const std::filesystem::path& file,
                                            const std::filesystem::path& public_file) {
  const absl::StatusOr<std::string> pem = ReadFile(file, kFileSizeMax);
  if (!pem.ok() && !absl::IsNotFound(pem.status())) return pem.status();
  Handle key;
  if (pem.ok()) {
    key.reset(PEM_read_bio_PrivateKey(Reader(*pem).get(), nullptr, NoPassphrase, nullptr));
    if (key == nullptr || !IsEd25519(key.get())) return NoKey(file, "private");
  } else {
    key = std::move(Make().key_);
    GATELOG_RETURN_IF_ERROR(WriteFileAtomically(file, PrivatePem(key.get()), kPrivateMode));
  }
  // The public file may name earlier keys too; it is only written where there is none.
  const absl::StatusOr<std::string> known = ReadFile(public_file, kFileSizeMax);
  if (absl::IsNotFound(known.status())) {
    GATELOG_RETURN_IF_ERROR(WriteFileAtomically(public_file, PublicPem(key.get()), kPublicMode));
  }
  return SealKey(std::move(key));
}

void SealKey::Sign(Seal& seal) const {
  seal.key = public_key_;
  const std::string message = SealMessage(seal);
  const std::unique_ptr<EVP_MD_CTX, FreeContext> context(EVP_MD_CTX_new());
  Must(context != nullptr);
  Must(EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) == 1);
  seal.signature.resize(kSignatureBytes);
  std::size_t size = seal.signature.size();
  Must(EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(seal.signature.data()), &size,
                      reinterpret_cast<const unsigned char*>(message.data()), message.size()) == 1);
}

absl::StatusOr<std::vector<Digest>> LoadPublicKeys(const std::filesystem::path& file) {
  GATELOG_ASSIGN_OR_RETURN(const std::string pem, ReadFile(file, kFileSizeMax));
  const Bio bio = Reader(pem);
  std::vector<Digest> keys;
  while (EVP_PKEY* key = PEM_read_bio_PUBKEY(bio.get(), nullptr, NoPassphrase, nullptr)) {
    const bool right = IsEd25519(key);
    if (right) keys.push_back(PublicBytes(key));
    EVP_PKEY_free(key);
    if (!right) return NoKey(file, "public");
  }
  ERR_clear_error();
  if (keys.empty()) return NoKey(file, "public");
  return keys;
}

}  // namespace gatelog::evidence
