#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/executor.h"
#include "ports/retention_store.h"

namespace gatelog::core {

// Takes out of the store what is older than its kind is kept, once an interval and when somebody
// asks.
//
// Threads: made and called on the loop's thread, unless said otherwise; the store is used on the
// writer's, one short step at a time, so that commits get their turn in between.
class Retention {
 public:
  struct Options {
    std::uint32_t events_days = 0;  // 0: for ever
    std::uint32_t images_days = 0;
    std::uint32_t people_days = 0;
    std::chrono::milliseconds interval{3'600'000};
  };

  // What somebody asks for, of one kind: a number of days (0: for ever) or a time; neither: as the
  // options say.
  struct Wish {
    std::optional<std::uint32_t> days = {};
    std::optional<Timestamp> before = {};
  };
  // Of each kind. An image shows a person, so images are kept no longer than what events tell of
  // people, whatever is said of images.
  struct Wishes {
    Wish events = {};
    Wish images = {};
    Wish people = {};
  };

  using Reply = absl::AnyInvocable<void(absl::StatusOr<ports::Pruned>)>;

  // All outlive it.
  Retention(ports::RetentionStore& store, Executor& writer, TimedExecutor& loop, const Clock& clock,
            Options options);

  // Called on the loop's thread when something was taken out. Set before Start.
  void OnPruned(absl::AnyInvocable<void()> listener) { on_pruned_ = std::move(listener); }

  // Goes on where an earlier life was cut short, prunes, and again after each interval.
  void Start();

  // Replies on the loop's thread, when all of it is done.
  void Prune(const Wishes& wishes, std::string by, Reply reply);

  // What Prune would take now. Any thread that may block on the store.
  absl::StatusOr<ports::Pruned> Preview(const Wishes& wishes);

 private:
  struct Run {
    ports::PruneLimits limits;
    std::string by;
    ports::Pruned pruned;
    Reply reply;
  };

  void Tick();
  ports::PruneLimits LimitsOf(const Wishes& wishes) const;
  std::optional<Timestamp> LimitOf(const Wish& wish, std::uint32_t days_kept) const;
  void Step(std::shared_ptr<Run> run);
  void End(Run& run, const absl::Status& status);

  ports::RetentionStore& store_;
  Executor& writer_;
  TimedExecutor& loop_;
  const Clock& clock_;
  const Options options_;
  absl::AnyInvocable<void()> on_pruned_ = [] {};
};

}  // namespace gatelog::core
