#include "apps/gatelog/device_view.h"

#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "apps/gatelog/event_view.h"
#include "apps/gatelog/proto_json.h"
#include "apps/gatelog/time_words.h"
#include "model/event_code.h"

namespace gatelog::cli {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

const char* StateWord(v1::LinkState state) {
  switch (state) {
    case v1::LINK_STATE_CONNECTED:
      return "connected";
    case v1::LINK_STATE_CONNECTING:
      return "connecting";
    default:
      return "disconnected";
  }
}

bool Connected(const v1::Device& device) { return device.state() == v1::LINK_STATE_CONNECTED; }

// How long the link has been as it is; empty if that is not known.
std::string SinceWords(const v1::Device& device, std::int64_t now_ms) {
  const std::int64_t since =
      Connected(device) ? device.connected_since_ms() : device.disconnected_since_ms();
  return since == 0 ? "" : FormatDuration(now_ms - since);
}

std::string NewestAge(const v1::Device& device, std::int64_t now_ms) {
  if (!device.has_newest_event()) return "";
  return absl::StrCat(FormatDuration(now_ms - device.newest_event().arrival_ms()), " ago");
}

std::string Note(const v1::Device& device) {
  std::vector<std::string> parts;
  if (device.calls_in()) parts.push_back("calls in");
  if (device.tls()) parts.push_back("TLS");
  if (!device.collected()) parts.push_back("not collected");
  if (!device.kept()) parts.push_back("until restart");
  if (device.clock_drift().beyond_limit()) parts.push_back("its clock is wrong");
  if (!Connected(device) && !device.last_error().empty()) parts.push_back(device.last_error());
  return absl::StrJoin(parts, ", ");
}

std::string ImageWords(const v1::Device& device) {
  std::string words = FormatCount(device.images());
  if (device.images_lag() != 0) absl::StrAppend(&words, " +", FormatCount(device.images_lag()));
  return words;
}

// The device's fields, those of its parts as "clock_drift.last_ms".
std::vector<std::pair<std::string, std::string>> CsvColumns() {
  std::vector<std::pair<std::string, std::string>> columns;
  const google::protobuf::Descriptor& descriptor = *v1::Device::descriptor();
  for (const auto& [name, path] : FieldColumns(descriptor)) {
    const google::protobuf::Descriptor* part = descriptor.FindFieldByName(name)->message_type();
    if (part == nullptr) {
      columns.emplace_back(name, path);
      continue;
    }
    for (const auto& [inner, inner_path] : FieldColumns(*part)) {
      columns.emplace_back(absl::StrCat(name, ".", inner), absl::StrCat(path, inner_path));
    }
  }
  return columns;
}

std::string LogWords(const v1::Device& device) {
  if (device.last_id() == 0) return "empty, or not known";
  if (device.first_id() == 0) return absl::StrCat("empty; last ID ", device.last_id());
  return absl::StrCat("IDs ", device.first_id(), " to ", device.last_id());
}

std::string YesNo(bool value) { return value ? "yes" : "no"; }

std::string LinkWords(const v1::Device& device) {
  return absl::StrCat(
      device.calls_in() ? "the device calls the gateway" : "the gateway calls the device",
      device.tls() ? ", over TLS" : "");
}

std::string StateWords(const v1::Device& device, std::int64_t now_ms, absl::TimeZone zone) {
  std::string state = StateWord(device.state());
  const std::int64_t since =
      Connected(device) ? device.connected_since_ms() : device.disconnected_since_ms();
  if (since != 0) {
    absl::StrAppend(&state, " since ", FormatMilliseconds(since, zone), " (",
                    FormatDuration(now_ms - since), ")");
  }
  return state;
}

std::string NewestWords(const v1::Device& device) {
  if (!device.has_newest_event()) return "";
  const v1::NewestEvent& newest = device.newest_event();
  gsdk::event::EventLog event;
  event.set_userid(newest.user_id());
  event.set_entityid(newest.entity_id());
  event.set_eventcode(newest.event_code());
  const std::string subject = EventSubject(event);
  return absl::StrCat("ID ", newest.id(), ", ",
                      model::DescribeEvent(newest.event_code(), newest.sub_code()),
                      subject.empty() ? "" : ", ", subject);
}

std::string NewestTimes(const v1::Device& device, absl::TimeZone zone) {
  if (!device.has_newest_event()) return "";
  const v1::NewestEvent& newest = device.newest_event();
  return absl::StrCat(FormatSeconds(newest.timestamp(), zone), " by the device's clock, arrived ",
                      FormatMilliseconds(newest.arrival_ms(), zone));
}

std::string RetryWords(const v1::Device& device) {
  return absl::StrCat(FormatCount(device.failed_attempts()), " to connect since the last link, ",
                      FormatCount(device.reads_repeated()), " reads");
}

std::string ClockWords(const v1::Device& device) {
  if (!device.has_clock_drift()) return "not measured yet";
  return absl::StrCat(DriftWords(device), " against the gateway's, furthest ",
                      FormatDrift(device.clock_drift().largest_ms()),
                      device.clock_drift().beyond_limit() ? "; set the device's clock" : "");
}

std::string ImageCountWords(const v1::Device& device) {
  return absl::StrCat(FormatCount(device.images()), " of ", FormatCount(device.images_wanted()),
                      " stored, ", FormatCount(device.images_lag()), " to come, ",
                      FormatCount(device.images_absent()), " not on the device");
}

std::string ErrorWords(const v1::Device& device, absl::TimeZone zone) {
  if (device.last_error().empty()) return "";
  return absl::StrCat(device.last_error(), " (", FormatMilliseconds(device.last_error_ms(), zone),
                      ")");
}

}  // namespace

