#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "apps/gatelog/caller_name.h"
#include "apps/gatelog/failure.h"
#include "apps/gatelog/proto_json.h"
#include "apps/gatelog/store_verbs.h"
#include "apps/gatelog/time_words.h"
#include "base/status_macros.h"

namespace gatelog::cli {
namespace {

constexpr int kPruneTimeout_s = 60 * 60;  // a segment after the other, between commits
constexpr std::uint32_t kDaysMax = 36'500;
constexpr std::int64_t kMillisecondsPerSecond = 1'000;

struct PruneOptions {
  std::optional<std::uint32_t> events_days;
  std::optional<std::uint32_t> images_days;
  std::optional<std::uint32_t> people_days;
  std::string events_before;
  std::string images_before;
  std::string people_before;
  bool dry_run = false;
};

absl::StatusOr<std::int64_t> Milliseconds(const std::string& words) {
  GATELOG_ASSIGN_OR_RETURN(const std::int64_t seconds,
                           ParseTimeWords(words, absl::Now(), absl::LocalTimeZone()));
  return seconds * kMillisecondsPerSecond;
}

absl::StatusOr<v1::PruneRequest> RequestOf(const PruneOptions& options) {
  v1::PruneRequest request;
  if (options.events_days) request.set_events_days(*options.events_days);
  if (options.images_days) request.set_images_days(*options.images_days);
  if (!options.events_before.empty()) {
    GATELOG_ASSIGN_OR_RETURN(const std::int64_t before, Milliseconds(options.events_before));
    request.set_events_before_ms(before);
  }
  if (!options.images_before.empty()) {
    GATELOG_ASSIGN_OR_RETURN(const std::int64_t before, Milliseconds(options.images_before));
    request.set_images_before_ms(before);
  }
  if (options.people_days) request.set_people_days(*options.people_days);
  if (!options.people_before.empty()) {
    GATELOG_ASSIGN_OR_RETURN(const std::int64_t before, Milliseconds(options.people_before));
    request.set_people_before_ms(before);
  }
  request.set_requested_by(CallerName());
  return request;
}

std::string WordsOf(const v1::PruneResponse& pruned) {
  constexpr std::uint64_t kMiB = 1024 * 1024;
  return absl::StrCat(FormatCount(pruned.events()), " events, ", FormatCount(pruned.images()),
                      " images, and what ", FormatCount(pruned.people()),
                      " events tell of people, in ", FormatCount(pruned.segments()),
                      " segments, about ", FormatCount((pruned.bytes() + kMiB - 1) / kMiB),
                      " MiB, which arrived from ",
                      FormatMilliseconds(pruned.oldest_arrival_ms(), absl::LocalTimeZone()), " to ",
                      FormatMilliseconds(pruned.newest_arrival_ms(), absl::LocalTimeZone()));
}

absl::Status Prune(Session& session, const PruneOptions& options) {
  GATELOG_ASSIGN_OR_RETURN(v1::PruneRequest request, RequestOf(options));
  GATELOG_ASSIGN_OR_RETURN(Connection * gateway, session.gateway());
  const auto call = [&](bool dry_run) {
    request.set_dry_run(dry_run);
    return gateway->Call(gateway->store(), &v1::Store::Stub::Prune, request, kPruneTimeout_s);
  };
  GATELOG_ASSIGN_OR_RETURN(v1::PruneResponse pruned, call(true));
  const bool anything = pruned.segments() > 0;
  if (anything && !options.dry_run) {
    GATELOG_RETURN_IF_ERROR(session.Confirm(
        absl::StrCat("Take out of the store ", WordsOf(pruned), "? It cannot be undone.")));
    GATELOG_ASSIGN_OR_RETURN(pruned, call(false));
  }
  if (session.format() != Format::kTable) {
    return session.out().Write(FormatJsonLine(ToJson(pruned)) + "\n");
  }
  if (!anything) {
    session.Say("Nothing in the store is both sealed and old enough to go.");
  } else if (options.dry_run) {
    session.Say(absl::StrCat("Would go: ", WordsOf(pruned), ". Nothing was changed."));
  } else {
    session.Say(absl::StrCat("Gone: ", WordsOf(pruned), "."));
  }
  return absl::OkStatus();
}

}  // namespace

void AddStorePrune(CLI::App& noun, Session& session) {
  auto options = std::make_shared<PruneOptions>();
  CLI::App* prune = AddVerb(
      noun, "prune", "Take old events, images and people out of the store, or see what would go",
      "  gatelog store prune --dry-run                as the gateway is configured\n"
      "  gatelog store prune --events-days 365 --people-days 90 --images-days 30\n"
      "  gatelog store prune --events-before 2024-01-01 --yes\n");
  CLI::Option* events_days =
      prune->add_option("--events-days", options->events_days, "keep events so long; 0: for ever");
  events_days->check(CLI::Range(std::uint32_t{0}, kDaysMax));
  prune->add_option("--events-before", options->events_before, "events that arrived before go")
      ->excludes(events_days);
  CLI::Option* images_days =
      prune->add_option("--images-days", options->images_days, "keep images so long; 0: for ever");
  images_days->check(CLI::Range(std::uint32_t{0}, kDaysMax));
  prune->add_option("--images-before", options->images_before, "images that arrived before go")
      ->excludes(images_days);
  CLI::Option* people_days = prune->add_option(
      "--people-days", options->people_days,
      "let events tell of people so long, and keep images no longer; 0: for ever");
  people_days->check(CLI::Range(std::uint32_t{0}, kDaysMax));
  prune
      ->add_option("--people-before", options->people_before,
                   "what events that arrived before tell of people goes, and images do")
      ->excludes(people_days);
  prune->add_flag("--dry-run", options->dry_run, "say what would go, and change nothing");
  prune->callback([&session, options] {
    session.run = [&session, options] { return Prune(session, *options); };
  });
}

}  // namespace gatelog::cli
