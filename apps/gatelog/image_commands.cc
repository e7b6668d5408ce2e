#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "apps/gatelog/code_words.h"
#include "apps/gatelog/failure.h"
#include "apps/gatelog/proto_json.h"
#include "apps/gatelog/session.h"
#include "base/status_macros.h"
#include "model/event_code.h"

namespace gatelog::cli {
namespace {

using gsdk::event::Event;
using gsdk::event::ImageFilter;

constexpr std::size_t kImageFilterMax = 32;  // that a device holds
constexpr std::uint32_t kScheduleNever = 0;
constexpr std::uint32_t kScheduleAlways = 1;

struct GetOptions {
  std::uint32_t device = 0;
  std::uint32_t event = 0;
  std::uint32_t epoch = 0;
  std::string file;
};

absl::Status WriteFile(const std::string& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << bytes;
  file.close();
  if (file) return absl::OkStatus();
  return Failed(absl::StrCat("The file ", path, " cannot be written: ", strerror(errno), "."));
}

absl::Status Get(Session& session, const GetOptions& options) {
  GATELOG_ASSIGN_OR_RETURN(Connection * gateway, session.gateway());
  v1::GetImageRequest request;
  request.set_log_device_id(options.device);
  request.set_event_id(options.event);
  request.set_epoch(options.epoch);
  GATELOG_ASSIGN_OR_RETURN(const v1::GetImageResponse response,
                           gateway->Call(gateway->events(), &v1::Events::Stub::GetImage, request));
  const bool piped = options.file.empty() && isatty(STDOUT_FILENO) == 0;
  if (options.file == "-" || piped) return session.out().Write(response.jpeg());
  const std::string path = !options.file.empty()
                               ? options.file
                               : absl::StrCat(options.device, "-", options.event, ".jpg");
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored)) {
    GATELOG_RETURN_IF_ERROR(session.Confirm(absl::StrCat("Replace the file ", path, "?")));
  }
  GATELOG_RETURN_IF_ERROR(WriteFile(path, response.jpeg()));
  session.Say(absl::StrCat("Wrote ", path, ", ", FormatCount(response.jpeg().size()), " bytes."));
  return absl::OkStatus();
}

std::string ScheduleWords(std::uint32_t schedule) {
  if (schedule == kScheduleNever) return "never";
  if (schedule == kScheduleAlways) return "always";
  return absl::StrCat("schedule ", schedule);
}

absl::Status ShowFilters(Session& session, std::uint32_t device) {
  GATELOG_ASSIGN_OR_RETURN(Connection * gateway, session.gateway());
  gsdk::event::GetImageFilterRequest request;
  request.set_deviceid(device);
  GATELOG_ASSIGN_OR_RETURN(const gsdk::event::GetImageFilterResponse response,
                           gateway->Call(gateway->event(), &Event::Stub::GetImageFilter, request));
  RecordWriter writer = session.Writer({{{"CODE"}, {"PICTURES"}, {"MEANING"}},
                                        {{"eventCode", "/eventCode"},
                                         {"scheduleID", "/scheduleID"},
                                         {"description", "/description"}}});
  for (const ImageFilter& filter : response.filters()) {
    const std::string words = model::DescribeEvent(filter.eventcode(), 0);
    Json json = ToJson(filter);
    json["description"] = words;
    GATELOG_RETURN_IF_ERROR(writer.Add(
        {{absl::StrFormat("0x%04X", filter.eventcode()), ScheduleWords(filter.scheduleid()), words},
         std::move(json)}));
  }
  if (writer.count() == 0) {
    session.Say(absl::StrCat("Device ", device, " takes no pictures: it has no image filter."));
  }
  return writer.Finish();
}

