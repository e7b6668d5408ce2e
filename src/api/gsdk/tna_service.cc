#include "api/gsdk/tna_service.h"

#include "api/gsdk/log_projection.h"
#include "gsdk/tna.pb.h"

namespace gatelog::api {
namespace {

namespace tn = gsdk::tna;

bool TakeTnaLog(const model::Event& event, tn::GetTNALogResponse& reply) {
  if (event.tna_key == 0) return false;
  tn::TNALog& record = *reply.add_tnaevents();
  SetCommonFields(event, record);
  record.set_tnakey(static_cast<tn::Key>(event.tna_key));
  return true;
}

bool TakeJobCodeLog(const model::Event& event, tn::GetJobCodeLogResponse& reply) {
  const std::uint32_t job_code = model::JobCode(event.payload);
  if (job_code == 0) return false;
  tn::JobCodeLog& record = *reply.add_jobcodeevents();
  SetCommonFields(event, record);
  record.set_jobcode(job_code);
  return true;
}

}  // namespace

TnaService::TnaService(TimedExecutor& loop, core::DeviceCalls& calls, core::LogAccess& access)
    : ForwardedService(loop, calls, *tn::TNAConfig::descriptor()->file()->FindServiceByName("TNA"),
                       {.served = {"GetTNALog", "GetJobCodeLog"}}) {
  // The request's filter is documented as without effect, and has none.
  Serve<tn::GetTNALogRequest, tn::GetTNALogResponse>(
      "GetTNALog", [&loop, &access](const auto* request, auto* response) {
        return StartCallOn(loop, *request, response, [&access](const auto& wanted, auto call) {
          ProjectLog(access, wanted, std::move(call), TakeTnaLog);
        });
      });
  Serve<tn::GetJobCodeLogRequest, tn::GetJobCodeLogResponse>(
      "GetJobCodeLog", [&loop, &access](const auto* request, auto* response) {
        return StartCallOn(loop, *request, response, [&access](const auto& wanted, auto call) {
          ProjectLog(access, wanted, std::move(call), TakeJobCodeLog);
        });
      });
}

}  // namespace gatelog::api
