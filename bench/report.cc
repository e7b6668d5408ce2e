#include "bench/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace gatelog::bench {
namespace {

constexpr char kInvalid[] = "INVALID";

std::string Figure(const std::optional<double>& value) {
  if (!value) return "-";
  if (*value >= 1'000) return fmt::format("{:.0f}", *value);
  return fmt::format("{:.3g}", *value);
}

std::string RatioText(const Result& result) {
  if (!result.invalid.empty()) return kInvalid;
  return result.ratio() ? fmt::format("{:.2f}", *result.ratio()) : "-";
}

std::string GoalText(const Result& result) {
  const std::optional<double>& goal = result.goal ? result.goal : result.goal_of_ours;
  if (!goal) return "-";
  return fmt::format("{} {:g}{}", result.less_is_better ? "<=" : ">=", *goal,
                     result.goal ? "" : " " + result.unit);
}

nlohmann::json JsonOf(const std::optional<double>& value) {
  return value ? nlohmann::json(*value) : nlohmann::json(nullptr);
}

}  // namespace

std::optional<double> Result::ratio() const {
  const std::optional<double>& other = ceiling ? ceiling : peer;
  if (!other || *other == 0) return std::nullopt;
  return ours / *other;
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

std::string TableOf(const std::vector<Result>& results) {
  std::size_t width = std::string_view("workload").size();
  for (const Result& result : results) width = std::max(width, result.workload.size());
  std::string table = fmt::format("{:{}}  {:>10}  {:>10}  {:>10}  {:>8}  {:>16}  {}\n", "workload",
                                  width, "ours", "ceiling", "peer", "ratio", "goal", "unit");
  for (const Result& result : results) {
    table += fmt::format("{:{}}  {:>10}  {:>10}  {:>10}  {:>8}  {:>16}  {}\n", result.workload,
                         width, Figure(result.ours), Figure(result.ceiling), Figure(result.peer),
                         RatioText(result), GoalText(result), result.unit);
    if (!result.invalid.empty()) table += fmt::format("{:{}}  {}\n", "", width, result.invalid);
  }
  return table;
}

std::string JsonOf(const std::vector<Result>& results) {
  nlohmann::json list = nlohmann::json::array();
  for (const Result& result : results) {
    nlohmann::json entry = {{"workload", result.workload},
                            {"unit", result.unit},
                            {"ours", result.ours},
                            {"ceiling", JsonOf(result.ceiling)},
                            {"peer", JsonOf(result.peer)},
                            {"ratio", JsonOf(result.ratio())},
                            {"goal", JsonOf(result.goal ? result.goal : result.goal_of_ours)}};
    if (!result.invalid.empty()) {
      entry["ratio"] = kInvalid;
      entry["reason"] = result.invalid;
    }
    list.push_back(std::move(entry));
  }
  return list.dump(2) + "\n";
}

}  // namespace gatelog::bench
