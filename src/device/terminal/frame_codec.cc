#include "device/terminal/frame_codec.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <array>

#include "absl/strings/str_cat.h"

namespace gatelog::terminal {
namespace {

// Input before the first unread frame is dropped once it has grown to this many bytes.
constexpr std::size_t kCompactSize = 64 * 1024;

constexpr std::size_t kKeptCapacityMax = 1024;  // bytes that an empty reader keeps

std::uint32_t ReadLength(const char* bytes) {
  std::uint32_t length = 0;
  for (std::size_t i = 0; i < kLengthSize; ++i) {
    length = length << 8 | static_cast<unsigned char>(bytes[i]);
  }
  return length;
}

}  // namespace

absl::Status AppendFrame(const Frame& frame, std::string& out) {
  const std::size_t size = frame.ByteSizeLong();
  if (size > kFrameSizeMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("a frame of ", size, " bytes is larger than ", kFrameSizeMax));
  }
  const std::size_t before = out.size();
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>(size >> shift));
  if (!frame.AppendToString(&out)) {
    out.resize(before);
    return absl::InternalError("the frame could not be encoded");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<Frame>> FrameReader::Next() {
  const std::size_t available = buffer_.size() - start_;
  if (available < kLengthSize) return std::nullopt;
  const std::uint32_t length = ReadLength(buffer_.data() + start_);
  if (length == 0 || length > frame_size_max_) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a frame of ", length, " bytes was announced; 1 to ", frame_size_max_, " are allowed"));
  }
  if (available < kLengthSize + length) return std::nullopt;
  Frame frame;
  if (!frame.ParseFromArray(buffer_.data() + start_ + kLengthSize, static_cast<int>(length))) {
    return absl::InvalidArgumentError("the bytes received are no frame of the terminal link");
  }
  start_ += kLengthSize + length;
  if (start_ == buffer_.size()) {
    // One large frame must not keep its memory on each of many thousand quiet connections.
    if (buffer_.capacity() > kKeptCapacityMax) buffer_ = std::string();
    buffer_.clear();
    start_ = 0;
  } else if (start_ >= kCompactSize) {
    buffer_.erase(0, start_);
    start_ = 0;
  }
  return frame;
}

absl::StatusOr<std::string> MakeNonce() {
  std::array<unsigned char, kNonceSize> bytes{};
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) {
    return absl::InternalError("the system gives no random numbers");
  }
  return std::string(bytes.begin(), bytes.end());
}

std::string KeyProof(std::string_view key, Role prover, Role caller, std::string_view gateway_nonce,
                     std::string_view terminal_nonce) {
  std::string message = prover == Role::kGateway ? "gatelog terminal link 1 gateway"
                                                 : "gatelog terminal link 1 terminal";
  message.append(caller == Role::kGateway ? ", gateway called" : ", terminal called");
  message.append(gateway_nonce);
  message.append(terminal_nonce);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(message.data()), message.size(), digest.data(),
       &size);
  return {reinterpret_cast<const char*>(digest.data()), size};
}

bool ProofMatches(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace gatelog::terminal
