#pragma once

#include "bench/report.h"

namespace gatelog::bench {

// What the bare layouts reached on an idle machine with two processors, on which nats-server
// delivered kNatsDeliveries messages of 40 bytes a second from one publisher to one subscriber.
inline constexpr double kNatsDeliveries = 2'900'000;

// A ceiling that reaches less than this share of what it did there is none: something else holds
// the bare layout back, or it has become a bad one.
inline constexpr double kCeilingShareMin = 0.8;

// Says so in `result.invalid` if that is so of its ceiling, scaled by what nats-server delivers
// now. Of a workload that is not known from there, nothing.
void JudgeCeiling(double nats_deliveries, Result& result);

}  // namespace gatelog::bench
