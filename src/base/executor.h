#pragma once

#include <chrono>
#include <cstdint>

#include "absl/functional/any_invocable.h"

namespace gatelog {

using Task = absl::AnyInvocable<void()>;

// Runs tasks one after another, in the order of their posting, never inside Post itself.
class Executor {
 public:
  virtual ~Executor() = default;

  // Any thread. Takes ownership of the task. After the executor stopped, tasks are destroyed unrun.
  virtual void Post(Task task) = 0;
};

using TimerId = std::uint64_t;

// An executor that also runs tasks later.
class TimedExecutor : public Executor {
 public:
  // The executor's own thread only. The task runs after at least `delay`.
  virtual TimerId PostAfter(std::chrono::milliseconds delay, Task task) = 0;

  // The executor's own thread only. After Cancel the task does not run; an unknown or spent id is
  // ignored.
  virtual void Cancel(TimerId timer) = 0;
};

}  // namespace gatelog
