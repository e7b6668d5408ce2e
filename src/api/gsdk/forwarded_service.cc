#include "api/gsdk/forwarded_service.h"

#include <fmt/format.h>
#include <grpcpp/impl/codegen/rpc_service_method.h>

#include <algorithm>

#include "api/gsdk/call_target.h"
#include "api/gsdk/multi_call.h"
#include "api/rpc/wire.h"

namespace gatelog::api {
namespace {

using RawHandler = grpc::internal::CallbackUnaryHandler<grpc::ByteBuffer, grpc::ByteBuffer>;

constexpr std::string_view kMultiEnd = "Multi";

bool IsMulti(const google::protobuf::MethodDescriptor& method) {
  const google::protobuf::FieldDescriptor* target = method.input_type()->FindFieldByNumber(1);
  return std::string_view(method.name()).ends_with(kMultiEnd) && target != nullptr &&
         target->is_repeated();
}

// The name of the method that does it on one device.
std::string SingleName(const google::protobuf::MethodDescriptor& method) {
  std::string name = method.name();
  if (IsMulti(method)) name.resize(name.size() - kMultiEnd.size());
  return name;
}

bool Contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool IsRefused(const ForwardedService::Methods& methods, const std::string& name) {
  return std::any_of(
      methods.refused.begin(), methods.refused.end(),
      [&name](const ForwardedService::Refusal& refusal) { return refusal.method == name; });
}

absl::StatusOr<std::string> BytesOf(const grpc::ByteBuffer& request) {
  if (request.Length() > ports::kCallSizeMax) {
    return absl::InvalidArgumentError(
        fmt::format("The request has {} bytes; a device takes {}. Send less at a time.",
                    request.Length(), ports::kCallSizeMax));
  }
  grpc::Slice slice;
  if (!request.DumpToSingleSlice(&slice).ok()) {
    return absl::InternalError("The request could not be read.");
  }
  return std::string(reinterpret_cast<const char*>(slice.begin()), slice.size());
}

}  // namespace

// A Multi call of which some devices wait for their turn.
struct ForwardedService::MultiForward {
  struct Waiting {
    model::DeviceId device;
    DeviceReply<grpc::ByteBuffer> reply;
  };

