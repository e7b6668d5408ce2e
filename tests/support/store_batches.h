#pragma once

#include <gtest/gtest.h>

#include <span>

#include "ports/event_store.h"
#include "tests/support/records.h"

namespace gatelog::testing {

// What the store knows of a log; of one that it does not know only log_device is set. A store that
// does not say fails the test.
inline ports::LogState StateOf(ports::EventStore& store, model::DeviceId log_device) {
  const auto states = store.LoadLogStates();
  EXPECT_TRUE(states.ok()) << states.status();
  if (states.ok()) {
    for (const ports::LogState& state : *states) {
      if (state.log_device == log_device) return state;
    }
  }
  return {.log_device = log_device};
}

// The log's next batch; of a log that the store does not know the first one: epoch 1 from ID 1.
inline BatchMaker NextBatch(ports::EventStore& store, model::DeviceId log_device) {
  const ports::LogState state = StateOf(store, log_device);
  BatchMaker maker(state);
  if (state.epoch == 0) maker.OpenEpoch(1, 1);
  return maker;
}

// A batch that is refused fails the test.
inline void CommitAll(ports::EventStore& store, std::span<const ports::Batch> batches) {
  const auto results = store.Commit(batches);
  ASSERT_TRUE(results.ok()) << results.status();
  for (const absl::Status& result : *results) ASSERT_TRUE(result.ok()) << result;
}

}  // namespace gatelog::testing
