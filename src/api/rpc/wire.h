#pragma once

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/proto_buffer_reader.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"

namespace gatelog::api {

// Reads a raw request. kInvalidArgument if the bytes are no such message.
template <typename Message>
absl::Status ParseRequest(const grpc::ByteBuffer& request, Message& message) {
  grpc::ByteBuffer bytes = request;  // shares the slices
  grpc::ProtoBufferReader reader(&bytes);
  if (reader.status().ok() && message.ParseFromZeroCopyStream(&reader)) return absl::OkStatus();
  return absl::InvalidArgumentError("The request is not an encoded " + message.GetTypeName() + ".");
}

// Bytes handed to gRPC without a copy.
inline grpc::Slice SliceOf(std::string bytes) {
  auto* owner = new std::string(std::move(bytes));
  return {owner->data(), owner->size(), [](void* data) { delete static_cast<std::string*>(data); },
          owner};
}

// Appends one entry of a repeated field 1 of encoded messages.
inline void AppendEntry(std::string& out, std::string_view message) {
  constexpr char kTag = 0x0A;  // field 1, length-delimited
  out.push_back(kTag);
  std::size_t size = message.size();
  for (; size >= 0x80; size >>= 7) out.push_back(static_cast<char>((size & 0x7F) | 0x80));
  out.push_back(static_cast<char>(size));
  out.append(message);
}

inline constexpr std::size_t kEntryOverheadMax = 6;  // bytes of tag and length

}  // namespace gatelog::api