  const Route& route;
  std::string rest;
  std::deque<Waiting> waiting = {};
};

ForwardedService::ForwardedService(TimedExecutor& loop, core::DeviceCalls& calls,
                                   const google::protobuf::ServiceDescriptor& contract,
                                   Methods methods)
    : loop_(loop), calls_(calls), service_(contract.full_name()) {
  for (int i = 0; i < contract.method_count(); ++i) {
    const google::protobuf::MethodDescriptor& method = *contract.method(i);
    const int index = Add(method.name());
    if (Contains(methods.served, method.name()) || IsRefused(methods, method.name())) continue;
    ForwardMethod(index, method, Contains(methods.lengthy, SingleName(method)));
  }
  for (const Refusal& refusal : methods.refused) {
    const int known = IndexOf(refusal.method);
    Refuse(known >= 0 ? known : Add(refusal.method), refusal);
  }
}

int ForwardedService::Add(const std::string& method) {
  const std::string& path = paths_.emplace_back(fmt::format("/{}/{}", service_, method));
  AddMethod(new grpc::internal::RpcServiceMethod(path.c_str(),
                                                 grpc::internal::RpcMethod::NORMAL_RPC, nullptr));
  return static_cast<int>(paths_.size()) - 1;
}

int ForwardedService::IndexOf(const std::string& method) const {
  const auto found =
      std::find(paths_.begin(), paths_.end(), fmt::format("/{}/{}", service_, method));
  return found == paths_.end() ? -1 : static_cast<int>(found - paths_.begin());
}

void ForwardedService::ForwardMethod(int index, const google::protobuf::MethodDescriptor& method,
                                     bool lengthy) {
  const Route& route = routes_.emplace_back(
      Route{.method = fmt::format("{}/{}", service_, SingleName(method)),
            .multi = IsMulti(method),
            .kind = lengthy ? core::CallKind::kLong : core::CallKind::kCommand});
  MarkMethodRawCallback(index, new RawHandler([this, &route](grpc::CallbackServerContext*,
                                                             const grpc::ByteBuffer* request,
                                                             grpc::ByteBuffer* response) {
                          return Start(route, *request, response);
                        }));
}

void ForwardedService::Refuse(int index, const Refusal& refusal) {
  const std::string sentence = fmt::format("{}.{} is not served in this version of gatelog: {}.",
                                           service_, refusal.method, refusal.reason);
  MarkMethodRawCallback(
      index, new RawHandler([sentence](grpc::CallbackServerContext*, const grpc::ByteBuffer*,
                                       grpc::ByteBuffer* response) {
        return StartCall(response, [&](RawCall call) {
          call.Finish(grpc::Status(grpc::StatusCode::UNIMPLEMENTED, sentence));
        });
      }));
}

grpc::ServerUnaryReactor* ForwardedService::Start(const Route& route,
                                                  const grpc::ByteBuffer& request,
                                                  grpc::ByteBuffer* response) {
  return StartCall(response, [&](RawCall call) {
    absl::StatusOr<std::string> bytes = BytesOf(request);
    if (!bytes.ok()) return call.Finish(bytes.status());
    loop_.Post([this, &route, bytes = *std::move(bytes), call = std::move(call)]() mutable {
      if (call.cancelled()) return;
      route.multi ? ForwardMulti(route, bytes, std::move(call))
                  : Forward(route, std::move(bytes), std::move(call));
    });
  });
}

void ForwardedService::Forward(const Route& route, std::string request, RawCall call) {
  const absl::StatusOr<model::DeviceId> device = DeviceOf(request);
  if (!device.ok()) return call.Finish(device.status());
  calls_.Call(*device, route.method, std::move(request), route.kind,
              [&route, call = std::move(call)](absl::StatusOr<std::string> response) mutable {
                if (!response.ok()) return call.Finish(response.status());
                if (!IsMessage(*response)) {
                  return call.Finish(absl::InternalError(fmt::format(
                      "The device answered {} in a way that cannot be read.", route.method)));
                }
                const grpc::Slice slice = SliceOf(*std::move(response));
                call.Reply(grpc::ByteBuffer(&slice, 1));
              });
}

void ForwardedService::ForwardMulti(const Route& route, std::string_view request, RawCall call) {
  absl::StatusOr<MultiRequest> split = SplitMultiRequest(request);
  if (!split.ok()) return call.Finish(split.status());
  auto multi = std::make_shared<MultiForward>(MultiForward{route, std::move(split->rest)});
  ForEachDevice(split->devices, std::move(call), [&multi](model::DeviceId device, auto reply) {
    multi->waiting.push_back({device, std::move(reply)});
  });
  const std::size_t fitting = kMultiBytesMax / (multi->rest.size() + 1);
  const std::size_t at_once = std::clamp<std::size_t>(fitting, 1, kMultiAtOnceMax);
  for (std::size_t i = 0; i < at_once; ++i) NextOf(multi);
}

void ForwardedService::NextOf(std::shared_ptr<MultiForward> multi) {
  if (multi->waiting.empty()) return;
  const model::DeviceId device = multi->waiting.front().device;
  auto done = [this, multi, reply = std::move(multi->waiting.front().reply)](
                  const absl::StatusOr<std::string>& response) mutable {
    reply(response.status());
    // Not from here: a device that is not linked answers at once, and there may be thousands.
    loop_.Post([this, multi] { NextOf(multi); });
  };
  multi->waiting.pop_front();
  calls_.Call(device, multi->route.method, RequestFor(device, multi->rest), multi->route.kind,
              std::move(done));
}

}  // namespace gatelog::api
