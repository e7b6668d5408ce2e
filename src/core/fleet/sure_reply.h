#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "base/executor.h"
#include "ports/device_link.h"

namespace gatelog::core {

// A reply that comes exactly once: a link drops its open replies when the gateway ends it, and a
// caller that waits must not have to find that out by the clock. Returns what to hand to the link;
// if that is destroyed uncalled, `reply` is called later with `dropped`. With a `timeout` it is
// called with `late` when nothing came before. T is a status or made from one.
//
// Threads: the loop's. `loop` outlives what is returned.
template <typename T>
ports::Reply<T> SureReply(TimedExecutor& loop, ports::Reply<T> reply, absl::Status dropped,
                          std::optional<std::chrono::milliseconds> timeout = std::nullopt,
                          absl::Status late = absl::DeadlineExceededError("")) {
  struct Pending {
    TimedExecutor& loop;
    ports::Reply<T> reply;
    std::optional<TimerId> timer;

    void Answer(T value) {
      if (timer) loop.Cancel(*std::exchange(timer, std::nullopt));
      if (reply) std::exchange(reply, nullptr)(std::move(value));
    }
  };
  // Destroyed with what the link holds.
  struct Holder {
    std::shared_ptr<Pending> pending;
    absl::Status dropped;

    Holder(std::shared_ptr<Pending> of, absl::Status status)
        : pending(std::move(of)), dropped(std::move(status)) {}
    Holder(const Holder&) = delete;
    Holder& operator=(const Holder&) = delete;
    ~Holder() {
      if (!pending->reply) return;
      // Not from inside the end of a link.
      pending->loop.Post([pending = pending, dropped = dropped] { pending->Answer(dropped); });
    }
  };
  auto pending = std::make_shared<Pending>(Pending{loop, std::move(reply), std::nullopt});
  if (timeout) {
    pending->timer = loop.PostAfter(*timeout, [pending, late = std::move(late)] {
      pending->timer.reset();
      pending->Answer(late);
    });
  }
  return [holder = std::make_unique<Holder>(std::move(pending), std::move(dropped))](T value) {
    holder->pending->Answer(std::move(value));
  };
}

}  // namespace gatelog::core
