#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <thread>

#include "base/clock.h"
#include "base/loop.h"
#include "base/worker.h"
#include "core/access/device_calls.h"
#include "core/access/log_access.h"
#include "core/fleet/fleet.h"
#include "core/ingest/ingest.h"
#include "core/live/live_hub.h"
#include "core/live/status_hub.h"
#include "core/query/event_reader.h"
#include "tests/support/fake_terminals.h"
#include "tests/support/memory_store.h"

namespace gatelog::testing {

// Waits, with a limit, until `condition` holds.
inline bool Eventually(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

// A whole gateway but for its APIs, on a store and terminals in memory.
class TestGateway {
 public:
  TestGateway();
  ~TestGateway();

  void OnLoop(Task task) { loop.RunAndWait(std::move(task)); }

  // Adds a terminal with `records` records in its log.
  void AddTerminal(model::DeviceId id, int records);
  // Adds and links it; waits until its log is stored.
  void AddLinked(model::DeviceId id, int records);
  void Record(model::DeviceId id, const model::Event& event) {
    OnLoop([&] { terminals.Record(id, event); });
  }
  core::DeviceSnapshot Find(model::DeviceId id);

  SystemClock clock;
  MemoryStore store{0xABCD};
  Loop loop;
  FakeTerminals terminals{loop};
  core::LiveHub live{loop};
  core::StatusHub status;
  std::unique_ptr<Worker> writer = std::make_unique<Worker>();
  std::unique_ptr<Worker> readers = std::make_unique<Worker>();
  core::EventReader reader{store, *readers, clock};
  core::Ingest ingest{store, *writer, loop, {}};
  std::unique_ptr<core::Fleet> fleet;
  std::unique_ptr<core::LogAccess> access;
  std::unique_ptr<core::DeviceCalls> calls;
};

}  // namespace gatelog::testing
