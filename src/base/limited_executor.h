#pragma once

#include <cstddef>
#include <memory>

#include "base/executor.h"

namespace gatelog {

// Lets so many tasks at once onto an executor with several threads, so that those which last leave
// threads to others. The rest wait in the order of their posting; the queue has no limit of its
// own: whoever posts bounds what it has under way. The executor outlives it. Tasks that wait when
// it is destroyed are destroyed unrun.
class LimitedExecutor final : public Executor {
 public:
  LimitedExecutor(Executor& executor, std::size_t at_once);
  ~LimitedExecutor() override;

  void Post(Task task) override;

 private:
  class Gate;
  const std::shared_ptr<Gate> gate_;  // a task that runs keeps it to say that it has ended
};

}  // namespace gatelog
