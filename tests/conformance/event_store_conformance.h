#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <ostream>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "ports/device_registry.h"
#include "ports/event_store.h"
#include "ports/evidence_store.h"
#include "ports/retention_store.h"
#include "tests/support/records.h"
#include "tests/support/store_batches.h"

namespace gatelog::testing {

// One store and registry, freshly made, for one test.
class StoreUnderTest {
 public:
  virtual ~StoreUnderTest() = default;

  virtual ports::EventStore& store() = 0;
  virtual ports::DeviceRegistry& registry() = 0;
  // Null: this store keeps no evidence.
  virtual ports::EvidenceStore* evidence() { return nullptr; }
  // Null: this store prunes nothing; then what follows is not called.
  virtual ports::RetentionStore* retention() { return nullptr; }
  // The segment ends here: what came so far may be pruned, once it is old. Nothing else ends one
  // but that it is full.
  virtual void Seal() {}
  // The store's clock.
  virtual Timestamp Now() const { return {}; }
  virtual void PassTime(std::chrono::milliseconds) {}

  // Closes both and opens them again, as after a restart. Not called where durable() is false.
  virtual bool durable() const = 0;
  virtual void Reopen() = 0;
};

// An adapter that the suite runs over.
struct StoreKind {
  std::string name;
  std::function<std::unique_ptr<StoreUnderTest>()> make;
};
inline std::ostream& operator<<(std::ostream& out, const StoreKind& kind) {
  return out << kind.name;
}

// The suite: what ports/event_store.h promises, sentence by sentence. An adapter joins with
// INSTANTIATE_TEST_SUITE_P.
class EventStoreConformance : public ::testing::TestWithParam<StoreKind> {
 protected:
  EventStoreConformance() : under_test_(GetParam().make()) {}

  ports::EventStore& store() { return under_test_->store(); }
  ports::DeviceRegistry& registry() { return under_test_->registry(); }
  StoreUnderTest& under_test() { return *under_test_; }

  ports::LogState State(model::DeviceId log_device) { return StateOf(store(), log_device); }
  BatchMaker Next(model::DeviceId log_device) { return BatchMaker(State(log_device)); }
  // The first batch of a log: epoch 1 from ID 1.
  BatchMaker First(model::DeviceId log_device) {
    return BatchMaker({.log_device = log_device}).OpenEpoch(1, 1);
  }

  // Commits and returns each batch's result; a call that fails as a whole fails the test.
  std::vector<absl::Status> Commit(std::span<const ports::Batch> batches);
  absl::Status Commit(const ports::Batch& batch) { return Commit(std::span(&batch, 1)).at(0); }
  absl::Status CommitImages(const ports::ImageBatch& batch);

  // Every event that matches, oldest first, read in pages of `limit`.
  std::vector<ports::StoredEvent> ReadAll(const ports::EventFilter& filter = {},
                                          std::uint32_t limit = 1000);

 private:
  std::unique_ptr<StoreUnderTest> under_test_;
};

// Its part about Read: filters, pages, and reads beside commits.
class EventStoreReads : public EventStoreConformance {
 protected:
  // Logs with several epochs and gaps, committed in turns.
  void FillAtRandom(std::mt19937& random, int commits);
};

// Its part about images.
class EventStoreImages : public EventStoreConformance {
 protected:
  // Settles the images of the log's current epoch below `next`.
  absl::Status Settle(model::EventId next, std::vector<model::Image> images,
                      std::vector<model::ImageAbsence> absences);
  std::string WhyNot(const model::RecordKey& key);
  ports::LogTotals Totals();
};

// Its part about evidence, for stores that keep it.
class EventStoreEvidence : public EventStoreConformance {
 protected:
  void SetUp() override {
    if (under_test().evidence() == nullptr) GTEST_SKIP() << "this store keeps no evidence";
  }
  ports::EvidenceStore& evidence() { return *under_test().evidence(); }

  // Whether the chain has grown by exactly one block since the last call.
  bool Extended() {
    const evidence::ChainHead before = std::exchange(head_, evidence().chain_head());
    return head_.block == before.block + 1 && head_.digest != before.digest;
  }

  const evidence::SealKey key_ = evidence::SealKey::Make();
  evidence::ChainHead head_;
};

}  // namespace gatelog::testing
