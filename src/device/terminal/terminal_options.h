#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "device/terminal/answer_room.h"

namespace gatelog::terminal {

// Limits of the terminal link, seen from the gateway.
inline constexpr std::size_t kOpenRequestsMax = 64;             // further ones: kResourceExhausted
inline constexpr std::size_t kGivenUpReadsMax = 64;             // beyond: the link is given up
inline constexpr std::uint32_t kReadCredit = 4;                 // chunks under way per read
inline constexpr std::size_t kPageBytesMax = 64 * 1024 * 1024;  // records or images of one read
// Calls in several parts that wait to be sent; beyond: kResourceExhausted.
inline constexpr std::size_t kUnsentCallBytesMax = 2 * 16 * 1024 * 1024;
// Answers to calls that are coming in, of all links; the calls beyond: kResourceExhausted.
inline constexpr std::size_t kAnswerBytesMax = 256 * 1024 * 1024;
inline constexpr std::size_t kDeviceTextMax = 256;             // bytes; longer texts are cut
inline constexpr std::size_t kCapabilitySizeMax = 64 * 1024;   // bytes of either capability message
inline constexpr std::size_t kCertificateSizeMax = 16 * 1024;  // bytes, of a terminal's own
inline constexpr std::size_t kSlavesMax = 1'024;               // of each kind
inline constexpr std::size_t kReadBufferSize =
    8 * 1024;  // bytes per connection; there may be 10,000

struct TerminalOptions {
  std::string gateway_name = "gatelog";  // shown by the terminal and in its log

  std::chrono::milliseconds connect_timeout{10'000};    // to find the name and connect
  std::chrono::milliseconds handshake_timeout{10'000};  // from there to the end of the handshake

  // Without any part of the answer; then kDeadlineExceeded.
  std::chrono::milliseconds request_timeout{20'000};

  std::chrono::milliseconds keep_alive_interval{10'000};  // from one answer to the next question
  // Silence after a keep-alive, and the wait for its answer while other frames arrive; then the
  // link is given up.
  std::chrono::milliseconds keep_alive_timeout{10'000};
  std::chrono::milliseconds keep_alive_patience{60'000};

  std::size_t send_buffer_max =
      4 * 1024 * 1024;  // bytes not yet taken by TCP; beyond: kResourceExhausted

  // Copies of the options share it.
  std::shared_ptr<AnswerRoom> answer_room = std::make_shared<AnswerRoom>(kAnswerBytesMax);
};

}  // namespace gatelog::terminal
