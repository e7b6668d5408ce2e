#include "evidence/digest.h"

#include <algorithm>
#include <cstdlib>
#include <limits>

namespace gatelog::evidence {
namespace {

// Without memory or SHA-256 there is nothing to go on with.
void Must(bool ok) {
  if (!ok) std::abort();
}

}  // namespace

bool ToDigest(std::string_view bytes, Digest& digest) {
  if (bytes.size() != digest.size()) return false;
  std::copy(bytes.begin(), bytes.end(), digest.begin());
  return true;
}

std::string Hex(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  hex.reserve(2 * bytes.size());
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    hex.push_back(kDigits[byte >> 4]);
    hex.push_back(kDigits[byte & 0xF]);
  }
  return hex;
}

Encoder& Encoder::Text(std::string_view text) {
  const std::size_t size =
      std::min<std::size_t>(text.size(), std::numeric_limits<std::uint16_t>::max());
  return U16(static_cast<std::uint16_t>(size)).Raw(text.substr(0, size));
}

std::uint64_t Decoder::Number(std::size_t size) {
  std::uint64_t number = 0;
  for (const char c : Take(size)) number = number << 8 | static_cast<unsigned char>(c);
  return number;
}

std::string_view Decoder::Take(std::size_t size) {
  ok_ = ok_ && size <= bytes_.size();
  if (!ok_) return {};
  const std::string_view taken = bytes_.substr(0, size);
  bytes_.remove_prefix(size);
  return taken;
}

Digest Decoder::TakeDigest() {
  Digest digest{};
  ToDigest(Take(digest.size()), digest);
  return digest;
}

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  Must(context_ != nullptr);
  // Fetched once: looking the algorithm up costs more than the hashing.
  static EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  Must(algorithm != nullptr && EVP_DigestInit_ex2(context_.get(), algorithm, nullptr) == 1);
}

Sha256& Sha256::Add(std::string_view bytes) {
  Must(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1);
  return *this;
}

Digest Sha256::Finish() {
  Digest digest;
  Must(EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr) == 1);
  Must(EVP_DigestInit_ex2(context_.get(), nullptr, nullptr) == 1);
  return digest;
}

}  // namespace gatelog::evidence
