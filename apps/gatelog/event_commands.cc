#include <algorithm>
#include <chrono>
#include <vector>

#include "absl/strings/str_cat.h"
#include "apps/gatelog/code_words.h"
#include "apps/gatelog/event_tail.h"
#include "apps/gatelog/event_view.h"
#include "apps/gatelog/failure.h"
#include "apps/gatelog/session.h"
#include "apps/gatelog/time_words.h"
#include "base/status_macros.h"

namespace gatelog::cli {
namespace {

constexpr std::uint64_t kQueryLimitDefault = 1'000;
constexpr std::uint64_t kTailDefault = 20;

// The filters as they were typed.
struct FilterWords {
  std::vector<std::uint32_t> devices;
  std::vector<std::uint32_t> log_devices;
  std::vector<std::string> users;
  std::vector<std::string> codes;
  std::string since;
  std::string until;
};

struct QueryOptions {
  FilterWords filter;
  std::uint64_t limit = kQueryLimitDefault;
  bool newest = false;
};

struct TailOptions {
  FilterWords filter;
  std::uint64_t count = kTailDefault;
  bool follow = false;
};

absl::StatusOr<EventFilter> BuildFilter(const FilterWords& words, absl::TimeZone zone) {
  EventFilter filter;
  GATELOG_ASSIGN_OR_RETURN(filter.codes, ParseCodeWords(words.codes));
  v1::Filter& asked = filter.asked;
  asked.mutable_device_ids()->Add(words.devices.begin(), words.devices.end());
  asked.mutable_log_device_ids()->Add(words.log_devices.begin(), words.log_devices.end());
  for (const std::string& user : words.users) asked.add_user_ids(user);
  for (const std::uint32_t code : filter.codes.main_codes()) asked.add_event_codes(code);
  const absl::Time now = absl::Now();
  if (!words.since.empty()) {
    GATELOG_ASSIGN_OR_RETURN(const std::int64_t from, ParseTimeWords(words.since, now, zone));
    asked.set_from_s(from);
  }
  if (!words.until.empty()) {
    GATELOG_ASSIGN_OR_RETURN(const std::int64_t to, ParseTimeWords(words.until, now, zone));
    asked.set_to_s(to);
  }
  if (asked.from_s() != 0 && asked.to_s() != 0 && asked.from_s() >= asked.to_s()) {
    return UsageError("--since must be earlier than --until.");
  }
  return filter;
}

absl::Status Query(Session& session, const QueryOptions& options) {
  GATELOG_ASSIGN_OR_RETURN(const EventFilter filter, BuildFilter(options.filter, session.zone()));
  GATELOG_ASSIGN_OR_RETURN(Connection * gateway, session.gateway());
  const Interrupt::Watch watch(session.interrupt());
  RecordWriter writer = session.Writer(StoredEventLayout(session.utc));
  EventPages pages(session, *gateway, filter, options.newest, options.limit);
  bool more = false;
  while (true) {
    GATELOG_ASSIGN_OR_RETURN(const auto page, pages.Next());
    if (page.empty()) break;
    for (const v1::StoredEvent& event : page) {
      if (options.limit != 0 && writer.count() == options.limit) {
        more = true;
        break;
      }
      GATELOG_RETURN_IF_ERROR(writer.Add(StoredEventRecord(event, session.zone())));
    }
    if (more) break;
  }
  GATELOG_RETURN_IF_ERROR(writer.Finish());
  if (writer.count() == 0) session.Say("No stored event fits.");
  if (more) {
    session.Say(absl::StrCat(options.newest ? "These are the newest " : "These are the first ",
                             FormatCount(writer.count()), "; there are more. --limit 0 shows all",
                             options.newest ? "." : ", --newest the latest first."));
  }
  return absl::OkStatus();
}

void AddFilterOptions(CLI::App& verb, FilterWords& words) {
  verb.add_option("--device", words.devices, "where it happened (repeatable)")
      ->expected(1)
      ->take_all();
  verb.add_option("--log-device", words.log_devices,
                  "in whose log it stands, with the slaves' events (repeatable)")
      ->expected(1)
      ->take_all();
  verb.add_option("--user", words.users, "user ID (repeatable)")->expected(1)->take_all();
  verb.add_option("--code", words.codes,
                  "0x1300, 4864, 0x1300/3, a name, or words of its meaning: denied (repeatable)")
      ->expected(1)
      ->take_all();
  verb.add_option("--since", words.since,
                  "from this time on, by the device's clock: \"2026-11-23 08:00\", \"2 hours "
                  "ago\", today");
  verb.add_option("--until", words.until, "before this time");
}

}  // namespace

void AddEventCommands(CLI::App& app, Session& session) {
  CLI::App* noun = app.add_subcommand("event", "The events that are stored");
  noun->require_subcommand(1);

  auto query_options = std::make_shared<QueryOptions>();
  CLI::App* query = AddVerb(*noun, "query", "Find stored events",
                            "  gatelog event query --code denied --since today\n"
                            "  gatelog event query --user 1042 --newest --limit 10\n"
                            "  gatelog event query --device 541000001 --since yesterday "
                            "--until today --limit 0 -o csv\n");
  AddFilterOptions(*query, query_options->filter);
  query->add_option("--limit", query_options->limit, "at most so many; 0: all")
      ->capture_default_str();
  query->add_flag("--newest", query_options->newest, "latest first");
  query->callback([&session, query_options] {
    session.run = [&session, query_options] { return Query(session, *query_options); };
  });

  auto tail_options = std::make_shared<TailOptions>();
  CLI::App* tail = AddVerb(*noun, "tail", "The last stored events, and with -f those to come",
                           "  gatelog event tail\n"
                           "  gatelog event tail -f --code \"forced open\"\n"
                           "  gatelog event tail -n 0 -f -o jsonl\n");
  AddFilterOptions(*tail, tail_options->filter);
  tail->add_option("-n,--lines", tail_options->count, "how many of the last")
      ->capture_default_str();
  tail->add_flag("-f,--follow", tail_options->follow, "go on with every event as it is stored");
  tail->callback([&session, tail_options] {
    session.run = [&session, tail_options]() -> absl::Status {
      GATELOG_ASSIGN_OR_RETURN(const EventFilter filter,
                               BuildFilter(tail_options->filter, session.zone()));
      return TailEvents(session, filter, tail_options->count, tail_options->follow);
    };
  });
}

}  // namespace gatelog::cli
