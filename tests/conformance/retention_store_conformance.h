#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ports/retention_store.h"
#include "tests/conformance/event_store_conformance.h"

namespace gatelog::testing {

// The suite: what ports/retention_store.h promises, over every store that prunes.
class RetentionStoreConformance : public EventStoreConformance {
 protected:
  void SetUp() override {
    if (under_test().retention() == nullptr) GTEST_SKIP() << "this store prunes nothing";
  }
  ports::RetentionStore& retention() { return *under_test().retention(); }

  void Seal() { under_test().Seal(); }
  // It arrives now.
  absl::Status Commit(ports::Batch batch);
  // Days pass, between what is old and what comes then. Returns a moment in between.
  Timestamp Pass(int days);
  // Two logs with events of people and of nobody, gaps and images; sealed.
  void Fill();
  // More of both logs, sealed.
  void FillMore();

  ports::RetentionStore::Step Step(const ports::PruneLimits& limits);
  // All steps; between any two of them the store is opened anew, if `reopen`.
  ports::Pruned Prune(const ports::PruneLimits& limits, bool reopen = false);
  // What a preview says is what happens.
  ports::Pruned PreviewAndPrune(const ports::PruneLimits& limits, bool reopen = false);

  // What never changes, whatever is pruned.
  struct Kept {
    std::vector<ports::LogState> states = {};  // without the anchors
    std::vector<ports::LogTotals> totals = {};
    std::vector<model::Gap> gaps = {};
    std::uint64_t last_seq = 0;
  };
  Kept Keep();
  void ExpectKept(const Kept& before);

  std::vector<std::uint64_t> Seqs(const ports::EventFilter& filter = {});
};

}  // namespace gatelog::testing
