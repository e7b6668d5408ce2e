#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "model/identity.h"
#include "model/log_status.h"
#include "ports/device_address.h"

namespace gatelog::ports {

// Limits of single reads; a link may return fewer records than asked for only at the end of the
// log.
inline constexpr std::uint32_t kReadRecordsMax = 16'384;
inline constexpr std::uint32_t kReadImagesMax = 64;

// Bytes of the request or the response of one call.
inline constexpr std::size_t kCallSizeMax = 16 * 1024 * 1024;

// A stretch of a device's log: records in ascending ID, their bytes one after another in one
// buffer.
class LogPage {
 public:
  struct Record {
    model::EventId id = 0;
    std::string_view payload;  // lives as long as the page
  };

  void Append(model::EventId id, std::string_view payload) {
    ends_.push_back({id, bytes_.size() + payload.size()});
    bytes_.append(payload);
  }
  std::size_t size() const { return ends_.size(); }
  bool empty() const { return ends_.empty(); }
  std::size_t byte_count() const { return bytes_.size(); }
  Record operator[](std::size_t i) const {
    const std::size_t start = i == 0 ? 0 : ends_[i - 1].end;
    return {ends_[i].id, std::string_view(bytes_).substr(start, ends_[i].end - start)};
  }

  // The log at the end of the read.
  model::LogStatus status;

 private:
  struct End {
    model::EventId id;
    std::size_t end;
  };

  std::string bytes_;
  std::vector<End> ends_;
};

// What a link reports on its own. All calls come on the loop's thread, in the order of their
// arrival, and none after the link has been destroyed.
class DeviceLinkObserver {
 public:
  virtual ~DeviceLinkObserver() = default;

  // The device says that a record is there. A hint: it may be lost, repeated, early or forged.
  virtual void OnPush(model::EventId id, std::string_view payload) = 0;

  // The log as a keep-alive showed it, and what the device's clock shows now: what it showed then,
  // with half the round trip where the link knows it. The epoch's beginning: the device did not
  // tell.
  virtual void OnStatus(const model::LogStatus& status, Timestamp device_time) = 0;

  // The link is gone (kUnavailable; kInternal if the device broke the rules); the last call. Every
  // open request has been answered with kUnavailable before. The link must be destroyed, and may be
  // from inside this call.
  virtual void OnLost(const absl::Status& reason) = 0;
};

template <typename T>
using Reply = absl::AnyInvocable<void(T)>;

// How a device is to be linked from the next link on.
struct Relinking {
  enum class To { kServerToDevice, kDeviceToServer, kTls, kPlain };

  To to = To::kServerToDevice;
  // Where the gateway takes calls, at the address that the device sees it at; 0: it does not.
  std::uint16_t port = 0;
  std::uint16_t tls_port = 0;
  std::string ca_certificate = {};  // kTls: DER; what the gateway shows is signed by it
};

// One live session with one log device. Made by a DeviceDialer, destroyed to end it.
//
// Threads: the loop's thread only; nothing blocks. A reply comes exactly once, later, on the loop's
// thread, unless the link is destroyed before: then open replies are dropped. Several requests may
// be open; replies come in any order. Errors: kUnavailable: the link broke. kDeadlineExceeded: the
// device did not answer in time; the link is still there. kUnimplemented: the device lacks this.
// kInternal: the device's own error, its words in the message. kResourceExhausted: too many
// requests are open, or the device does not take what is sent to it. kInvalidArgument: the request
// exceeds a limit.
class DeviceLink {
 public:
  virtual ~DeviceLink() = default;

  virtual const model::DeviceIdentity& identity() const = 0;

  // Asks for a push for every new record from now on; the reply is the log's status after that.
  virtual void ArmPushes(Reply<absl::StatusOr<model::LogStatus>> reply) = 0;

  // Records with ID >= from, ascending, `max` (1 to kReadRecordsMax) at most. From beyond the
  // newest: an empty page.
  virtual void ReadLog(model::EventId from, std::uint32_t max,
                       Reply<absl::StatusOr<LogPage>> reply) = 0;

  // Encoded ImageLogs with ID >= from, ascending, `max` (1 to kReadImagesMax) at most. Empty where
  // the device has no images.
  virtual void ReadImages(model::EventId from, std::uint32_t max,
                          Reply<absl::StatusOr<std::vector<std::string>>> reply) = 0;

  // Empties the log if its last ID is still `expected_last`; kFailedPrecondition if not. The reply
  // is the status after it.
  virtual void ClearLog(model::EventId expected_last,
                        Reply<absl::StatusOr<model::LogStatus>> reply) = 0;

  // Encoded gsdk.event.ImageFilters.
  virtual void GetImageFilters(Reply<absl::StatusOr<std::vector<std::string>>> reply) = 0;
  virtual void SetImageFilters(std::vector<std::string> filters, Reply<absl::Status> reply) = 0;

  // The device ends this link after the reply if that changes anything, and keeps what it was told
  // for good. The reply of kTls is what it is to be known by from then on, as
  // DeviceTrust::certificate has it; empty for all else.
  virtual void Relink(const Relinking& how, Reply<absl::StatusOr<std::string>> reply) = 0;

  // Calls a service that the device itself serves: `method` is its full name, such as
  // "gsdk.user.User/GetList", `request` the encoded request, kCallSizeMax at most; the reply is the
  // encoded response, and that size at most. The device may be asked for one of its slaves. Further
  // errors, all the device's own: kInvalidArgument, kNotFound, kAlreadyExists, kResourceExhausted
  // (no room), kFailedPrecondition. After kDeadlineExceeded and kUnavailable it is not known
  // whether the device has done what was asked. A family without services replies kUnimplemented.
  virtual void Call(std::string_view method, std::string request,
                    Reply<absl::StatusOr<std::string>> reply) = 0;
};

// Opens links of one device family.
class DeviceDialer {
 public:
  virtual ~DeviceDialer() = default;

  // An attempt under way; destroy it to give up, then no reply comes. After the reply it is spent.
  class Attempt {
   public:
    virtual ~Attempt() = default;
  };

  // Connects and exchanges identities within a time limit of the family's own. Loop's thread; the
  // reply comes at most once, later, on the loop's thread. `observer` must outlive the link; it
  // hears nothing before the reply. kUnavailable: nobody there, refused, or the device is held by
  // another gateway (the message names it). Also when the host's name is not found, since that may
  // pass. kPermissionDenied: the key is wrong or missing. kDeadlineExceeded: no answer.
  // kInvalidArgument: no address of this family. kInternal: what answers does not speak the
  // family's protocol. kUnimplemented: another version of it.
  virtual std::unique_ptr<Attempt> Dial(
      const DeviceAddress& address, DeviceLinkObserver& observer,
      Reply<absl::StatusOr<std::unique_ptr<DeviceLink>>> reply) = 0;
};

}  // namespace gatelog::ports
