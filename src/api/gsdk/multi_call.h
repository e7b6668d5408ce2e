#pragma once

#include <fmt/format.h>

#include <memory>
#include <optional>
#include <unordered_set>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "api/rpc/call.h"
#include "core/fleet/fleet.h"

namespace gatelog::api {

// The devices of a request in its order, each once. kInvalidArgument for more than a gateway can
// have.
template <typename Ids>
absl::StatusOr<std::vector<model::DeviceId>> DistinctDevices(const Ids& ids) {
  std::vector<model::DeviceId> distinct;
  std::unordered_set<model::DeviceId> seen;
  for (const model::DeviceId id : ids) {
    if (!seen.insert(id).second) continue;
    if (distinct.size() == core::kDevicesMax) {
      return absl::InvalidArgumentError(
          fmt::format("The request names more than {} devices.", core::kDevicesMax));
    }
    distinct.push_back(id);
  }
  return distinct;
}

// Does the same for several devices at once, each once, and answers when all are done: OK with an
// empty response, or MultiErrorStatus. Work done on devices that succeeded stays. Loop's thread;
// `act(device, reply)` gets its reply there too.
template <typename Response, typename Ids, typename Act>
void ForEachDevice(const Ids& ids, UnaryCall<Response> call, Act act) {
  struct State {
    State(UnaryCall<Response> answer, std::size_t count)
        : call(std::move(answer)), results(count), open(count + 1) {}

    void Done() {
      if (--open > 0) return;
      std::vector<DeviceFailure> failures;
      for (DeviceFailure& result : results) {
        if (!result.status.ok()) failures.push_back(std::move(result));
      }
      if (failures.empty()) {
        call.Reply(Response());
      } else {
        call.Finish(MultiErrorStatus(failures, results.size()));
      }
    }

    UnaryCall<Response> call;
    std::vector<DeviceFailure> results;
    std::size_t open;  // devices, and the loop below, so that early replies do not end the call
  };

  absl::StatusOr<std::vector<model::DeviceId>> devices = DistinctDevices(ids);
  if (!devices.ok()) return call.Finish(devices.status());
  auto state = std::make_shared<State>(std::move(call), devices->size());
  for (std::size_t i = 0; i < devices->size(); ++i) {
    state->results[i].device = (*devices)[i];
    act((*devices)[i], [state, i](absl::Status status) {
      state->results[i].status = std::move(status);
      state->Done();
    });
  }
  state->Done();
}

}  // namespace gatelog::api
