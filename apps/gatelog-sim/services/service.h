#pragma once

#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "apps/gatelog-sim/terminal.h"

namespace gatelog::sim {

// One service of the API as a terminal serves it. It keeps nothing of its own between two calls:
// what it knows is in the terminal's settings, so that a reset or a failed write leaves no service
// with another opinion.
//
// The loop's thread only. Errors: kInvalidArgument, kNotFound, kAlreadyExists, kResourceExhausted
// (no room), kFailedPrecondition and kUnimplemented in a sentence for the client; kDataLoss when
// the file cannot be read or written. After an error nothing has changed.
class Service {
 public:
  virtual ~Service() = default;

  // `method` is the name alone ("GetList"), `request` its encoded message; returns the encoded
  // response. What the call changed is then in the file, with its records.
  virtual absl::StatusOr<std::string> Call(std::string_view method, std::string_view request) = 0;
};

// kOk if `device` is this terminal; otherwise a sentence that says whose it is.
absl::Status CheckAddressee(const Terminal& terminal, std::uint32_t device);
// Whether `device` is this terminal or a slave of it.
bool IsHere(const Terminal& terminal, std::uint32_t device);
absl::Status NoSuchMethod(std::string_view method);

namespace internal {

template <typename Handler>
struct HandlerTypes;
template <typename S, typename Req, typename Res>
struct HandlerTypes<absl::StatusOr<Res> (S::*)(const Req&)> {
  using Self = S;
  using Request = Req;
};

}  // namespace internal

// A service as a table of typed methods. A class `X` derives from TypedService<X> and has
//
//   absl::StatusOr<AddResponse> Add(const AddRequest& request);
//   static std::span<const Method> Methods() {
//     static constexpr Method kMethods[] = {{"Add", &Serve<&X::Add>}};
//     return kMethods;
//   }
//
// Methods that are not in the table are answered kUnimplemented.
template <typename Self>
class TypedService : public Service {
 public:
  explicit TypedService(Terminal& terminal) : terminal_(terminal) {}

  struct Method {
    std::string_view name;
    absl::StatusOr<std::string> (*serve)(Self& self, std::string_view request);
  };

  absl::StatusOr<std::string> Call(std::string_view method, std::string_view request) final {
    for (const Method& one : Self::Methods()) {
      if (one.name == method) return one.serve(static_cast<Self&>(*this), request);
    }
    return NoSuchMethod(method);
  }

 protected:
  template <auto kHandler>
  static absl::StatusOr<std::string> Serve(Self& self, std::string_view bytes) {
    typename internal::HandlerTypes<decltype(kHandler)>::Request request;
    if (!request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
      return absl::InvalidArgumentError("The request cannot be decoded.");
    }
    if (absl::Status status = CheckAddressee(self.terminal_, request.deviceid()); !status.ok()) {
      return status;
    }
    auto response = (self.*kHandler)(request);
    if (!response.ok()) return response.status();
    return response->SerializeAsString();
  }

  template <typename Message>
  absl::StatusOr<Message> Read(std::string_view name, Message fallback = Message()) {
    return ReadSetting(terminal_.store(), terminal_.id(), name, std::move(fallback));
  }
  // Inside Terminal::Change.
  template <typename Message>
  absl::Status Write(SettingStore::Area area, std::string_view name, const Message& message) {
    return terminal_.store().Save(terminal_.id(), area, name, message.SerializeAsString());
  }

  Terminal& terminal_;
};

}  // namespace gatelog::sim
