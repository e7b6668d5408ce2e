#include <vector>

#include "absl/strings/str_cat.h"
#include "apps/gatelog/proto_json.h"
#include "apps/gatelog/session.h"
#include "apps/gatelog/time_words.h"
#include "base/status_macros.h"

namespace gatelog::cli {
namespace {

constexpr std::uint32_t kGapPageSize = 10'000;

Layout GapLayout() {
  return {{{"DEVICE", true},
           {"EPOCH", true},
           {"FIRST", true},
           {"LAST", true},
           {"RECORDS", true},
           {"REASON"},
           {"FOUND"}},
          {{"log_device_id", "/log_device_id"},
           {"epoch", "/epoch"},
           {"first_id", "/first_id"},
           {"last_id", "/last_id"},
           {"reason", "/reason"},
           {"found_ms", "/found_ms"},
           {"raw", "/raw"}}};
}

const char* ReasonWords(v1::GapReason reason) {
  switch (reason) {
    case v1::GAP_REASON_OVERWRITTEN:
      return "overwritten before it was read";
    case v1::GAP_REASON_CLEARED:
      return "log cleared before it was read";
    case v1::GAP_REASON_ABSENT:
      return "absent from the device's log";
    case v1::GAP_REASON_UNREADABLE:
      return "unreadable, bytes kept";
    case v1::GAP_REASON_UNVERIFIED:
      return "cannot be told";
    default:
      return "unknown reason";
  }
}

Record GapRecord(const v1::Gap& gap, absl::TimeZone zone) {
  const std::uint64_t records = std::uint64_t{gap.last_id()} - gap.first_id() + 1;
  return {{absl::StrCat(gap.log_device_id()), absl::StrCat(gap.epoch()),
           absl::StrCat(gap.first_id()), absl::StrCat(gap.last_id()), FormatCount(records),
           ReasonWords(gap.reason()), FormatMilliseconds(gap.found_ms(), zone)},
          ToJson(gap)};
}

absl::Status List(Session& session, const std::vector<std::uint32_t>& devices) {
  GATELOG_ASSIGN_OR_RETURN(Connection * gateway, session.gateway());
  RecordWriter writer = session.Writer(GapLayout());
  v1::ListGapsRequest request;
  request.mutable_log_device_ids()->Add(devices.begin(), devices.end());
  request.set_page_size(kGapPageSize);
  do {
    GATELOG_ASSIGN_OR_RETURN(
        const v1::ListGapsResponse response,
        gateway->Call(gateway->events(), &v1::Events::Stub::ListGaps, request));
    for (const v1::Gap& gap : response.gaps()) {
      GATELOG_RETURN_IF_ERROR(writer.Add(GapRecord(gap, session.zone())));
    }
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  if (writer.count() == 0) session.Say("No gaps: nothing is missing.");
  return writer.Finish();
}

}  // namespace

void AddGapCommands(CLI::App& app, Session& session) {
  CLI::App* noun = app.add_subcommand("gap", "Records that are known to be missing, and why");
  noun->require_subcommand(1);
  auto devices = std::make_shared<std::vector<std::uint32_t>>();
  CLI::App* list = AddVerb(*noun, "list", "Every gap in what is stored",
                           "  gatelog gap list\n"
                           "  gatelog gap list --device 541000001 -o csv\n");
  list->add_option("--device", *devices, "only the logs of these devices");
  list->callback([&session, devices] {
    session.run = [&session, devices] { return List(session, *devices); };
  });
}

}  // namespace gatelog::cli
