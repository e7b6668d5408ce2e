#include "apps/gatelog-sim/call_parts.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace gatelog::sim {

CallAssembler::Result CallAssembler::Take(std::uint32_t request_id,
                                          const terminal::v1::Call& part) {
  Result result;
  if (part.request().size() > kCallPartBytesMax) {
    result.error =
        absl::InvalidArgumentError(absl::StrCat("A part of a call has ", part.request().size(),
                                                " bytes; ", kCallPartBytesMax, " at most."));
    return result;
  }
  auto found = open_.find(request_id);
  if ((found == open_.end()) == part.method().empty()) {
    result.error = absl::InvalidArgumentError(
        part.method().empty() ? "A call begins with its method."
                              : absl::StrCat("Call ", request_id, " has begun already."));
    return result;
  }
  if (found == open_.end()) {
    const bool room = !part.more() || open_.size() < kCallsOpenMax;
    if (!room) {
      result.error = absl::InvalidArgumentError(
          absl::StrCat("More than ", kCallsOpenMax, " unfinished calls are not possible."));
      return result;
    }
    found = open_.emplace(request_id, Complete()).first;
    found->second.method = part.method();
  }
  Complete& call = found->second;
  if (absl::Status grown = Grow(call, part.request()); !grown.ok()) Refuse(call, std::move(grown));
  if (part.more()) return result;
  open_bytes_ -= call.request.size();
  result.complete = std::move(call);
  open_.erase(found);
  return result;
}

absl::Status CallAssembler::Grow(Complete& call, const std::string& bytes) {
  // The rest of a call that was refused is read and dropped.
  if (!call.refused.ok()) return absl::OkStatus();
  if (call.request.size() + bytes.size() > kCallBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("A request has ", kCallBytesMax, " bytes at most; ask for less at a time."));
  }
  if (open_bytes_ + bytes.size() > kCallsOpenBytesMax) {
    return absl::ResourceExhaustedError("The terminal is busy with other large calls; try again.");
  }
  open_bytes_ += bytes.size();
  call.request += bytes;
  return absl::OkStatus();
}

void CallAssembler::Refuse(Complete& call, absl::Status why) {
  open_bytes_ -= call.request.size();
  call.request = std::string();
  call.refused = std::move(why);
}

void AnswerQueue::Add(std::uint32_t request_id, std::string response) {
  bytes_ += response.size();
  answers_.push_back({request_id, std::move(response), 0});
}

terminal::v1::Frame AnswerQueue::Next() {
  Waiting& answer = answers_.front();
  const std::size_t size = std::min(kCallPartBytesMax, answer.response.size() - answer.sent);
  terminal::v1::Frame frame;
  frame.set_request_id(answer.request_id);
  frame.mutable_answer()->set_response(answer.response.substr(answer.sent, size));
  answer.sent += size;
  bytes_ -= size;
  if (answer.sent < answer.response.size()) {
    frame.mutable_answer()->set_more(true);
  } else {
    answers_.pop_front();
  }
  return frame;
}

void AnswerQueue::Clear() {
  answers_.clear();
  bytes_ = 0;
}

}  // namespace gatelog::sim
