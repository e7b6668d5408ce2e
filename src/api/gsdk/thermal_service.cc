#include "api/gsdk/thermal_service.h"

#include "api/gsdk/log_projection.h"
#include "gsdk/thermal.pb.h"

namespace gatelog::api {
namespace {

namespace th = gsdk::thermal;

// The user of a temperature that belongs to nobody known. Clients read this field as a number and
// fail on an empty one; it is in no other log.
constexpr char kNobody[] = "4294967295";

bool TakeTemperatureLog(const model::Event& event, th::GetTemperatureLogResponse& reply) {
  if (event.temperature == 0) return false;
  th::TemperatureLog& record = *reply.add_temperatureevents();
  SetCommonFields(event, record);
  if (event.user_id.empty()) record.set_userid(kNobody);
  record.set_temperature(event.temperature);
  return true;
}

}  // namespace

ThermalService::ThermalService(TimedExecutor& loop, core::DeviceCalls& calls,
                               core::LogAccess& access)
    : ForwardedService(loop, calls,
                       *th::ThermalConfig::descriptor()->file()->FindServiceByName("Thermal"),
                       {.served = {"GetTemperatureLog"}}) {
  Serve<th::GetTemperatureLogRequest, th::GetTemperatureLogResponse>(
      "GetTemperatureLog", [&loop, &access](const auto* request, auto* response) {
        return StartCallOn(loop, *request, response, [&access](const auto& wanted, auto call) {
          ProjectLog(access, wanted, std::move(call), TakeTemperatureLog);
        });
      });
}

}  // namespace gatelog::api
