#include "api/gsdk/record_reply.h"

#include <fmt/format.h>

#include <utility>

#include "api/rpc/wire.h"

namespace gatelog::api {

bool RecordReply::AppendPage(const ports::LogPage& page) {
  std::string bytes;
  bytes.reserve(page.byte_count() + page.size() * kEntryOverheadMax);
  for (std::size_t i = 0; i < page.size(); ++i) AppendEntry(bytes, page[i].payload);
  return AppendSlice(std::move(bytes));
}

bool RecordReply::AppendMessages(const std::vector<std::string>& messages) {
  std::size_t size = 0;
  for (const std::string& message : messages) size += message.size() + kEntryOverheadMax;
  std::string bytes;
  bytes.reserve(size);
  for (const std::string& message : messages) AppendEntry(bytes, message);
  return AppendSlice(std::move(bytes));
}

grpc::ByteBuffer RecordReply::Take() {
  grpc::ByteBuffer reply(slices_.data(), slices_.size());
  slices_.clear();
  byte_count_ = 0;
  return reply;
}

absl::Status RecordReply::TooLarge() {
  return absl::ResourceExhaustedError(fmt::format(
      "The reply would exceed {} bytes. Ask for fewer records at a time with maxNumOfLog.",
      kReplySizeMax));
}

bool RecordReply::AppendSlice(std::string bytes) {
  if (bytes.empty()) return true;
  if (byte_count_ + bytes.size() > kReplySizeMax) return false;
  byte_count_ += bytes.size();
  slices_.push_back(SliceOf(std::move(bytes)));
  return true;
}

}  // namespace gatelog::api
