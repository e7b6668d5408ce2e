#include "core/retention/retention.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace gatelog::core {
namespace {

constexpr char kGateway[] = "retention";  // who asked, in the entries of what nobody asked for

}  // namespace

Retention::Retention(ports::RetentionStore& store, Executor& writer, TimedExecutor& loop,
                     const Clock& clock, Options options)
    : store_(store), writer_(writer), loop_(loop), clock_(clock), options_(options) {}

void Retention::Start() { Tick(); }

void Retention::Tick() {
  Prune({}, kGateway, [](const absl::StatusOr<ports::Pruned>&) {});
  loop_.PostAfter(options_.interval, [this] { Tick(); });
}

std::optional<Timestamp> Retention::LimitOf(const Wish& wish, std::uint32_t days_kept) const {
  if (wish.before) return wish.before;
  const std::uint32_t days = wish.days.value_or(days_kept);
  if (days == 0) return std::nullopt;
  return clock_.Now() - std::chrono::days(days);
}

ports::PruneLimits Retention::LimitsOf(const Wishes& wishes) const {
  ports::PruneLimits limits{LimitOf(wishes.events, options_.events_days),
                            LimitOf(wishes.images, options_.images_days),
                            LimitOf(wishes.people, options_.people_days)};
  // No limit is less than any.
  limits.images_before = std::max(limits.images_before, limits.people_before);
  return limits;
}

absl::StatusOr<ports::Pruned> Retention::Preview(const Wishes& wishes) {
  return store_.PreviewPrune(LimitsOf(wishes));
}

void Retention::Prune(const Wishes& wishes, std::string by, Reply reply) {
  Step(std::make_shared<Run>(Run{
      .limits = LimitsOf(wishes), .by = std::move(by), .pruned = {}, .reply = std::move(reply)}));
}

void Retention::Step(std::shared_ptr<Run> run) {
  writer_.Post([this, run = std::move(run)]() mutable {
    absl::StatusOr<ports::RetentionStore::Step> step = store_.PruneSome(run->limits, run->by);
    // By way of the loop, so that nothing new begins once that has stopped.
    loop_.Post([this, run = std::move(run), step = std::move(step)]() mutable {
      if (step.ok()) run->pruned.Add(step->pruned);
      if (step.ok() && step->more) return Step(std::move(run));
      End(*run, step.status());
    });
  });
}

void Retention::End(Run& run, const absl::Status& status) {
  if (run.pruned.segments > 0) {
    LogInfo("What is older than it is kept was pruned from the store.",
            {{"events", run.pruned.events},
             {"images", run.pruned.images},
             {"events_without_person", run.pruned.people},
             {"by", run.by}});
    on_pruned_();
  }
  if (!status.ok()) {
    if (run.by == kGateway) {
      LogWarn("The store could not be pruned; it is tried again.", {{"error", status.ToString()}});
    }
    return run.reply(status);
  }
  run.reply(run.pruned);
}

}  // namespace gatelog::core
