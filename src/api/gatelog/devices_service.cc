#include "api/gatelog/devices_service.h"

#include <fmt/format.h>

#include <memory>
#include <utility>

#include "api/rpc/call.h"
#include "ports/device_address.h"

namespace gatelog::api {
namespace {

namespace v1 = gatelog::v1;

constexpr std::size_t kAddressSizeMax = 1'024;  // bytes

v1::LinkState ToWire(core::LinkState state) {
  switch (state) {
    case core::LinkState::kDisconnected:
      return v1::LINK_STATE_DISCONNECTED;
    case core::LinkState::kConnecting:
      return v1::LINK_STATE_CONNECTING;
    case core::LinkState::kConnected:
      return v1::LINK_STATE_CONNECTED;
  }
  return v1::LINK_STATE_UNSPECIFIED;
}

std::int64_t ToMilliseconds(const std::optional<Timestamp>& time) {
  return time ? time->time_since_epoch().count() : 0;
}

void FillNewest(const ports::StoredEvent& newest, v1::NewestEvent& wire) {
  wire.set_epoch(newest.epoch);
  wire.set_id(newest.event.id);
  wire.set_timestamp(newest.event.timestamp);
  wire.set_arrival_ms(newest.arrival.time_since_epoch().count());
  wire.set_device_id(newest.event.device);
  wire.set_event_code(newest.event.code);
  wire.set_sub_code(newest.event.sub_code);
  wire.set_user_id(newest.event.user_id);
  wire.set_entity_id(newest.event.entity_id);
}

void FillHealth(const core::DeviceSnapshot& device, v1::Device& wire) {
  wire.set_disconnected_since_ms(ToMilliseconds(device.disconnected_since));
  wire.set_gaps(device.gaps);
  wire.set_images_wanted(device.images_wanted);
  wire.set_images_absent(device.images_absent);
  wire.set_images_lag(device.images_lag);
  wire.set_last_error_ms(ToMilliseconds(device.last_error_at));
  wire.set_reads_repeated(device.reads_repeated);
  if (device.newest) FillNewest(*device.newest, *wire.mutable_newest_event());
  const core::ClockDrift& drift = device.clock_drift;
  if (!drift.last()) return;
  wire.mutable_clock_drift()->set_last_ms(drift.last()->count());
  wire.mutable_clock_drift()->set_largest_ms(drift.largest()->count());
  wire.mutable_clock_drift()->set_measured_ms(ToMilliseconds(drift.measured()));
  wire.mutable_clock_drift()->set_beyond_limit(drift.beyond());
}

void FillDevice(const core::DeviceSnapshot& device, v1::Device& wire) {
  wire.set_device_id(device.id);
  wire.set_address(ports::FormatAddress(device.address));  // never shows the key
  wire.set_state(ToWire(device.state));
  if (device.connected_since)
    wire.set_connected_since_ms(device.connected_since->time_since_epoch().count());
  if (device.identity) {
    wire.set_model_name(device.identity->model_name);
    wire.set_firmware_version(device.identity->firmware_version);
  }
  wire.set_kept(device.kept);
  wire.set_collected(device.collected);
  wire.set_monitored(device.monitored);
  wire.set_epoch(device.epoch);
  wire.set_next_id(device.next);
  wire.set_first_id(device.log.first);
  wire.set_last_id(device.log.last);
  wire.set_stored(device.stored);
  wire.set_missing(device.missing);
  wire.set_images(device.images);
  wire.set_lag(device.lag);
  wire.set_last_error(device.last_error);
  wire.set_failed_attempts(device.failed_attempts);
  wire.set_calls_in(device.calls_in);
  wire.set_tls(device.address.tls);
  FillHealth(device, wire);
}

v1::Acceptance ToAcceptance(const core::Callers& callers) {
  v1::Acceptance wire;
  wire.set_everybody(callers.filter().all);
  for (const model::DeviceId id : callers.filter().devices) {
    const ports::DeviceTrust trust = callers.FindTrust(id);
    v1::AcceptedDevice& device = *wire.add_devices();
    device.set_device_id(id);
    device.set_has_key(!trust.key.empty());
    device.set_has_certificate(!trust.certificate.empty());
  }
  return wire;
}

absl::Status CheckChange(const v1::ChangeAcceptanceRequest& wanted) {
  if (static_cast<std::size_t>(wanted.add_size()) > core::kDevicesMax ||
      static_cast<std::size_t>(wanted.remove_size()) > core::kDevicesMax) {
    return absl::InvalidArgumentError(
        fmt::format("The request names more than {} devices.", core::kDevicesMax));
  }
  for (const v1::CallingDevice& device : wanted.add()) {
    const std::size_t size = device.key().size();
    if (size != 0 && (size < ports::kDeviceKeySizeMin || size > ports::kDeviceKeySizeMax)) {
      return absl::InvalidArgumentError(fmt::format(
          "The key of device {} has {} bytes; {} to {} are allowed.", device.device_id(), size,
          ports::kDeviceKeySizeMin, ports::kDeviceKeySizeMax));
    }
  }
  return absl::OkStatus();
}

core::AcceptanceChange ToChange(const v1::ChangeAcceptanceRequest& wanted) {
  core::AcceptanceChange change;
  if (wanted.everybody() != v1::ChangeAcceptanceRequest::EVERYBODY_UNSPECIFIED) {
    change.all = wanted.everybody() == v1::ChangeAcceptanceRequest::EVERYBODY_ACCEPTED;
  }
  for (const v1::CallingDevice& device : wanted.add()) {
    change.add.insert(device.device_id());
    if (!device.key().empty()) change.keys[device.device_id()] = device.key();
  }
  change.remove = {wanted.remove().begin(), wanted.remove().end()};
  change.forget = change.remove;
  return change;
}

}  // namespace

DevicesService::Unary* DevicesService::Add(Context*, const v1::AddRequest* request,
                                           v1::AddResponse* response) {
  return StartCallOn(loop_, *request, response, [this](const auto& wanted, auto call) {
    if (wanted.address().size() > kAddressSizeMax) {
      return call.Finish(absl::InvalidArgumentError("The address is too long to be one."));
    }
    auto address = ports::ParseAddress(wanted.address());
    if (!address.ok()) return call.Finish(address.status());
    fleet_.Add(*std::move(address), !wanted.no_collect(),
               [this, call = std::move(call)](absl::StatusOr<model::DeviceId> id) mutable {
                 if (!id.ok()) return call.Finish(id.status());
                 const auto device = fleet_.Find(*id);
                 if (!device.ok()) return call.Finish(device.status());
                 v1::AddResponse reply;
                 FillDevice(*device, *reply.mutable_device());
                 call.Reply(std::move(reply));
               });
  });
}

DevicesService::Unary* DevicesService::Remove(Context*, const v1::RemoveRequest* request,
                                              v1::RemoveResponse* response) {
  return StartCallOn(loop_, *request, response, [this](const auto& wanted, auto call) {
    if (wanted.device_id() == 0) {
      return call.Finish(
          absl::InvalidArgumentError("device_id must name a device; it cannot be 0."));
    }
    fleet_.Remove({wanted.device_id()}, [call = std::move(call)](absl::Status status) mutable {
      call.ReplyEmpty(status);
    });
  });
}

DevicesService::Unary* DevicesService::List(Context*, const v1::ListRequest* request,
                                            v1::ListResponse* response) {
  return StartCallOn(loop_, *request, response, [this](const auto&, auto call) {
    v1::ListResponse reply;
    for (const core::DeviceSnapshot& device : fleet_.List())
      FillDevice(device, *reply.add_devices());
    reply.set_now_ms(ToMilliseconds(clock_.Now()));
    call.Reply(std::move(reply));
  });
}

DevicesService::Unary* DevicesService::GetAcceptance(Context*,
                                                     const v1::GetAcceptanceRequest* request,
                                                     v1::Acceptance* response) {
  return StartCallOn(loop_, *request, response, [this](const auto&, auto call) {
    call.Reply(ToAcceptance(fleet_.callers()));
  });
}

DevicesService::Unary* DevicesService::ChangeAcceptance(Context*,
                                                        const v1::ChangeAcceptanceRequest* request,
                                                        v1::Acceptance* response) {
  return StartCallOn(loop_, *request, response, [this](const auto& wanted, auto call) {
    if (absl::Status status = CheckChange(wanted); !status.ok()) return call.Finish(status);
    core::Callers& callers = fleet_.callers();
    callers.Change(ToChange(wanted),
                   [&callers, call = std::move(call)](absl::Status status) mutable {
                     if (!status.ok()) return call.Finish(status);
                     call.Reply(ToAcceptance(callers));
                   });
  });
}

}  // namespace gatelog::api
