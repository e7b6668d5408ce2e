#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "apps/gatelog/session.h"
#include "gatelog/v1/events.pb.h"

namespace gatelog::cli {

inline constexpr std::uint64_t kTailDefault = 20;

struct TailOptions {
  std::uint64_t count = kTailDefault;  // of the last events
  bool follow = false;
  // Where the cursor of a followed stream is kept; empty: nowhere. It is saved after each batch
  // that was shown, so that a stream that is begun again goes on there, and shows no event twice
  // but those of a batch that was cut off. The first time it begins with the oldest event; `count`
  // does not matter.
  std::string cursor_file;
};

// Shows the last events and, with `follow`, every event committed after them, once, in commit
// order. Goes on after the gateway was restarted. OK on Ctrl-C.
absl::Status TailEvents(Session& session, const v1::Filter& filter, const TailOptions& options);

}  // namespace gatelog::cli
