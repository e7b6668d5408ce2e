#pragma once

#include <chrono>
#include <memory>

#include "core/fleet/fleet.h"
#include "core/ingest/ingest.h"
#include "core/live/live_hub.h"
#include "core/live/status_hub.h"
#include "core/query/event_reader.h"
#include "tests/simulation/modelled_link.h"
#include "tests/support/memory_store.h"
#include "tests/support/virtual_time.h"

namespace gatelog::simulation {

// What runs in one process of gatelogd, and dies with it. Each executor is a thread of the
// process; what waits there when it is destroyed never happens, as when the process is killed.
class Gateway {
 public:
  // How long the threads take; referred to while the gateway lives.
  struct Slowness {
    std::chrono::milliseconds loop_max{1};
    std::chrono::milliseconds writer_max{8};
    std::chrono::milliseconds readers_max{3};
  };

  // Null if the store cannot be read.
  static std::unique_ptr<Gateway> Start(testing::VirtualTime& time, Random& random,
                                        const Slowness& slowness, testing::MemoryStore& store,
                                        ModelledDialer& dialer);

  core::EventReader& reader() { return reader_; }

 private:
  Gateway(testing::VirtualTime& time, Random& random, const Slowness& slowness,
          testing::MemoryStore& store, ModelledDialer& dialer);

  testing::VirtualExecutor loop_;
  testing::VirtualExecutor writer_;
  testing::VirtualExecutor registry_worker_;
  testing::VirtualExecutor readers_;
  core::LiveHub live_;
  core::StatusHub status_;
  core::Ingest ingest_;
  core::EventReader reader_;
  core::Fleet fleet_;
};

}  // namespace gatelog::simulation
