// The stores that the suite runs over.

#include <chrono>
#include <memory>
#include <thread>

#include "store/postgres/postgres_registry.h"
#include "store/postgres/postgres_store.h"
#include "store/sqlite/sqlite_registry.h"
#include "store/sqlite/sqlite_store.h"
#include "tests/conformance/event_store_conformance.h"
#include "tests/conformance/retention_store_conformance.h"
#include "tests/support/memory_store.h"
#include "tests/support/moved_clock.h"
#include "tests/support/postgres_server.h"
#include "tests/support/temp_directory.h"

namespace gatelog::testing {
namespace {

class Memory final : public StoreUnderTest {
 public:
  ports::EventStore& store() override { return store_; }
  ports::DeviceRegistry& registry() override { return store_; }
  bool durable() const override { return false; }
  void Reopen() override { FAIL() << "a memory store forgets"; }

 private:
  MemoryStore store_;
};

class Sqlite final : public StoreUnderTest {
 public:
  explicit Sqlite(const store::IndexShape& index = {}) : index_(index) { Open(); }

  ports::EventStore& store() override { return *store_; }
  ports::DeviceRegistry& registry() override { return *registry_; }
  ports::EvidenceStore* evidence() override { return store_.get(); }
  ports::RetentionStore* retention() override { return store_.get(); }
  void Seal() override {
    const auto seal = store_->AppendSeal(key_);
    ASSERT_TRUE(seal.ok()) << seal.status();
  }
  Timestamp Now() const override { return clock_.Now(); }
  void PassTime(std::chrono::milliseconds time) override { clock_.Move(time); }
  bool durable() const override { return true; }
  void Reopen() override {
    registry_.reset();
    store_.reset();
    Open();
  }

 private:
  void Open() {
    // Small, so that the suite goes through checkpoints.
    constexpr int kCheckpointPages = 64;
    auto opened = store::SqliteStore::Open({.directory = directory_.path(),
                                            .checkpoint_pages = kCheckpointPages,
                                            .index = index_,
                                            .clock = &clock_});
    ASSERT_TRUE(opened.ok()) << opened.status();
    store_ = *std::move(opened);
    auto registry = store::SqliteRegistry::Open(*store_);
    ASSERT_TRUE(registry.ok()) << registry.status();
    registry_ = *std::move(registry);
  }

  const store::IndexShape index_;
  const evidence::SealKey key_ = evidence::SealKey::Make();
  TempDirectory directory_;
  MovedClock clock_;
  std::unique_ptr<store::SqliteStore> store_;
  std::unique_ptr<store::SqliteRegistry> registry_;
};

class Postgres final : public StoreUnderTest {
 public:
  Postgres() { Open(); }

  ports::EventStore& store() override { return *store_; }
  ports::DeviceRegistry& registry() override { return *registry_; }
  ports::RetentionStore* retention() override { return store_.get(); }
  // A segment may go once it has its indexes.
  void Seal() override {
    constexpr std::chrono::seconds kLimit{60};
    const auto limit = std::chrono::steady_clock::now() + kLimit;
    while (!store_->CloseSegment().ok() || store_->segments_to_index() > 0) {
      ASSERT_LT(std::chrono::steady_clock::now(), limit);
      std::this_thread::yield();
    }
  }
  Timestamp Now() const override { return clock_.Now(); }
  void PassTime(std::chrono::milliseconds time) override { clock_.Move(time); }
  bool durable() const override { return true; }
  void Reopen() override {
    registry_.reset();
    store_.reset();
    Open();
  }

 private:
  void Open() {
    // Small, so that the suite goes through segments.
    constexpr std::uint64_t kSegmentEvents = 250;
    constexpr std::chrono::days kForEver{36'500};
    auto opened = postgres::PostgresStore::Open(
        {.url = url_, .segment_events = kSegmentEvents, .segment_age = kForEver, .clock = &clock_});
    ASSERT_TRUE(opened.ok()) << opened.status();
    store_ = *std::move(opened);
    registry_ = std::make_unique<postgres::PostgresRegistry>(*store_);
  }

  const std::string url_ = PostgresServer::Shared().NewDatabase();
  MovedClock clock_;
  std::unique_ptr<postgres::PostgresStore> store_;
  std::unique_ptr<postgres::PostgresRegistry> registry_;
};

// So small that every test goes through many segments, open ones, full ones and closed ones, and
// that most lists are in parts.
constexpr store::IndexShape kSmallSegments = {
    .segment_events = 200, .block_bytes = 40, .short_list_bytes = 8, .entries_per_commit_min = 50};

const auto kKinds = ::testing::Values(
    StoreKind{"Memory", [] { return std::make_unique<Memory>(); }},
    StoreKind{"Sqlite", [] { return std::make_unique<Sqlite>(); }},
    StoreKind{"SqliteSmallSegments", [] { return std::make_unique<Sqlite>(kSmallSegments); }},
    StoreKind{"Postgres", [] { return std::make_unique<Postgres>(); }});
const auto kName = [](const ::testing::TestParamInfo<StoreKind>& kind) { return kind.param.name; };

}  // namespace

INSTANTIATE_TEST_SUITE_P(Stores, EventStoreConformance, kKinds, kName);

INSTANTIATE_TEST_SUITE_P(Stores, EventStoreImages, kKinds, kName);

INSTANTIATE_TEST_SUITE_P(Stores, EventStoreReads, kKinds, kName);

INSTANTIATE_TEST_SUITE_P(Stores, EventStoreEvidence, kKinds, kName);

INSTANTIATE_TEST_SUITE_P(Stores, RetentionStoreConformance, kKinds, kName);

}  // namespace gatelog::testing