std::string DriftWords(const v1::Device& device) {
  return device.has_clock_drift() ? FormatDrift(device.clock_drift().last_ms()) : "";
}

Layout DeviceLayout() {
  return {{{"DEVICE", true},
           {"ADDRESS"},
           {"STATE", false, true},
           {"SINCE", true},
           {"LAST EVENT", true},
           {"STORED", true},
           {"LAG", true},
           {"MISSING", true},
           {"IMAGES", true},
           {"CLOCK", true},
           {"NOTE"}},
          CsvColumns()};
}

Record DeviceRecord(const v1::Device& device, std::int64_t now_ms) {
  return {{absl::StrCat(device.device_id()), device.address(), StateWord(device.state()),
           SinceWords(device, now_ms), NewestAge(device, now_ms), FormatCount(device.stored()),
           FormatCount(device.lag()), FormatCount(device.missing()), ImageWords(device),
           DriftWords(device), Note(device)},
          ToJson(device),
          Connected(device) ? Tone::kPlain : Tone::kAlert};
}

Pairs DevicePairs(const v1::Device& device, std::int64_t now_ms, absl::TimeZone zone) {
  return {{"device", absl::StrCat(device.device_id())},
          {"address", device.address()},
          {"linked by", LinkWords(device)},
          {"state", StateWords(device, now_ms, zone)},
          {"last error", ErrorWords(device, zone)},
          {"retries", RetryWords(device)},
          {"model", device.model_name()},
          {"firmware", device.firmware_version()},
          {"clock", ClockWords(device)},
          {"collected", YesNo(device.collected())},
          {"monitored", YesNo(device.monitored())},
          {"kept over restarts", YesNo(device.kept())},
          {"log on the device", LogWords(device)},
          {"epoch", absl::StrCat(device.epoch())},
          {"next ID to store", absl::StrCat(device.next_id())},
          {"last event", NewestWords(device)},
          {"its time", NewestTimes(device, zone)},
          {"lag", FormatCount(device.lag())},
          {"stored", FormatCount(device.stored())},
          {"missing", absl::StrCat(FormatCount(device.missing()), " in ",
                                   FormatCount(device.gaps()), " gaps")},
          {"images", ImageCountWords(device)}};
}

}  // namespace gatelog::cli
