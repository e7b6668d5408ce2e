#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "device/terminal/answer_room.h"
#include "device/terminal/frame_codec.h"
#include "model/log_status.h"
#include "ports/device_link.h"

namespace gatelog::terminal {

// A request that waits for its answer: what the frames of the answer must look like, and who is
// told. Pure: no socket, no clock. Exactly one of Succeed and Fail is called, at most once; a
// request that is destroyed before drops its reply.
class OpenRequest {
 public:
  enum class Progress { kMore, kComplete, kNoRoom };

  virtual ~OpenRequest() = default;

  // Takes one frame of the answer, never an Error. kMore: another chunk is to come, and may be
  // granted. kNoRoom: the gateway cannot hold more of it; the rest is not for this request. An
  // error means that the terminal broke the rules: the message says which.
  virtual absl::StatusOr<Progress> Take(Frame& frame) = 0;

  // Whether the answer comes in chunks, each of which is granted.
  virtual bool in_chunks() const { return false; }

  // What an Error of the terminal tells whoever asked.
  virtual absl::Status Decode(const v1::Error& error) const;

  // After Take returned kComplete.
  virtual void Succeed() = 0;
  virtual void Fail(const absl::Status& status) = 0;
};

std::unique_ptr<OpenRequest> ExpectStatus(ports::Reply<absl::StatusOr<model::LogStatus>> reply);
std::unique_ptr<OpenRequest> ExpectDone(ports::Reply<absl::Status> reply);
// An empty text, once it is done.
std::unique_ptr<OpenRequest> ExpectDoneAsText(ports::Reply<absl::StatusOr<std::string>> reply);
// The SHA-256 of the terminal's certificate.
std::unique_ptr<OpenRequest> ExpectTlsEnabled(ports::Reply<absl::StatusOr<std::string>> reply);
std::unique_ptr<OpenRequest> ExpectFilters(
    ports::Reply<absl::StatusOr<std::vector<std::string>>> reply);
std::unique_ptr<OpenRequest> ExpectLog(model::EventId from, std::uint32_t max,
                                       ports::Reply<absl::StatusOr<ports::LogPage>> reply);
std::unique_ptr<OpenRequest> ExpectImages(
    model::EventId from, std::uint32_t max,
    ports::Reply<absl::StatusOr<std::vector<std::string>>> reply);
std::unique_ptr<OpenRequest> ExpectAnswer(std::shared_ptr<AnswerRoom> room,
                                          ports::Reply<absl::StatusOr<std::string>> reply);

}  // namespace gatelog::terminal