// "0x1300", "denied:1" and so on.
absl::Status AddFilters(const std::string& text, std::vector<ImageFilter>* filters) {
  const std::size_t colon = text.rfind(':');
  std::uint32_t schedule = kScheduleAlways;
  if (colon != std::string::npos) {
    GATELOG_ASSIGN_OR_RETURN(schedule, ParseNumber(text.substr(colon + 1), UINT32_MAX));
  }
  GATELOG_ASSIGN_OR_RETURN(const CodeFilter codes, ParseCodeWords({text.substr(0, colon)}));
  // Devices choose by main code alone.
  std::set<std::uint32_t> main_codes = codes.whole;
  for (const auto& [code, sub_code] : codes.pairs) main_codes.insert(code);
  for (const std::uint32_t code : main_codes) {
    ImageFilter filter;
    filter.set_eventcode(code);
    filter.set_scheduleid(schedule);
    filters->push_back(filter);
  }
  return absl::OkStatus();
}

absl::Status SetFilters(Session& session, std::uint32_t device,
                        const std::vector<std::string>& words, bool none) {
  if (words.empty() != none) {
    return UsageError("Name the codes that pictures are wanted for, or --none for no pictures.");
  }
  std::vector<ImageFilter> filters;
  for (const std::string& word : words) GATELOG_RETURN_IF_ERROR(AddFilters(word, &filters));
  if (filters.size() > kImageFilterMax) {
    return UsageError(absl::StrCat("A device holds at most ", kImageFilterMax,
                                   " image filters; these are ", filters.size(), "."));
  }
  GATELOG_ASSIGN_OR_RETURN(Connection * gateway, session.gateway());
  gsdk::event::SetImageFilterRequest request;
  request.set_deviceid(device);
  request.mutable_filters()->Add(filters.begin(), filters.end());
  const auto response = gateway->Call(gateway->event(), &Event::Stub::SetImageFilter, request);
  if (!response.ok()) return response.status();
  session.Say(absl::StrCat("Device ", device, " now has ", filters.size(), " image filter",
                           filters.size() == 1 ? "." : "s."));
  return absl::OkStatus();
}

void AddFilterCommands(CLI::App& noun, Session& session) {
  CLI::App* filter = noun.add_subcommand("filter", "Which events a device takes a picture of");
  filter->require_subcommand(1);
  auto device = std::make_shared<std::uint32_t>();
  CLI::App* get = AddVerb(*filter, "get", "Show a device's image filters",
                          "  gatelog image filter get 541000001\n");
  get->add_option("ID", *device, "the device's ID")->required();
  get->callback([&session, device] {
    session.run = [&session, device] { return ShowFilters(session, *device); };
  });

  auto words = std::make_shared<std::vector<std::string>>();
  auto none = std::make_shared<bool>(false);
  CLI::App* set = AddVerb(*filter, "set", "Replace a device's image filters",
                          "  gatelog image filter set 541000001 0x1300 denied:1\n"
                          "  gatelog image filter set 541000001 --none\n");
  set->add_option("ID", *device, "the device's ID")->required();
  set->add_option("CODE[:SCHEDULE]", *words,
                  "at which events: a code, its name or words of its meaning; and when: 1 always "
                  "(default), 0 never");
  set->add_flag("--none", *none, "take no pictures");
  set->callback([&session, device, words, none] {
    session.run = [&session, device, words, none] {
      return SetFilters(session, *device, *words, *none);
    };
  });
}

}  // namespace

void AddImageCommands(CLI::App& app, Session& session) {
  CLI::App* noun = app.add_subcommand("image", "Pictures that devices took");
  noun->require_subcommand(1);
  auto options = std::make_shared<GetOptions>();
  CLI::App* get = AddVerb(*noun, "get", "Save the picture of a stored event as JPEG",
                          "  gatelog image get 541000001 1042\n"
                          "  gatelog image get 541000001 1042 --file door.jpg\n"
                          "  gatelog image get 541000001 1042 > door.jpg\n");
  get->add_option("DEVICE", options->device, "ID of the device whose log has the event")
      ->required();
  get->add_option("EVENT_ID", options->event, "the event's ID in that log")->required();
  get->add_option("--file", options->file,
                  "where to; '-': standard output (default: DEVICE-EVENT_ID.jpg, or standard "
                  "output when it is no terminal)")
      ->type_name("FILE");
  get->add_option("--epoch", options->epoch,
                  "epoch of the device's log (default: the latest that has the picture)");
  get->callback([&session, options] {
    session.run = [&session, options] { return Get(session, *options); };
  });
  AddFilterCommands(*noun, session);
}

}  // namespace gatelog::cli
