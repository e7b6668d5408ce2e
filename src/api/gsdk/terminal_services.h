#pragma once

#include <memory>
#include <vector>

#include "api/gsdk/forwarded_service.h"
#include "base/executor.h"
#include "core/access/device_calls.h"

namespace gatelog::api {

// The services of which the terminals serve every method: users, cards, fingers, faces, schedules,
// doors, clocks and system settings. What needs enrolment hardware is refused in a sentence.
//
// What is given must outlive the services, and these the server.
std::vector<std::unique_ptr<ForwardedService>> MakeTerminalServices(TimedExecutor& loop,
                                                                    core::DeviceCalls& calls);

}  // namespace gatelog::api
