#pragma once

#include <optional>
#include <string>
#include <vector>

namespace gatelog::bench {

// One workload's result. What was measured for the ceiling and for the peer was measured in the
// same run, in turns with ours.
struct Result {
  std::string workload;
  std::string unit;                    // of the three figures
  double ours = 0;                     // median
  std::optional<double> ceiling = {};  // the same work without us
  std::optional<double> peer = {};     // what people would use instead
  // Of times and sizes at most, of rates at least: for the ratio, or for ours itself.
  std::optional<double> goal = {};
  std::optional<double> goal_of_ours = {};
  bool less_is_better = false;  // times and sizes
  // Why the ceiling must not be compared with; empty: it may be.
  std::string invalid = {};

  // Ours to the ceiling, or to the peer where there is no ceiling.
  std::optional<double> ratio() const;
};

// The middle one; of an even number the mean of the two in the middle. Not of none.
double Median(std::vector<double> values);

// A table for people, or a JSON list with the fields workload, unit, ours, ceiling, peer, ratio,
// goal (null: there is none); an invalid ratio is the text "INVALID".
std::string TableOf(const std::vector<Result>& results);
std::string JsonOf(const std::vector<Result>& results);

}  // namespace gatelog::bench
