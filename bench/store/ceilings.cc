#include "bench/store/ceilings.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string_view>

namespace gatelog::bench {
namespace {

// Rates are of synced commits of 10,000 events, times of queries in a store of ten million that has
// been read before.
struct Documented {
  std::string_view workload;  // how its name begins
  double reached;
};
constexpr Documented kDocumented[] = {
    {"sqlite ingest, live order", 473'000},      // events/s
    {"sqlite ingest, catch-up order", 257'000},  //
    {"sqlite query i:", 0.19},                   // ms
    {"sqlite query ii:", 0.41},
    {"sqlite query iii:", 0.064},
    {"sqlite query iv:", 80},
    {"sqlite query v:", 0.043},
    {"postgresql ingest, live order", 440'000},
    {"postgresql query i:", 0.25},
    {"postgresql query ii:", 6.3},
    {"postgresql query iii:", 0.136},
    {"postgresql query iv:", 46},
    {"postgresql query v:", 0.14},
};

}  // namespace

void JudgeCeiling(double nats_deliveries, Result& result) {
  const auto known = std::find_if(std::begin(kDocumented), std::end(kDocumented),
                                  [&](const Documented& documented) {
                                    return result.workload.starts_with(documented.workload);
                                  });
  if (known == std::end(kDocumented) || !result.ceiling || *result.ceiling <= 0) return;
  const double machine = nats_deliveries / kNatsDeliveries;
  const double expected =
      result.less_is_better ? known->reached / machine : known->reached * machine;
  const double share =
      result.less_is_better ? expected / *result.ceiling : *result.ceiling / expected;
  if (share >= kCeilingShareMin || !result.invalid.empty()) return;
  result.invalid = fmt::format("the bare layout reaches {:.2f} of {:.3g} {}, which it should here",
                               share, expected, result.unit);
}

}  // namespace gatelog::bench
