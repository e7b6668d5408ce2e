#include "api/rpc/grpc_status.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "gatelog/internal/rpc_status.pb.h"
#include "gsdk/err.pb.h"

namespace gatelog::api {
namespace {

// The number of bytes of the UTF-8 character at the start of `text`; 0 if there is none.
std::size_t CharacterSize(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  std::size_t size = 0;
  unsigned char low = 0x80;   // bounds of the second byte, which rule out
  unsigned char high = 0xBF;  // overlong forms, surrogates and what is beyond Unicode
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) {
    size = 2;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    size = 3;
    if (lead == 0xE0) low = 0xA0;
    if (lead == 0xED) high = 0x9F;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    size = 4;
    if (lead == 0xF0) low = 0x90;
    if (lead == 0xF4) high = 0x8F;
  } else {
    return 0;
  }
  if (text.size() < size || byte(1) < low || byte(1) > high) return 0;
  for (std::size_t i = 2; i < size; ++i) {
    if (byte(i) < 0x80 || byte(i) > 0xBF) return 0;
  }
  return size;
}

std::string CleanMessage(std::string_view text) {
  std::string clean;
  while (!text.empty()) {
    const std::size_t size = CharacterSize(text);
    if (clean.size() + std::max<std::size_t>(size, 1) > kMessageSizeMax) break;
    clean += size == 0 ? std::string_view("?") : text.substr(0, size);
    text.remove_prefix(std::max<std::size_t>(size, 1));
  }
  return clean;
}

std::string CleanMessage(const absl::Status& status) {
  return CleanMessage(std::string_view(status.message().data(), status.message().size()));
}

std::string EncodeDetails(grpc::StatusCode code, const std::string& message,
                          const gsdk::err::MultiErrorResponse& errors) {
  internal::RpcStatus details;
  details.set_code(code);
  details.set_message(message);
  details.add_details()->PackFrom(errors);
  return details.SerializeAsString();
}

absl::StatusCode CommonCode(const std::vector<DeviceFailure>& failures) {
  const absl::StatusCode code = failures.front().status.code();
  const bool shared =
      std::all_of(failures.begin(), failures.end(),
                  [code](const DeviceFailure& failure) { return failure.status.code() == code; });
  return shared ? code : absl::StatusCode::kUnknown;
}

}  // namespace

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  return {static_cast<grpc::StatusCode>(status.code()), CleanMessage(status)};
}

grpc::Status MultiErrorStatus(const std::vector<DeviceFailure>& failures,
                              std::size_t device_count) {
  if (failures.empty()) return grpc::Status::OK;
  gsdk::err::MultiErrorResponse errors;
  for (const DeviceFailure& failure : failures) {
    gsdk::err::ErrorResponse* error = errors.add_deviceerrors();
    error->set_deviceid(failure.device);
    error->set_code(static_cast<int>(failure.status.code()));
    error->set_msg(CleanMessage(failure.status));
  }
  const auto code = static_cast<grpc::StatusCode>(CommonCode(failures));
  std::string message = fmt::format("{} of {} devices failed", failures.size(), device_count);
  std::string details = EncodeDetails(code, message, errors);
  if (details.size() > kDetailsSizeMax) {
    for (gsdk::err::ErrorResponse& error : *errors.mutable_deviceerrors()) error.clear_msg();
    details = EncodeDetails(code, message, errors);
  }
  while (details.size() > kDetailsSizeMax) {
    // Entries are of nearly equal size: cut in proportion, a little more than needed, so that few
    // rounds do.
    const auto count = static_cast<std::size_t>(errors.deviceerrors_size());
    const std::size_t keep = std::min(count - 1, count * kDetailsSizeMax / (details.size() + 128));
    errors.mutable_deviceerrors()->DeleteSubrange(static_cast<int>(keep),
                                                  static_cast<int>(count - keep));
    message = fmt::format("{} of {} devices failed; the first {} are listed", failures.size(),
                          device_count, keep);
    details = EncodeDetails(code, message, errors);
  }
  return {code, message, details};
}

}  // namespace gatelog::api
