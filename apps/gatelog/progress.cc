#include "apps/gatelog/progress.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "apps/gatelog/escape.h"
#include "apps/gatelog/output.h"

namespace gatelog::cli {
namespace {

constexpr std::size_t kBarWidth = 24;
constexpr double kSmoothing = 0.3;  // weight of the newest reading

std::string Bar(double percent) {
  const auto filled = static_cast<std::size_t>(percent / 100.0 * kBarWidth);
  std::string bar;
  for (std::size_t i = 0; i < kBarWidth; ++i) bar += i < filled ? "█" : "░";
  return bar;
}

std::string StateWords(const v1::Device& device) {
  if (device.state() == v1::LINK_STATE_CONNECTED) return "";
  std::string words = device.state() == v1::LINK_STATE_CONNECTING ? "connecting" : "not connected";
  if (!device.last_error().empty()) absl::StrAppend(&words, ": ", EscapeText(device.last_error()));
  return words;
}

std::string RateWords(double rate) {
  return rate < 0.5 ? "" : FormatCount(static_cast<std::uint64_t>(std::llround(rate))) + "/s";
}

}  // namespace

Progress ProgressOf(const v1::Device& device) {
  Progress progress;
  progress.known = device.last_id() != 0;
  if (device.first_id() != 0 && device.last_id() >= device.first_id()) {
    progress.held = std::uint64_t{device.last_id()} - device.first_id() + 1;
  }
  progress.done = progress.held - std::min<std::uint64_t>(device.lag(), progress.held);
  if (progress.done == progress.held && device.lag() == 0) {
    progress.percent = progress.known ? 100 : 0;
  } else if (progress.held > 0) {
    // Rounding must not show 100 while something is left.
    progress.percent = std::min(
        99.9, 100.0 * static_cast<double>(progress.done) / static_cast<double>(progress.held));
  }
  return progress;
}

bool IsStored(const v1::Device& device) {
  if (!device.collected()) return true;
  return device.state() == v1::LINK_STATE_CONNECTED && device.lag() == 0;
}

void RateMeter::Read(const v1::Device& device, std::chrono::steady_clock::time_point now) {
  const auto [place, first] =
      readings_.try_emplace(device.device_id(), Reading{device.stored(), now, 0});
  Reading& last = place->second;
  const double seconds = std::chrono::duration<double>(now - last.at).count();
  if (first || seconds <= 0) return;
  const std::uint64_t grown = device.stored() - std::min(device.stored(), last.stored);
  const double rate = static_cast<double>(grown) / seconds;
  last = {device.stored(), now,
          last.rate == 0 ? rate : kSmoothing * rate + (1 - kSmoothing) * last.rate};
}

double RateMeter::RateOf(std::uint32_t device) const {
  const auto found = readings_.find(device);
  return found == readings_.end() ? 0 : found->second.rate;
}

std::string ProgressLine(const v1::Device& device, double rate, std::size_t width) {
  const Progress progress = ProgressOf(device);
  std::string line = absl::StrFormat("%10u  ", device.device_id());
  if (!device.collected()) {
    line += "not collected";
  } else if (!progress.known) {
    const std::string state = StateWords(device);
    line += state.empty() ? "its log is empty or not yet known" : state;
  } else {
    absl::StrAppendFormat(&line, "%s %3d%%  %s of %s", Bar(progress.percent),
                          static_cast<int>(progress.percent), FormatCount(progress.done),
                          FormatCount(progress.held));
    for (const std::string& part : {RateWords(rate), StateWords(device)}) {
      if (!part.empty()) absl::StrAppend(&line, "  ", part);
    }
  }
  return Shorten(line, width);
}

std::vector<std::string> ProgressLines(const std::vector<v1::Device>& devices,
                                       const RateMeter& rates, std::size_t width,
                                       std::size_t height) {
  std::vector<const v1::Device*> shown;
  for (const v1::Device& device : devices) shown.push_back(&device);
  const std::size_t room = std::max<std::size_t>(height, 2);
  const bool all = shown.size() <= room;
  if (!all) {
    std::stable_partition(shown.begin(), shown.end(),
                          [](const v1::Device* d) { return !IsStored(*d); });
    shown.resize(room - 1);
  }
  std::vector<std::string> lines;
  for (const v1::Device* device : shown) {
    lines.push_back(ProgressLine(*device, rates.RateOf(device->device_id()), width));
  }
  if (all) return lines;
  double rate = 0;
  std::uint64_t stored = 0;
  for (const v1::Device& device : devices) {
    rate += rates.RateOf(device.device_id());
    stored += device.stored();
  }
  const auto finished = std::ranges::count_if(devices, IsStored);
  const std::string speed = RateWords(rate);
  lines.push_back(
      Shorten(absl::StrCat(finished, " of ", devices.size(), " devices stored whole, ",
                           FormatCount(stored), " events", speed.empty() ? "" : ", ", speed),
              width));
  return lines;
}

}  // namespace gatelog::cli
