#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <cstddef>
#include <string>
#include <vector>

#include "ports/device_link.h"

namespace gatelog::api {

// A reply may not be larger than what every client's protobuf can take in.
inline constexpr std::size_t kReplySizeMax = 1'024u * 1'024u * 1'024u;

// Builds an encoded reply whose only field, 1, repeats messages that are encoded already, without
// decoding them.
class RecordReply {
 public:
  // Each call adds one slice. False, and nothing added, if the reply would exceed kReplySizeMax.
  bool AppendPage(const ports::LogPage& page);
  bool AppendMessages(const std::vector<std::string>& messages);

  std::size_t byte_count() const { return byte_count_; }

  // The reply; nothing is left.
  grpc::ByteBuffer Take();

  // The answer when an append failed.
  static absl::Status TooLarge();

 private:
  bool AppendSlice(std::string bytes);

  std::vector<grpc::Slice> slices_;
  std::size_t byte_count_ = 0;
};

}  // namespace gatelog::api
