#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "apps/gatelog/event_count.h"
#include "apps/gatelog/event_export.h"
#include "apps/gatelog/event_pages.h"
#include "apps/gatelog/event_tail.h"
#include "apps/gatelog/event_view.h"
#include "apps/gatelog/failure.h"
#include "apps/gatelog/filter_words.h"
#include "apps/gatelog/session.h"
#include "base/status_macros.h"

namespace gatelog::cli {
namespace {

constexpr std::uint64_t kQueryLimitDefault = 1'000;

struct QueryOptions {
  std::uint64_t limit = kQueryLimitDefault;
  bool newest = false;
};

absl::Status Query(Session& session, const v1::Filter& filter, const QueryOptions& options) {
  GATELOG_ASSIGN_OR_RETURN(Connection * gateway, session.gateway());
  const Interrupt::Watch watch(session.interrupt());
  RecordWriter writer = session.Writer(StoredEventLayout(session.TimeTitle("TIME")));
  EventPages pages(session, *gateway, filter, options.newest, options.limit);
  bool more = false;
  while (!more) {
    GATELOG_ASSIGN_OR_RETURN(const v1::QueryResponse page, pages.Next());
    if (page.events().empty()) break;
    for (const v1::StoredEvent& event : page.events()) {
      more = options.limit != 0 && writer.count() == options.limit;
      if (more) break;
      GATELOG_RETURN_IF_ERROR(writer.Add(StoredEventRecord(event, session.zone())));
    }
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

// A verb that works on the events that pass a filter: `run(filter)`.
template <typename Run>
void RunOnFilter(CLI::App& verb, Session& session, Run run) {
  auto words = std::make_shared<FilterWords>();
  AddFilterOptions(verb, *words);
  verb.callback([&session, words, run] {
    session.run = [&session, words, run]() -> absl::Status {
      GATELOG_ASSIGN_OR_RETURN(const v1::Filter filter,
                               BuildFilter(*words, absl::Now(), session.zone()));
      return run(filter);
    };
  });
}

void AddQuery(CLI::App& noun, Session& session) {
  CLI::App* query = AddVerb(noun, "query", "Find stored events",
                            "  gatelog event query --code denied --since today\n"
                            "  gatelog event query --user 1042 --newest --limit 10\n"
                            "  gatelog event query --category door --level alarm --door 3\n"
                            "  gatelog event query --temperature 37.5.. --since yesterday\n"
                            "  gatelog event query --device 541000001 --since yesterday "
                            "--until today --limit 0 -o csv\n");
  auto options = std::make_shared<QueryOptions>();
  query->add_option("--limit", options->limit, "at most so many events; 0: all")
      ->capture_default_str();
  query->add_flag("--newest", options->newest,
                  "the last stored first (default: in the order in which they were stored)");
  RunOnFilter(*query, session, [&session, options](const v1::Filter& filter) {
    return Query(session, filter, *options);
  });
}

void AddCount(CLI::App& noun, Session& session) {
  CLI::App* count =
      AddVerb(noun, "count", "Count stored events, in all or by hour, code, user and more",
              "  gatelog event count --by code --since today\n"
              "  gatelog event count --by hour,code --code denied --since yesterday\n"
              "  gatelog event count --by day,user --zone Europe/Berlin -o csv\n"
              "  gatelog event count --by door --since \"7 days ago\"\n");
  auto by = std::make_shared<std::vector<std::string>>();
  count
      ->add_option("--by", *by,
                   "one number each: hour or day, code, sub-code, category, device, user, door; "
                   "several with commas between (default: one number for all)")
      ->delimiter(',')
      ->expected(1)
      ->take_all();
  RunOnFilter(*count, session, [&session, by](const v1::Filter& filter) {
    return CountEvents(session, filter, *by);
  });
}

void AddTail(CLI::App& noun, Session& session) {
  CLI::App* tail = AddVerb(noun, "tail", "The last stored events, and with -f those to come",
                           "  gatelog event tail\n"
                           "  gatelog event tail -f --code \"forced open\"\n"
                           "  gatelog event tail -n 0 -f -o jsonl\n"
                           "  gatelog event tail -f --cursor siem.cursor -o jsonl >> siem.jsonl\n");
  auto options = std::make_shared<TailOptions>();
  tail->add_option("-n,--lines", options->count, "how many of the last stored events")
      ->capture_default_str();
  tail->add_flag("-f,--follow", options->follow, "go on with every event as it is stored");
  tail->add_option(
          "--cursor", options->cursor_file,
          "with -f: keep in this file how far the events were shown, and go on from there; "
          "the first time from the oldest event on")
      ->type_name("FILE");
  RunOnFilter(*tail, session, [&session, options](const v1::Filter& filter) {
    return TailEvents(session, filter, *options);
  });
}

void AddExport(CLI::App& noun, Session& session) {
  CLI::App* verb = AddVerb(noun, "export",
                           "Write every stored event that passes the filter, as CSV or as -o says",
                           "  gatelog event export --since 2026-11-01 --until 2026-12-01 "
                           "--file november.csv\n"
                           "  gatelog event export -o jsonl --category door --file doors.jsonl\n"
                           "  gatelog event export --punches --zone Europe/Berlin "
                           "--since yesterday --until today\n");
  auto options = std::make_shared<ExportOptions>();
  verb->add_option("--file", options->file,
                   "write here; it gets this name when it is whole (default: standard output)")
      ->type_name("FILE");
  verb->add_flag("--punches", options->punches,
                 "for working time: only events in which a person was recognised, as person, day, "
                 "time, T&A key, device");
  verb->add_flag("--tna-only", options->tna_only, "with --punches: only those with a T&A key");
  RunOnFilter(*verb, session, [&session, options](const v1::Filter& filter) {
    return ExportEvents(session, filter, *options);
  });
}

}  // namespace

void AddEventCommands(CLI::App& app, Session& session) {
  CLI::App* noun = app.add_subcommand("event", "The events that are stored");
  noun->require_subcommand(1);
  AddQuery(*noun, session);
  AddCount(*noun, session);
  AddTail(*noun, session);
  AddExport(*noun, session);
}

}  // namespace gatelog::cli
