#include "device/terminal/link_codec.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "device/terminal/terminal_options.h"
#include "gsdk/device.pb.h"

namespace gatelog::terminal {
namespace {

bool IsContinuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

std::string DeviceText(const std::string& text) { return CutText(text, kDeviceTextMax); }

absl::Status DecodeCapabilities(const v1::Identity& from, model::DeviceIdentity& to) {
  if (from.capability_info().size() > kCapabilitySizeMax ||
      from.device_capability().size() > kCapabilitySizeMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("a capability message is larger than ", kCapabilitySizeMax, " bytes"));
  }
  gsdk::device::CapabilityInfo info;
  if (!info.ParseFromString(from.capability_info())) {
    return absl::InvalidArgumentError("capability_info is no encoded CapabilityInfo");
  }
  gsdk::device::DeviceCapability capability;
  if (!capability.ParseFromString(from.device_capability())) {
    return absl::InvalidArgumentError("device_capability is no encoded DeviceCapability");
  }
  to.type = static_cast<std::uint32_t>(info.type());
  to.image_logs = info.imagelogsupported();
  to.capability_info = from.capability_info();
  to.device_capability = from.device_capability();
  return absl::OkStatus();
}

// What an error of the terminal means, before its own words.
struct Meaning {
  absl::StatusCode code;
  const char* words;
};

Meaning MeaningOf(v1::Error::Code code) {
  switch (code) {
    case v1::Error::BUSY:
      return {absl::StatusCode::kUnavailable, "the terminal is held by another gateway"};
    case v1::Error::NOT_AUTHENTICATED:
      return {absl::StatusCode::kPermissionDenied, "the terminal does not accept the key"};
    case v1::Error::UNSUPPORTED:
      return {absl::StatusCode::kUnimplemented, "the terminal cannot do this"};
    case v1::Error::INVALID:
      return {absl::StatusCode::kInternal, "the terminal calls the request invalid"};
    case v1::Error::LOG_CHANGED:
      return {absl::StatusCode::kFailedPrecondition, "the terminal's log has changed meanwhile"};
    case v1::Error::STORAGE:
      return {absl::StatusCode::kInternal, "the terminal cannot read or write its own log"};
    case v1::Error::VERSION:
      return {absl::StatusCode::kUnimplemented, "the terminal speaks another version of the link"};
    case v1::Error::NOT_FOUND:
      return {absl::StatusCode::kNotFound, "the terminal does not have it"};
    case v1::Error::ALREADY_EXISTS:
      return {absl::StatusCode::kAlreadyExists, "the terminal has it already"};
    case v1::Error::FULL:
      return {absl::StatusCode::kResourceExhausted, "the terminal has no room for more"};
    case v1::Error::PRECONDITION:
      return {absl::StatusCode::kFailedPrecondition, "the terminal's state does not allow it"};
    default:
      return {absl::StatusCode::kInternal, "the terminal failed"};
  }
}

}  // namespace

std::string CutText(std::string_view text, std::size_t max) {
  if (text.size() <= max) return std::string(text);
  std::size_t end = max;
  while (end > 0 && IsContinuation(text[end])) --end;
  return std::string(text.substr(0, end));
}

absl::StatusOr<model::DeviceIdentity> DecodeIdentity(const v1::Identity& from) {
  if (from.device_id() == 0) return absl::InvalidArgumentError("the device ID is 0");
  if (from.rs485_slave_ids_size() > static_cast<int>(kSlavesMax) ||
      from.wiegand_slave_ids_size() > static_cast<int>(kSlavesMax)) {
    return absl::InvalidArgumentError(absl::StrCat("more than ", kSlavesMax, " slaves"));
  }
  model::DeviceIdentity to;
  to.id = from.device_id();
  to.mac_address = DeviceText(from.mac_address());
  to.model_name = DeviceText(from.model_name());
  to.firmware_version = DeviceText(from.firmware_version());
  to.kernel_version = DeviceText(from.kernel_version());
  to.core_version = DeviceText(from.core_version());
  to.board_version = DeviceText(from.board_version());
  to.rs485_slaves.assign(from.rs485_slave_ids().begin(), from.rs485_slave_ids().end());
  to.wiegand_slaves.assign(from.wiegand_slave_ids().begin(), from.wiegand_slave_ids().end());
  if (absl::Status status = DecodeCapabilities(from, to); !status.ok()) return status;
  return to;
}

absl::StatusOr<model::LogStatus> DecodeLogStatus(const v1::LogStatus& from) {
  if (from.generation() == 0) return absl::InvalidArgumentError("a log status has no generation");
  if (from.first_id() > from.last_id()) {
    return absl::InvalidArgumentError(
        absl::StrCat("a log status goes from ", from.first_id(), " to ", from.last_id()));
  }
  return model::LogStatus{from.first_id(), from.last_id(), from.generation()};
}

absl::Status DecodeError(const v1::Error& error) {
  const Meaning meaning = MeaningOf(error.code());
  const std::string text = CutText(error.text(), kDeviceTextMax);
  return absl::Status(meaning.code, absl::StrCat(meaning.words, text.empty() ? "" : ": ",
                                                 absl::Utf8SafeCEscape(text)));
}

absl::Status DecodeClientError(const v1::Error& error) {
  absl::Status status = DecodeError(error);
  return error.code() == v1::Error::INVALID ? absl::InvalidArgumentError(status.message()) : status;
}

}  // namespace gatelog::terminal
