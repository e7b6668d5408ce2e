#include "api/gsdk/connect_service.h"

#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <utility>
#include <vector>

#include "api/gsdk/multi_call.h"
#include "api/rpc/call.h"
#include "api/rpc/server_stream.h"

namespace gatelog::api {
namespace {

namespace cn = gsdk::connect;

constexpr int kPortMax = 65'535;
constexpr std::size_t kHostLengthMax = 253;
constexpr int kSlavesPerMasterMax = 1'024;  // per kind of line
constexpr std::chrono::milliseconds kSearchTimeDefault{5'000};
constexpr std::chrono::milliseconds kSearchTimeMax{60'000};
constexpr std::size_t kTakenMax = 64;  // changes out of the queue and not yet written

// Of a ConnectInfo or an AsyncConnectInfo; port 0 is the devices' usual one.
template <typename Info>
absl::StatusOr<ports::DeviceAddress> ToAddress(const Info& info) {
  ports::DeviceAddress address;
  if (info.ipaddr().empty() || info.ipaddr().size() > kHostLengthMax) {
    return absl::InvalidArgumentError(
        "IPAddr must name the device's address, such as 192.168.1.20.");
  }
  if (info.port() < 0 || info.port() > kPortMax) {
    return absl::InvalidArgumentError(
        fmt::format("{} is no port; ports go from 1 to {}.", info.port(), kPortMax));
  }
  address.tls = info.usessl();
  address.host = info.ipaddr();
  if (info.port() != 0) address.port = static_cast<std::uint16_t>(info.port());
  return address;
}

constexpr int kTryToConnect = 0x04;  // of later versions of the API

cn::Status ToStatus(core::LinkChange change, bool tls) {
  switch (change) {
    case core::LinkChange::kConnected:
      return tls ? cn::TLS_CONNECTED : cn::TCP_CONNECTED;
    case core::LinkChange::kDisconnected:
      return cn::DISCONNECTED;
    case core::LinkChange::kCannotConnect:
      return tls ? cn::TLS_CANNOT_CONNECT : cn::TCP_CANNOT_CONNECT;
    case core::LinkChange::kNotAllowed:
      return tls ? cn::TLS_NOT_ALLOWED : cn::TCP_NOT_ALLOWED;
    case core::LinkChange::kConnecting:
      return static_cast<cn::Status>(kTryToConnect);
  }
  return cn::DISCONNECTED;
}

std::uint32_t ToSeconds(Timestamp time) {
  return static_cast<std::uint32_t>(
      std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count());
}

absl::StatusOr<ports::Relinking::To> ToRelinking(cn::ConnectionMode mode) {
  if (mode == cn::SERVER_TO_DEVICE) return ports::Relinking::To::kServerToDevice;
  if (mode == cn::DEVICE_TO_SERVER) return ports::Relinking::To::kDeviceToServer;
  return absl::InvalidArgumentError(
      fmt::format("{} is no connection mode; there are 0 and 1.", static_cast<int>(mode)));
}

absl::StatusOr<ports::AcceptFilter> ToFilter(const cn::AcceptFilter& wire) {
  // A filter that is not applied must not look as if it were; with allowAll nothing else counts.
  if (!wire.allowall() && (wire.ipaddrs_size() > 0 || wire.subnetmasks_size() > 0)) {
    return absl::InvalidArgumentError(
        "IPAddrs and subnetMasks are not served: devices are accepted by their ID. Leave them "
        "empty and name the devices in deviceIDs.");
  }
  if (static_cast<std::size_t>(wire.deviceids_size()) > core::kDevicesMax) {
    return absl::InvalidArgumentError(
        fmt::format("The filter names more than {} devices.", core::kDevicesMax));
  }
  return ports::AcceptFilter{.all = wire.allowall(),
                             .devices = {wire.deviceids().begin(), wire.deviceids().end()}};
}

void FillDevice(const core::DeviceSnapshot& device, cn::DeviceInfo& info) {
  info.set_deviceid(device.id);
  // A type that this API version has no name for travels as its number.
  if (device.identity) info.set_type(static_cast<gsdk::device::Type>(device.identity->type));
  info.set_connectionmode(device.calls_in ? cn::DEVICE_TO_SERVER : cn::SERVER_TO_DEVICE);
  info.set_ipaddr(device.address.host);
  info.set_port(device.address.port);
  info.set_status(ToStatus(device.state == core::LinkState::kConnected
                               ? core::LinkChange::kConnected
                               : core::LinkChange::kDisconnected,
                           device.address.tls));
  info.set_autoreconnect(device.redialled);
  info.set_usessl(device.address.tls);
}

void FillFound(const ports::FoundDevice& device, cn::SearchDeviceInfo& info) {
  info.set_deviceid(device.id);
  info.set_type(static_cast<gsdk::device::Type>(device.type));
  info.set_usedhcp(device.uses_dhcp);
  info.set_connectionmode(device.calls_in ? cn::DEVICE_TO_SERVER : cn::SERVER_TO_DEVICE);
  info.set_ipaddr(device.host);
  info.set_port(device.port);
  info.set_usessl(device.tls);
  info.set_serveraddr(device.gateway);
}

// One client's changes of links.
class StatusStream final : public ServerStream<cn::StatusChange> {
 public:
  // Once, after Start.
  void Subscribe(core::StatusHub& hub, int queue_size) {
    std::weak_ptr<ServerStream> weak = weak_from_this();
    auto subscription = hub.Subscribe(queue_size, [weak] {
      if (const auto stream = weak.lock()) stream->Wake();
    });
    {
      MutexLock lock(subscription_mutex_);
      subscription_ = std::move(subscription);
    }
    Wake();
  }

 private:
  bool Next(cn::StatusChange& message, bool& more) override {
    if (written_ == taken_.size()) {
      MutexLock lock(subscription_mutex_);
      if (subscription_ == nullptr) return false;
      taken_ = subscription_->Take(kTakenMax);
      written_ = 0;
    }
    if (written_ == taken_.size()) return false;
    const core::StatusChange& change = taken_[written_++];
    message.set_deviceid(change.device);
    message.set_status(ToStatus(change.change, change.tls));
    message.set_timestamp(ToSeconds(change.time));
    more = written_ < taken_.size();
    return true;
  }

  Mutex subscription_mutex_;
  std::shared_ptr<core::StatusSubscription> subscription_ GUARDED_BY(subscription_mutex_);
  std::vector<core::StatusChange> taken_;
  std::size_t written_ = 0;  // of taken_
};

}  // namespace

ConnectService::ConnectService(TimedExecutor& loop, core::Fleet& fleet, core::StatusHub& status,
                               ports::DeviceSearcher& searcher)
    : loop_(loop), fleet_(fleet), status_(status), searcher_(searcher) {}

ConnectService::Unary* ConnectService::Connect(Context*, const cn::ConnectRequest* request,
                                               cn::ConnectResponse* response) {
  return StartCallOn(loop_, *request, response, [this](const auto& wanted, auto call) {
    auto address = ToAddress(wanted.connectinfo());
    if (!address.ok()) return call.Finish(address.status());
    fleet_.Connect(*std::move(address),
                   [call = std::move(call)](absl::StatusOr<model::DeviceId> id) mutable {
                     if (!id.ok()) return call.Finish(id.status());
                     cn::ConnectResponse reply;
                     reply.set_deviceid(*id);
                     call.Reply(std::move(reply));
                   });
  });
}

ConnectService::Unary* ConnectService::AddAsyncConnection(
    Context*, const cn::AddAsyncConnectionRequest* request,
    cn::AddAsyncConnectionResponse* response) {
  return StartCallOn(loop_, *request, response, [this](const auto& wanted, auto call) {
    if (static_cast<std::size_t>(wanted.connectinfos_size()) > core::kDevicesMax) {
      return call.Finish(absl::InvalidArgumentError(
          fmt::format("The request names more than {} devices.", core::kDevicesMax)));
    }
    std::vector<ports::Registration> registrations;
    for (const cn::AsyncConnectInfo& info : wanted.connectinfos()) {
      auto address = ToAddress(info);
      if (!address.ok()) return call.Finish(address.status());
      registrations.push_back({.id = info.deviceid(), .address = *std::move(address)});
    }
    fleet_.AddAsync(
        std::move(registrations),
        [call = std::move(call)](absl::Status status) mutable { call.ReplyEmpty(status); });
  });
}

ConnectService::Unary* ConnectService::DeleteAsyncConnection(
    Context*, const cn::DeleteAsyncConnectionRequest* request,
    cn::DeleteAsyncConnectionResponse* response) {
  return StartCallOn(loop_, *request, response, [this](const auto& wanted, auto call) {
    auto devices = DistinctDevices(wanted.deviceids());
    if (!devices.ok()) return call.Finish(devices.status());
    fleet_.Remove(*std::move(devices), [call = std::move(call)](absl::Status status) mutable {
      call.ReplyEmpty(status);
    });
  });
}

ConnectService::Unary* ConnectService::SetAcceptFilter(Context*,
                                                       const cn::SetAcceptFilterRequest* request,
                                                       cn::SetAcceptFilterResponse* response) {
  return StartCallOn(loop_, *request, response, [this](const auto& wanted, auto call) {
    absl::StatusOr<ports::AcceptFilter> filter = ToFilter(wanted.filter());
    if (!filter.ok()) return call.Finish(filter.status());
    fleet_.callers().SetFilter(
        *std::move(filter),
        [call = std::move(call)](absl::Status status) mutable { call.ReplyEmpty(status); });
  });
}

ConnectService::Unary* ConnectService::GetAcceptFilter(Context*,
                                                       const cn::GetAcceptFilterRequest* request,
                                                       cn::GetAcceptFilterResponse* response) {
  return StartCallOn(loop_, *request, response, [this](const auto&, auto call) {
    const ports::AcceptFilter& filter = fleet_.callers().filter();
    cn::GetAcceptFilterResponse reply;
    reply.mutable_filter()->set_allowall(filter.all);
    reply.mutable_filter()->mutable_deviceids()->Add(filter.devices.begin(), filter.devices.end());
    call.Reply(std::move(reply));
  });
}

ConnectService::Unary* ConnectService::GetPendingList(Context*,
                                                      const cn::GetPendingListRequest* request,
                                                      cn::GetPendingListResponse* response) {
  return StartCallOn(loop_, *request, response, [this](const auto&, auto call) {
    cn::GetPendingListResponse reply;
    for (const core::PendingDevice& device : fleet_.callers().pending()) {
      cn::PendingDeviceInfo& info = *reply.add_deviceinfos();
      info.set_deviceid(device.id);
      info.set_type(static_cast<gsdk::device::Type>(device.type));
      info.set_ipaddr(device.host);
      info.set_lasttry(ToSeconds(device.last_try));
    }
    call.Reply(std::move(reply));
  });
}

ConnectService::Unary* ConnectService::GetDeviceList(Context*,
                                                     const cn::GetDeviceListRequest* request,
                                                     cn::GetDeviceListResponse* response) {
  return StartCallOn(loop_, *request, response, [this](const auto&, auto call) {
    cn::GetDeviceListResponse reply;
    for (const core::DeviceSnapshot& device : fleet_.List())
      FillDevice(device, *reply.add_deviceinfos());
    call.Reply(std::move(reply));
  });
}

ConnectService::Unary* ConnectService::Disconnect(Context*, const cn::DisconnectRequest* request,
                                                  cn::DisconnectResponse* response) {
  return StartCallOn(loop_, *request, response, [this](const auto& wanted, auto call) {
    const auto devices = DistinctDevices(wanted.deviceids());
    call.ReplyEmpty(devices.ok() ? fleet_.Disconnect(*devices) : devices.status());
  });
}

ConnectService::Unary* ConnectService::DisconnectAll(Context*,
                                                     const cn::DisconnectAllRequest* request,
                                                     cn::DisconnectAllResponse* response) {
  return StartCallOn(loop_, *request, response, [this](const auto&, auto call) {
    fleet_.DisconnectAll();
    call.Reply({});
  });
}

ConnectService::Unary* ConnectService::SearchDevice(Context*,
                                                    const cn::SearchDeviceRequest* request,
                                                    cn::SearchDeviceResponse* response) {
  return StartCallOn(loop_, *request, response, [this](const auto& wanted, auto call) {
    if (wanted.timeout() > kSearchTimeMax.count()) {
      return call.Finish(absl::InvalidArgumentError(
          fmt::format("A search of {} ms was asked for; it may last {} ms at most.",
                      wanted.timeout(), kSearchTimeMax.count())));
    }
    const std::chrono::milliseconds time(wanted.timeout());
    searcher_.Search(
        wanted.timeout() == 0 ? kSearchTimeDefault : time,
        [call = std::move(call)](absl::StatusOr<std::vector<ports::FoundDevice>> found) mutable {
          if (!found.ok()) return call.Finish(found.status());
          cn::SearchDeviceResponse reply;
          for (const ports::FoundDevice& device : *found) {
            FillFound(device, *reply.add_deviceinfos());
          }
          call.Reply(std::move(reply));
        });
  });
}

ConnectService::Unary* ConnectService::GetSlaveDevice(Context*,
                                                      const cn::GetSlaveDeviceRequest* request,
                                                      cn::GetSlaveDeviceResponse* response) {
  return StartCallOn(loop_, *request, response, [this](const auto&, auto call) {
    cn::GetSlaveDeviceResponse reply;
    for (const core::Slaves& slaves : fleet_.slaves()) {
      cn::SlaveDeviceInfo* info = reply.add_slavedeviceinfos();
      info->set_deviceid(slaves.master);
      info->mutable_rs485slavedeviceids()->Add(slaves.rs485.begin(), slaves.rs485.end());
      info->mutable_wiegandslavedeviceids()->Add(slaves.wiegand.begin(), slaves.wiegand.end());
    }
    call.Reply(std::move(reply));
  });
}

ConnectService::Unary* ConnectService::SetSlaveDevice(Context*,
                                                      const cn::SetSlaveDeviceRequest* request,
                                                      cn::SetSlaveDeviceResponse* response) {
  return StartCallOn(loop_, *request, response, [this](const auto& wanted, auto call) {
    if (static_cast<std::size_t>(wanted.slavedeviceinfos_size()) > core::kDevicesMax) {
      return call.Finish(absl::InvalidArgumentError(
          fmt::format("The request names more than {} masters.", core::kDevicesMax)));
    }
    std::vector<core::Slaves> slaves;
    for (const cn::SlaveDeviceInfo& info : wanted.slavedeviceinfos()) {
      if (info.rs485slavedeviceids_size() > kSlavesPerMasterMax ||
          info.wiegandslavedeviceids_size() > kSlavesPerMasterMax) {
        return call.Finish(absl::InvalidArgumentError(
            fmt::format("Device {} has more than {} slaves on one kind of line.", info.deviceid(),
                        kSlavesPerMasterMax)));
      }
      slaves.push_back(
          {.master = info.deviceid(),
           .rs485 = {info.rs485slavedeviceids().begin(), info.rs485slavedeviceids().end()},
           .wiegand = {info.wiegandslavedeviceids().begin(), info.wiegandslavedeviceids().end()}});
    }
    call.ReplyEmpty(fleet_.SetSlaves(std::move(slaves)));
  });
}

template <typename Request, typename Response>
ConnectService::Unary* ConnectService::RelinkOne(const Request& request, Response* response,
                                                 absl::StatusOr<To> to) {
  return StartCallOn(loop_, request, response, [this, to](const auto& wanted, auto call) {
    if (!to.ok()) return call.Finish(to.status());
    fleet_.callers().Relink(
        wanted.deviceid(), *to,
        [call = std::move(call)](absl::Status status) mutable { call.ReplyEmpty(status); });
  });
}

template <typename Request, typename Response>
ConnectService::Unary* ConnectService::RelinkEach(const Request& request, Response* response,
                                                  absl::StatusOr<To> to) {
  return StartCallOn(loop_, request, response, [this, to](const auto& wanted, auto call) {
    if (!to.ok()) return call.Finish(to.status());
    ForEachDevice(wanted.deviceids(), std::move(call), [&](model::DeviceId id, auto reply) {
      fleet_.callers().Relink(id, *to, std::move(reply));
    });
  });
}

ConnectService::Unary* ConnectService::SetConnectionMode(
    Context*, const cn::SetConnectionModeRequest* request,
    cn::SetConnectionModeResponse* response) {
  return RelinkOne(*request, response, ToRelinking(request->connectionmode()));
}

ConnectService::Unary* ConnectService::SetConnectionModeMulti(
    Context*, const cn::SetConnectionModeMultiRequest* request,
    cn::SetConnectionModeMultiResponse* response) {
  return RelinkEach(*request, response, ToRelinking(request->connectionmode()));
}

ConnectService::Unary* ConnectService::EnableSSL(Context*, const cn::EnableSSLRequest* request,
                                                 cn::EnableSSLResponse* response) {
  return RelinkOne(*request, response, To::kTls);
}

ConnectService::Unary* ConnectService::EnableSSLMulti(Context*,
                                                      const cn::EnableSSLMultiRequest* request,
                                                      cn::EnableSSLMultiResponse* response) {
  return RelinkEach(*request, response, To::kTls);
}

ConnectService::Unary* ConnectService::DisableSSL(Context*, const cn::DisableSSLRequest* request,
                                                  cn::DisableSSLResponse* response) {
  return RelinkOne(*request, response, To::kPlain);
}

ConnectService::Unary* ConnectService::DisableSSLMulti(Context*,
                                                       const cn::DisableSSLMultiRequest* request,
                                                       cn::DisableSSLMultiResponse* response) {
  return RelinkEach(*request, response, To::kPlain);
}

grpc::ServerWriteReactor<cn::StatusChange>* ConnectService::SubscribeStatus(
    Context*, const cn::SubscribeStatusRequest* request) {
  auto stream = std::make_shared<StatusStream>();
  StatusStream* bare = stream.get();
  stream->Subscribe(status_, request->queuesize());
  stream->Start(streams_);
  return bare;
}

}  // namespace gatelog::api
