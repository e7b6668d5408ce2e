#include "api/gsdk/call_target.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <cstdint>
#include <limits>

#include "base/status_macros.h"
#include "model/field_reader.h"

namespace gatelog::api {
namespace {

using google::protobuf::io::CodedInputStream;
using google::protobuf::io::CodedOutputStream;
using model::internal::Field;
using model::internal::FieldReader;
using model::internal::WireFormatLite;

constexpr int kTarget = 1;  // the field: deviceID or deviceIDs
constexpr char kTargetTag = 0x08;
constexpr std::size_t kTargetSizeMax = 6;  // bytes, with its tag

absl::Status NoMessage() {
  return absl::InvalidArgumentError("The request is not an encoded message.");
}

absl::StatusOr<model::DeviceId> ToDevice(std::uint64_t number, const char* field) {
  if (number <= std::numeric_limits<model::DeviceId>::max()) {
    return static_cast<model::DeviceId>(number);
  }
  return absl::InvalidArgumentError("The request's field 1, " + std::string(field) +
                                    ", holds a number that is no device ID.");
}

absl::Status NoNumber(const char* field) {
  return absl::InvalidArgumentError("The request's field 1, " + std::string(field) +
                                    ", is not a number.");
}

absl::Status AppendPacked(std::string_view bytes, std::vector<model::DeviceId>& devices) {
  CodedInputStream stream(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                          static_cast<int>(bytes.size()));
  while (static_cast<std::size_t>(stream.CurrentPosition()) < bytes.size()) {
    std::uint64_t number = 0;
    if (!stream.ReadVarint64(&number)) return NoMessage();
    GATELOG_ASSIGN_OR_RETURN(const model::DeviceId device, ToDevice(number, "deviceIDs"));
    devices.push_back(device);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<model::DeviceId> DeviceOf(std::string_view request) {
  model::DeviceId device = 0;
  FieldReader reader(request);
  for (Field field; reader.Next(field);) {
    if (field.number != kTarget) continue;
    if (field.type != WireFormatLite::WIRETYPE_VARINT) return NoNumber("deviceID");
    GATELOG_ASSIGN_OR_RETURN(device, ToDevice(field.value, "deviceID"));  // the last one counts
  }
  if (!reader.ok()) return NoMessage();
  if (device == 0) {
    return absl::InvalidArgumentError(
        "The request names no device: its field 1, deviceID, is missing.");
  }
  return device;
}

absl::StatusOr<MultiRequest> SplitMultiRequest(std::string_view request) {
  MultiRequest split;
  FieldReader reader(request);
  for (Field field; reader.Next(field);) {
    if (field.number != kTarget) {
      split.rest.append(field.raw);
    } else if (field.type == WireFormatLite::WIRETYPE_VARINT) {
      GATELOG_ASSIGN_OR_RETURN(const model::DeviceId device, ToDevice(field.value, "deviceIDs"));
      split.devices.push_back(device);
    } else if (field.type == WireFormatLite::WIRETYPE_LENGTH_DELIMITED) {
      GATELOG_RETURN_IF_ERROR(AppendPacked(field.bytes, split.devices));
    } else {
      return NoNumber("deviceIDs");
    }
  }
  if (!reader.ok()) return NoMessage();
  return split;
}

std::string RequestFor(model::DeviceId device, std::string_view rest) {
  std::string request;
  request.reserve(kTargetSizeMax + rest.size());
  request.push_back(kTargetTag);
  std::uint8_t number[kTargetSizeMax];
  const std::uint8_t* end = CodedOutputStream::WriteVarint32ToArray(device, number);
  request.append(reinterpret_cast<const char*>(number), static_cast<std::size_t>(end - number));
  request.append(rest);
  return request;
}

bool IsMessage(std::string_view bytes) {
  FieldReader reader(bytes);
  for (Field field; reader.Next(field);) {
  }
  return reader.ok();
}

}  // namespace gatelog::api
