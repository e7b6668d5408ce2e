#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <unordered_map>

#include "absl/status/status.h"
#include "terminal/v1/link.pb.h"

namespace gatelog::sim {

inline constexpr std::size_t kCallPartBytesMax = 256 * 1024;
inline constexpr std::size_t kCallBytesMax = 16 * 1024 * 1024;       // a whole request or response
inline constexpr std::size_t kCallsOpenMax = 16;                     // requests of which parts miss
inline constexpr std::size_t kCallsOpenBytesMax = 32 * 1024 * 1024;  // of all of them
inline constexpr std::size_t kAnswersWaitingBytesMax = 32 * 1024 * 1024;  // beyond it: refused
inline constexpr std::size_t kAnswerBytes = 256;  // of an answer that waits, beside its response

// Puts the parts of Calls together. Pure; one for each connection, its thread only.
class CallAssembler {
 public:
  struct Complete {
    std::string method;
    std::string request;
    absl::Status refused;  // not OK: the call was too large, and is answered with that
  };

  // Takes the next part of the call with this request_id; the whole call once it was the last.
  // `error` set: the gateway has broken the protocol, which the connection does not survive.
  struct Result {
    std::optional<Complete> complete;
    absl::Status error;
  };
  Result Take(std::uint32_t request_id, const terminal::v1::Call& part);

 private:
  absl::Status Grow(Complete& call, const std::string& bytes);
  void Refuse(Complete& call, absl::Status why);

  std::unordered_map<std::uint32_t, Complete> open_;
  std::size_t open_bytes_ = 0;
};

// Responses that wait for the connection to take them, cut into parts.
class AnswerQueue {
 public:
  bool empty() const { return answers_.empty(); }
  std::size_t bytes() const { return bytes_ + answers_.size() * kAnswerBytes; }

  void Add(std::uint32_t request_id, std::string response);
  // The next part of the oldest answer. Not when empty.
  terminal::v1::Frame Next();
  void Clear();

 private:
  struct Waiting {
    std::uint32_t request_id = 0;
    std::string response;
    std::size_t sent = 0;
  };

  std::deque<Waiting> answers_;
  std::size_t bytes_ = 0;  // of responses
};

}  // namespace gatelog::sim
