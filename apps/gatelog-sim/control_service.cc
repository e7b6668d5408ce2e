#include "apps/gatelog-sim/control_service.h"

#include <asio/post.hpp>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "apps/gatelog-sim/session.h"
#include "model/event.h"

namespace gatelog::sim {
namespace {

constexpr std::uint32_t kDurationMsMax = 24 * 3600 * 1000;
constexpr std::uint32_t kDelayMsMax = 60'000;
constexpr std::size_t kImageBytesMax = 64 * 1024;  // a terminal may be wrong, within reason
constexpr std::chrono::seconds kStopTimeMax{1};

namespace v1 = simulator::v1;

// absl's codes are those of gRPC.
grpc::Status ToGrpc(const absl::Status& status) {
  return {static_cast<grpc::StatusCode>(status.code()), std::string(status.message())};
}

absl::Status CheckDuration(std::uint32_t duration_ms) {
  if (duration_ms <= kDurationMsMax) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("duration_ms is at most ", kDurationMsMax, ", a day."));
}

absl::StatusOr<EventLog> DecodeEvent(const std::string& bytes) {
  EventLog event;
  if (bytes.size() > model::kEventSizeMax || !event.ParseFromString(bytes)) {
    return absl::InvalidArgumentError(
        absl::StrCat("event must be an encoded gsdk.event.EventLog of at most ",
                     model::kEventSizeMax, " bytes."));
  }
  if (event.eventcode() == 0) return absl::InvalidArgumentError("The event has no eventCode.");
  return event;
}

void Describe(Terminal& terminal, v1::Terminal& out) {
  const terminal::v1::LogStatus status = terminal.log().status();
  out.set_device_id(terminal.id());
  const std::uint32_t number = terminal.settings().number;
  out.set_address(absl::StrCat("127.", number >> 16, ".", number >> 8 & 0xFF, ".", number & 0xFF));
  out.set_connected(terminal.session() != nullptr);
  out.set_first_id(status.first_id());
  out.set_last_id(status.last_id());
  out.set_generation(status.generation());
  out.set_images(terminal.log().images());
}

}  // namespace

template <typename Work>
grpc::ServerUnaryReactor* ControlService::OnLoop(grpc::CallbackServerContext* call, Work work) {
  grpc::ServerUnaryReactor* reactor = call->DefaultReactor();
  asio::post(context_,
             [reactor, work = std::move(work)]() mutable { reactor->Finish(ToGrpc(work())); });
  return reactor;
}

template <typename Work>
grpc::ServerUnaryReactor* ControlService::OnTerminal(grpc::CallbackServerContext* call,
                                                     std::uint32_t device_id, Work work) {
  return OnLoop(call, [this, device_id, work = std::move(work)]() mutable -> absl::Status {
    Terminal* terminal = fleet_.FindId(device_id);
    if (terminal == nullptr)
      return absl::NotFoundError(absl::StrCat("There is no terminal ", device_id, " here."));
    return work(*terminal);
  });
}

