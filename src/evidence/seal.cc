#include "evidence/seal.h"

#include <openssl/evp.h>

#include <charconv>
#include <memory>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "evidence/tags.h"

namespace gatelog::evidence {
namespace {

constexpr std::string_view kSealTitle = "gatelog seal 1\n";
constexpr std::string_view kLineTitle = "gatelog-head";
constexpr std::string_view kLineVersion = "1";

struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

const unsigned char* Unsigned(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

std::uint64_t Bits(std::int64_t number) { return static_cast<std::uint64_t>(number); }

template <typename Number>
bool TakeNumber(absl::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

bool TakeDigest(absl::string_view text, Digest& digest) {
  if (text.size() != 2 * digest.size()) return false;
  for (const char c : text) {
    if (!absl::ascii_isxdigit(static_cast<unsigned char>(c))) return false;
  }
  return ToDigest(absl::HexStringToBytes(text), digest);
}

}  // namespace

ManifestDigest::ManifestDigest() { sha_.Add(Encoder().U8(Byte(Tag::kManifest)).bytes()); }

void ManifestDigest::Add(const ManifestRow& row) {
  Encoder bytes;
  bytes.U32(row.log_device).U32(row.epoch).U32(row.first).U32(row.next);
  bytes.U64(row.events).U64(row.gaps).U64(row.missing);
  sha_.Add(bytes.bytes());
}

std::string SealMessage(const Seal& seal) {
  Encoder bytes;
  bytes.Raw(kSealTitle).U64(seal.number).U64(Bits(seal.time_ms)).U64(seal.block);
  bytes.Raw(seal.head).Raw(seal.previous).Raw(seal.manifest).Raw(seal.key);
  return bytes.bytes();
}

Digest SealDigest(const Seal& seal) {
  Encoder bytes;
  bytes.U8(Byte(Tag::kSeal)).Raw(SealMessage(seal)).Raw(seal.signature);
  return Sha256().Of(bytes.bytes());
}

bool SignatureIsGood(const Seal& seal) {
  if (seal.signature.size() != kSignatureBytes) return false;
  const std::unique_ptr<EVP_PKEY, FreeKey> key(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, seal.key.data(), seal.key.size()));
  const std::unique_ptr<EVP_MD_CTX, FreeContext> context(EVP_MD_CTX_new());
  if (key == nullptr || context == nullptr) return false;
  if (EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) != 1) return false;
  const std::string message = SealMessage(seal);
  return EVP_DigestVerify(context.get(), Unsigned(seal.signature), seal.signature.size(),
                          Unsigned(message), message.size()) == 1;
}

HeadLine HeadLineOf(const Seal& seal) {
  return {seal.number, seal.time_ms, seal.block, seal.head, SealDigest(seal)};
}

std::string FormatHeadLine(const HeadLine& line) {
  return absl::StrCat(absl::string_view(kLineTitle.data(), kLineTitle.size()), " ",
                      absl::string_view(kLineVersion.data(), kLineVersion.size()), " ", line.number,
                      " ", line.time_ms, " ", line.block, " ", Hex(BytesOf(line.head)), " ",
                      Hex(BytesOf(line.seal)));
}

std::optional<HeadLine> ParseHeadLine(std::string_view text) {
  constexpr std::size_t kWords = 7;
  const std::size_t start = text.find(kLineTitle);
  if (start == std::string_view::npos) return std::nullopt;
  text.remove_prefix(start);
  const std::vector<absl::string_view> words = absl::StrSplit(
      absl::string_view(text.data(), text.size()), absl::ByAnyChar(" \t\r\n"), absl::SkipEmpty());
  if (words.size() < kWords || words[1] != absl::string_view(kLineVersion.data(), 1)) {
    return std::nullopt;
  }
  HeadLine line;
  if (!TakeNumber(words[2], line.number) || !TakeNumber(words[3], line.time_ms) ||
      !TakeNumber(words[4], line.block) || !TakeDigest(words[5], line.head) ||
      !TakeDigest(words[6], line.seal)) {
    return std::nullopt;
  }
  return line;
}

}  // namespace gatelog::evidence
