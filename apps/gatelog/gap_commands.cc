#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "apps/gatelog/counted.h"
#include "apps/gatelog/failure.h"
#include "apps/gatelog/proto_json.h"
#include "apps/gatelog/session.h"
#include "apps/gatelog/time_options.h"
#include "apps/gatelog/time_words.h"
#include "base/status_macros.h"

namespace gatelog::cli {
namespace {

constexpr std::uint32_t kGapPageSize = 10'000;

Layout GapLayout(const std::string& found_title) {
  return {{{"DEVICE", true},
           {"EPOCH", true},
           {"FIRST", true},
           {"LAST", true},
           {"RECORDS", true},
           {"REASON"},
           {found_title}},
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

std::uint64_t RecordsIn(const v1::Gap& gap) {
  return std::uint64_t{gap.last_id()} - gap.first_id() + 1;
}

Record GapRecord(const v1::Gap& gap, absl::TimeZone zone) {
  return {{absl::StrCat(gap.log_device_id()), absl::StrCat(gap.epoch()),
           absl::StrCat(gap.first_id()), absl::StrCat(gap.last_id()), FormatCount(RecordsIn(gap)),
           ReasonWords(gap.reason()), FormatMilliseconds(gap.found_ms(), zone)},
          ToJson(gap)};
}

struct GapWords {
  std::vector<std::uint32_t> devices;
  std::vector<std::string> reasons;
  TimeText since;
  TimeText until;
  std::uint32_t epoch = 0;
};

// Which gaps are meant, of those that the gateway lists.
struct GapFilter {
  std::set<v1::GapReason> reasons;  // empty: every one
  std::int64_t found_from_ms = 0;
  std::int64_t found_to_ms = 0;  // exclusive; 0: no bound
  std::uint32_t epoch = 0;       // 0: any

  bool Matches(const v1::Gap& gap) const {
    return (reasons.empty() || reasons.contains(gap.reason())) &&
           (epoch == 0 || epoch == gap.epoch()) && gap.found_ms() >= found_from_ms &&
           (found_to_ms == 0 || gap.found_ms() < found_to_ms);
  }
};

absl::StatusOr<v1::GapReason> ParseReason(const std::string& word) {
  constexpr std::pair<const char*, v1::GapReason> kReasons[] = {
      {"overwritten", v1::GAP_REASON_OVERWRITTEN},
      {"cleared", v1::GAP_REASON_CLEARED},
      {"absent", v1::GAP_REASON_ABSENT},
      {"unreadable", v1::GAP_REASON_UNREADABLE},
      {"unverified", v1::GAP_REASON_UNVERIFIED}};
  for (const auto& [name, reason] : kReasons) {
    if (absl::EqualsIgnoreCase(name, word)) return reason;
  }
  return UsageError(absl::StrCat("'", word,
                                 "' is no reason of a gap: overwritten, cleared, absent, "
                                 "unreadable or unverified."));
}

absl::StatusOr<GapFilter> BuildGapFilter(const GapWords& words, absl::TimeZone zone) {
  constexpr std::int64_t kMilliseconds = 1'000;
  GapFilter filter;
  filter.epoch = words.epoch;
  for (const std::string& word : words.reasons) {
    GATELOG_ASSIGN_OR_RETURN(const v1::GapReason reason, ParseReason(word));
    filter.reasons.insert(reason);
  }
  GATELOG_ASSIGN_OR_RETURN(
      const TimeBounds found,
      ParseTimeBounds(words.since, words.until, "--since and --until", absl::Now(), zone));
  filter.found_from_ms = found.from_s * kMilliseconds;
  filter.found_to_ms = found.to_s * kMilliseconds;
  return filter;
}

// A device without gaps is one thing, a number that is no device's another. `with_gaps` are known,
// even if they are not managed any more.
absl::Status CheckKnown(Connection& gateway, const std::vector<std::uint32_t>& devices,
                        const std::set<std::uint32_t>& with_gaps) {
  if (devices.empty()) return absl::OkStatus();
  GATELOG_ASSIGN_OR_RETURN(
      const v1::ListResponse response,
      gateway.Call(gateway.devices(), &v1::Devices::Stub::List, v1::ListRequest()));
  std::set<std::uint32_t> known = with_gaps;
  for (const v1::Device& device : response.devices()) known.insert(device.device_id());
  for (const std::uint32_t device : devices) {
    if (known.contains(device)) continue;
    return Failed(absl::StrCat("The gateway has no device ", device,
                               ". 'gatelog device list' shows those that it has."));
  }
  return absl::OkStatus();
}

absl::Status List(Session& session, const GapWords& words) {
  GATELOG_ASSIGN_OR_RETURN(const GapFilter filter, BuildGapFilter(words, session.zone()));
  GATELOG_ASSIGN_OR_RETURN(Connection * gateway, session.gateway());
  const Interrupt::Watch watch(session.interrupt());
  RecordWriter writer = session.Writer(GapLayout(session.TimeTitle("FOUND")));
  v1::ListGapsRequest request;
  request.mutable_log_device_ids()->Add(words.devices.begin(), words.devices.end());
  request.set_page_size(kGapPageSize);
  std::uint64_t gaps = 0;
  std::set<std::uint32_t> with_gaps;
  std::uint64_t records = 0;
  do {
    if (session.interrupt().requested()) return Interrupted();
    GATELOG_ASSIGN_OR_RETURN(
        const v1::ListGapsResponse response,
        gateway->Call(gateway->events(), &v1::Events::Stub::ListGaps, request));
    for (const v1::Gap& gap : response.gaps()) {
      ++gaps;
      with_gaps.insert(gap.log_device_id());
      if (!filter.Matches(gap)) continue;
      records += RecordsIn(gap);
      GATELOG_RETURN_IF_ERROR(writer.Add(GapRecord(gap, session.zone())));
    }
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  GATELOG_RETURN_IF_ERROR(writer.Finish());
  GATELOG_RETURN_IF_ERROR(CheckKnown(*gateway, words.devices, with_gaps));
  if (gaps == 0) {
    session.Say(words.devices.empty() ? "No gaps: nothing is missing."
                                      : "No gaps in what you named: nothing of it is missing.");
  } else if (writer.count() == 0) {
    session.Say(absl::StrCat("Of ", Counted(gaps, "gap"), " none fits."));
  } else if (session.format() == Format::kTable) {
    session.Say(
        absl::StrCat(Counted(records, "record"), records == 1 ? " is" : " are", " missing."));
  }
  return absl::OkStatus();
}

}  // namespace

void AddGapCommands(CLI::App& app, Session& session) {
  CLI::App* noun = app.add_subcommand("gap", "Records that are known to be missing, and why");
  noun->require_subcommand(1);
  auto words = std::make_shared<GapWords>();
  CLI::App* list = AddVerb(*noun, "list", "Every gap in what is stored",
                           "  gatelog gap list\n"
                           "  gatelog gap list --reason overwritten --since \"7 days ago\"\n"
                           "  gatelog gap list --device 541000001 -o csv\n");
  list->add_option("--device", words->devices,
                   "ID of a device whose log is meant (repeatable; default: all)")
      ->expected(1)
      ->take_all();
  list->add_option(
          "--reason", words->reasons,
          "overwritten, cleared, absent, unreadable or unverified (repeatable; default: all)")
      ->expected(1)
      ->take_all();
  AddTimeOption(*list, "--since", words->since,
                "found at this time or later: today, \"2 hours ago\"");
  AddTimeOption(*list, "--until", words->until, "found before this time");
  list->add_option("--epoch", words->epoch,
                   "epoch of the device's log: 1, and one more each time its counter began anew");
  list->callback(
      [&session, words] { session.run = [&session, words] { return List(session, *words); }; });
}

}  // namespace gatelog::cli
