#include <cstdint>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "apps/gatelog/caller_name.h"
#include "apps/gatelog/failure.h"
#include "apps/gatelog/proto_json.h"
#include "apps/gatelog/prune_words.h"
#include "apps/gatelog/store_verbs.h"
#include "base/status_macros.h"

namespace gatelog::cli {
namespace {

constexpr int kPruneTimeout_s = 60 * 60;  // a segment after the other, between commits
constexpr std::uint32_t kDaysMax = 36'500;

struct PruneOptions {
  PruneWords words;
  bool dry_run = false;
};

absl::Status Prune(Session& session, const PruneOptions& options) {
  GATELOG_ASSIGN_OR_RETURN(v1::PruneRequest request,
                           BuildPruneRequest(options.words, absl::Now(), session.zone()));
  request.set_requested_by(CallerName());
  GATELOG_ASSIGN_OR_RETURN(Connection * gateway, session.gateway());
  const auto call = [&](bool dry_run) {
    request.set_dry_run(dry_run);
    return gateway->Call(gateway->store(), &v1::Store::Stub::Prune, request, kPruneTimeout_s);
  };
  GATELOG_ASSIGN_OR_RETURN(v1::PruneResponse pruned, call(true));
  const bool anything = pruned.segments() > 0;
  if (anything && !options.dry_run) {
    GATELOG_RETURN_IF_ERROR(session.Confirm(
        absl::StrCat("Take out of the store ", DescribePruned(pruned, session.named_zone()),
                     "? It cannot be undone.")));
    GATELOG_ASSIGN_OR_RETURN(pruned, call(false));
  }
  if (session.format() != Format::kTable) {
    return ShowObject(session, ToJson(pruned), FieldColumns(*v1::PruneResponse::descriptor()));
  }
  if (!anything) {
    session.Say("Nothing in the store is both sealed and old enough to go.");
  } else if (options.dry_run) {
    session.Say(absl::StrCat("Would go: ", DescribePruned(pruned, session.named_zone()),
                             ". Nothing was changed."));
  } else {
    session.Say(absl::StrCat("Gone: ", DescribePruned(pruned, session.named_zone()), "."));
  }
  return absl::OkStatus();
}

}  // namespace

void AddStorePrune(CLI::App& noun, Session& session) {
  auto options = std::make_shared<PruneOptions>();
  PruneWords& words = options->words;
  CLI::App* prune = AddVerb(
      noun, "prune", "Take old events, images and people out of the store, or see what would go",
      "  gatelog store prune --dry-run                as the gateway is configured\n"
      "  gatelog store prune --events-days 365 --people-days 90 --images-days 30\n"
      "  gatelog store prune --events-before 2024-01-01 --yes\n");
  const auto add_days = [prune](const char* name, std::optional<std::uint32_t>& days,
                                const char* description) {
    return prune
        ->add_option(
            name, days,
            absl::StrCat(description, "; 0: for ever (default: as the gateway is configured)"))
        ->type_name("DAYS")
        ->check(CLI::Range(std::uint32_t{0}, kDaysMax).description(""));
  };
  CLI::Option* events_days =
      add_days("--events-days", words.events_days, "keep events so many days");
  AddTimeOption(*prune, "--events-before", words.events_before,
                "take out events that arrived before this time")
      ->excludes(events_days);
  CLI::Option* images_days =
      add_days("--images-days", words.images_days, "keep images so many days");
  AddTimeOption(*prune, "--images-before", words.images_before,
                "take out images that arrived before this time")
      ->excludes(images_days);
  CLI::Option* people_days = add_days("--people-days", words.people_days,
                                      "let events tell of people, and keep images, so many days");
  AddTimeOption(*prune, "--people-before", words.people_before,
                "take out what events that arrived before this time tell of people, and images")
      ->excludes(people_days);
  prune->add_flag("--dry-run", options->dry_run, "say what would go, and change nothing");
  prune->callback([&session, options] {
    session.run = [&session, options] { return Prune(session, *options); };
  });
}

}  // namespace gatelog::cli
