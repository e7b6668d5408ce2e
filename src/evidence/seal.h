#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "evidence/digest.h"
#include "model/identity.h"

namespace gatelog::evidence {

// How far one epoch of a log reached when a seal was made.
struct ManifestRow {
  model::DeviceId log_device = 0;
  model::Epoch epoch = 0;
  model::EventId first = 0;
  model::EventId next = 0;
  std::uint64_t events = 0;
  std::uint64_t gaps = 0;
  std::uint64_t missing = 0;  // records inside gaps

  bool operator==(const ManifestRow&) const = default;
};

// Over the rows in the order of (log device, epoch).
class ManifestDigest {
 public:
  ManifestDigest();
  void Add(const ManifestRow& row);
  Digest Finish() { return sha_.Finish(); }

 private:
  Sha256 sha_;
};

// A signed statement: at this time, the chain up to this block had this head.
struct Seal {
  std::uint64_t number = 0;  // from 1, without holes
  std::int64_t time_ms = 0;
  std::uint64_t block = 0;
  Digest head{};
  Digest previous{};           // SealDigest of the seal before; zeros: there is none
  Digest manifest{};           // of the epochs that changed since the seal before
  Digest key{};                // the public key, as Ed25519 defines it
  std::string signature = {};  // kSignatureBytes

  bool operator==(const Seal&) const = default;
};

inline constexpr std::size_t kSignatureBytes = 64;

// What is signed.
std::string SealMessage(const Seal& seal);
// What the next seal, and a head that is kept elsewhere, know this one by.
Digest SealDigest(const Seal& seal);
// Whether the signature is one of the seal's own key. That the key is the right one is for the
// caller to know.
bool SignatureIsGood(const Seal& seal);

// The line that is kept elsewhere: "gatelog-head 1 NUMBER TIME_MS BLOCK HEAD DIGEST", digests in
// hex.
struct HeadLine {
  std::uint64_t number = 0;
  std::int64_t time_ms = 0;
  std::uint64_t block = 0;
  Digest head{};
  Digest seal{};  // SealDigest of the seal

  bool operator==(const HeadLine&) const = default;
};
HeadLine HeadLineOf(const Seal& seal);
std::string FormatHeadLine(const HeadLine& line);
// Finds the line inside one that a log has put its own words before. Nothing if there is none.
std::optional<HeadLine> ParseHeadLine(std::string_view text);

}  // namespace gatelog::evidence
