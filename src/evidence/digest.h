#pragma once

#include <openssl/evp.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace gatelog::evidence {

using Digest = std::array<std::uint8_t, 32>;

// The digest's bytes; the view lives as long as the digest.
inline std::string_view BytesOf(const Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}
// False: the bytes are not as many as a digest has.
bool ToDigest(std::string_view bytes, Digest& digest);
std::string Hex(std::string_view bytes);

// Bytes put together as docs/formats/seal.md writes them: numbers big-endian, of fixed size.
class Encoder {
 public:
  Encoder& U8(std::uint8_t value) { return Number(value, 1); }
  Encoder& U16(std::uint16_t value) { return Number(value, 2); }
  Encoder& U32(std::uint32_t value) { return Number(value, 4); }
  Encoder& U64(std::uint64_t value) { return Number(value, 8); }
  Encoder& Raw(std::string_view bytes) {
    bytes_.append(bytes);
    return *this;
  }
  Encoder& Raw(const Digest& digest) { return Raw(BytesOf(digest)); }
  // Preceded by its size, 16 bits; what is longer is cut.
  Encoder& Text(std::string_view text);

  void Clear() { bytes_.clear(); }
  const std::string& bytes() const { return bytes_; }

 private:
  Encoder& Number(std::uint64_t value, int size) {
    for (int shift = 8 * (size - 1); shift >= 0; shift -= 8)
      bytes_.push_back(static_cast<char>(value >> shift & 0xFF));
    return *this;
  }

  std::string bytes_;
};

// Takes apart what Encoder put together. Reading past the end gives zeros, and ok() is false from
// then on.
class Decoder {
 public:
  explicit Decoder(std::string_view bytes) : bytes_(bytes) {}

  std::uint8_t U8() { return static_cast<std::uint8_t>(Number(1)); }
  std::uint16_t U16() { return static_cast<std::uint16_t>(Number(2)); }
  std::uint32_t U32() { return static_cast<std::uint32_t>(Number(4)); }
  std::uint64_t U64() { return Number(8); }
  Digest TakeDigest();
  std::string_view Text() { return Take(U16()); }
  bool ok() const { return ok_; }
  // Everything was there, and nothing is left.
  bool done() const { return ok_ && bytes_.empty(); }

 private:
  std::uint64_t Number(std::size_t size);
  std::string_view Take(std::size_t size);

  std::string_view bytes_;
  bool ok_ = true;
};

// SHA-256 over bytes that come in pieces. Uses its context again, which costs a third of what a
// new one does. One thread at a time.
class Sha256 {
 public:
  Sha256();

  Sha256& Add(std::string_view bytes);
  // The digest of what was added since the last Finish.
  Digest Finish();

  Digest Of(std::string_view bytes) { return Add(bytes).Finish(); }

 private:
  struct Free {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> context_;
};

}  // namespace gatelog::evidence
