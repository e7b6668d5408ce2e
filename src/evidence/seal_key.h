#pragma once

#include <openssl/evp.h>

#include <filesystem>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "evidence/digest.h"
#include "evidence/seal.h"

namespace gatelog::evidence {

// The Ed25519 key that seals are signed with. Any thread, one at a time.
class SealKey {
 public:
  // Takes the key from `file` (PEM, PKCS #8), or makes it there with permissions 0600, and keeps
  // its public half (PEM) in `public_file`. An existing key is never replaced. Blocking. Errors are
  // sentences that name the file: kFailedPrecondition: no Ed25519 key; kPermissionDenied,
  // kUnavailable: the file system's.
  static absl::StatusOr<SealKey> LoadOrMake(const std::filesystem::path& file,
                                            const std::filesystem::path& public_file);
  // One that is kept nowhere.
  static SealKey Make();

  const Digest& public_key() const { return public_key_; }
  // Fills in the key and the signature.
  void Sign(Seal& seal) const;

 private:
  struct Free {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  };
  using Handle = std::unique_ptr<EVP_PKEY, Free>;

  explicit SealKey(Handle key);

  Handle key_;
  Digest public_key_{};
};

// The public keys in a PEM file, in order; several after one another when the key was changed.
absl::StatusOr<std::vector<Digest>> LoadPublicKeys(const std::filesystem::path& file);

}  // namespace gatelog::evidence