grpc::ServerUnaryReactor* ControlService::ListTerminals(grpc::CallbackServerContext* call,
                                                        const v1::ListTerminalsRequest*,
                                                        v1::ListTerminalsResponse* response) {
  return OnLoop(call, [this, response] {
    for (const auto& terminal : fleet_.terminals()) Describe(*terminal, *response->add_terminals());
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* ControlService::InjectEvent(grpc::CallbackServerContext* call,
                                                      const v1::InjectEventRequest* request,
                                                      v1::InjectEventResponse* response) {
  return OnTerminal(call, request->device_id(),
                    [request, response](Terminal& terminal) -> absl::Status {
                      absl::StatusOr<EventLog> event = DecodeEvent(request->event());
                      if (!event.ok()) return event.status();
                      const absl::StatusOr<std::uint32_t> id = terminal.Record(*std::move(event));
                      if (!id.ok()) return id.status();
                      response->set_id(*id);
                      return absl::OkStatus();
                    });
}

grpc::ServerUnaryReactor* ControlService::Disconnect(grpc::CallbackServerContext* call,
                                                     const v1::DisconnectRequest* request,
                                                     v1::DisconnectResponse*) {
  return OnTerminal(call, request->device_id(), [](Terminal& terminal) {
    terminal.Disconnect("the control service said so");
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* ControlService::HalfOpen(grpc::CallbackServerContext* call,
                                                   const v1::HalfOpenRequest* request,
                                                   v1::HalfOpenResponse*) {
  return OnTerminal(call, request->device_id(), [request](Terminal& terminal) -> absl::Status {
    if (absl::Status status = CheckDuration(request->duration_ms()); !status.ok()) return status;
    if (terminal.session() == nullptr)
      return absl::FailedPreconditionError("No gateway is connected to that terminal.");
    terminal.session()->Freeze(std::chrono::milliseconds(request->duration_ms()));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* ControlService::SlowLink(grpc::CallbackServerContext* call,
                                                   const v1::SlowLinkRequest* request,
                                                   v1::SlowLinkResponse*) {
  return OnTerminal(call, request->device_id(), [request](Terminal& terminal) -> absl::Status {
    if (request->delay_ms() > kDelayMsMax) {
      return absl::InvalidArgumentError(absl::StrCat("delay_ms is at most ", kDelayMsMax, "."));
    }
    terminal.link_delay_ms = request->delay_ms();
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* ControlService::Reboot(grpc::CallbackServerContext* call,
                                                 const v1::RebootRequest* request,
                                                 v1::RebootResponse*) {
  return OnTerminal(
      call, request->device_id(), [this, request](Terminal& terminal) -> absl::Status {
        if (absl::Status status = CheckDuration(request->duration_ms()); !status.ok())
          return status;
        return fleet_.Reboot(terminal, std::chrono::milliseconds(request->duration_ms()));
      });
}

grpc::ServerUnaryReactor* ControlService::FactoryReset(grpc::CallbackServerContext* call,
                                                       const v1::FactoryResetRequest* request,
                                                       v1::FactoryResetResponse*) {
  return OnTerminal(call, request->device_id(),
                    [](Terminal& terminal) { return terminal.FactoryReset(); });
}

grpc::ServerUnaryReactor* ControlService::JumpClock(grpc::CallbackServerContext* call,
                                                    const v1::JumpClockRequest* request,
                                                    v1::JumpClockResponse*) {
  return OnTerminal(call, request->device_id(),
                    [request](Terminal& terminal) { return terminal.JumpClock(request->by_s()); });
}

grpc::ServerUnaryReactor* ControlService::DropImages(grpc::CallbackServerContext* call,
                                                     const v1::DropImagesRequest* request,
                                                     v1::DropImagesResponse* response) {
  return OnTerminal(call, request->device_id(), [request, response](Terminal& terminal) {
    const absl::StatusOr<std::uint64_t> dropped =
        terminal.DropImages(request->first_id(), request->last_id());
    if (dropped.ok()) response->set_dropped(*dropped);
    return dropped.status();
  });
}

grpc::ServerUnaryReactor* ControlService::HoldImages(grpc::CallbackServerContext* call,
                                                     const v1::HoldImagesRequest* request,
                                                     v1::HoldImagesResponse*) {
  return OnTerminal(call, request->device_id(), [request](Terminal& terminal) {
    terminal.HoldImages(request->hold());
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* ControlService::PutImage(grpc::CallbackServerContext* call,
                                                   const v1::PutImageRequest* request,
                                                   v1::PutImageResponse*) {
  return OnTerminal(call, request->device_id(), [request](Terminal& terminal) -> absl::Status {
    if (request->image().empty() || request->image().size() > kImageBytesMax) {
      return absl::InvalidArgumentError(absl::StrCat("image has 1 to ", kImageBytesMax, " bytes."));
    }
    return terminal.PutImage(request->id(), request->image());
  });
}

grpc::ServerUnaryReactor* ControlService::SetRate(grpc::CallbackServerContext* call,
                                                  const v1::SetRateRequest* request,
                                                  v1::SetRateResponse*) {
  const auto set_rate = [this, request](Terminal* terminal) -> absl::Status {
    const double rate = request->events_per_s();
    if (!std::isfinite(rate) || rate < 0 || rate > kRateMax) {
      return absl::InvalidArgumentError(absl::StrCat("events_per_s is 0 to ", kRateMax, "."));
    }
    if (terminal != nullptr) {
      fleet_.SetRate(*terminal, rate);
    } else {
      for (const auto& one : fleet_.terminals()) fleet_.SetRate(*one, rate);
    }
    return absl::OkStatus();
  };
  if (request->device_id() == 0) {
    return OnLoop(call, [set_rate] { return set_rate(nullptr); });
  }
  return OnTerminal(call, request->device_id(),
                    [set_rate](Terminal& terminal) { return set_rate(&terminal); });
}

absl::StatusOr<std::unique_ptr<ControlServer>> ControlServer::Start(asio::io_context& context,
                                                                    Fleet& fleet,
                                                                    const std::string& host,
                                                                    std::uint16_t port) {
  auto control = std::unique_ptr<ControlServer>(new ControlServer(context, fleet));
  grpc::ServerBuilder builder;
  // Otherwise two servers could share one port without noticing.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddListeningPort(absl::StrCat(host, ":", port), grpc::InsecureServerCredentials(),
                           &control->port_);
  builder.RegisterService(&control->service_);
  control->server_ = builder.BuildAndStart();
  if (control->server_ == nullptr || control->port_ == 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("The control service cannot listen on ", host, ":", port,
                     "; another program may be using it. Choose another with --control."));
  }
  return control;
}

void ControlServer::Stop() { server_->Shutdown(std::chrono::system_clock::now() + kStopTimeMax); }

}  // namespace gatelog::sim
