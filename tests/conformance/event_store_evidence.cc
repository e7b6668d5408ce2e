// What ports/evidence_store.h promises, over every store that keeps evidence.

#include <gmock/gmock.h>

#include "evidence/seal.h"
#include "tests/conformance/event_store_conformance.h"

namespace gatelog::testing {
namespace {

constexpr model::DeviceId kDoor = 541'000'001;
constexpr model::DeviceId kGate = 541'000'007;

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(EventStoreEvidence);

TEST_P(EventStoreEvidence, EveryCommitExtendsTheChain) {
  EXPECT_TRUE(Extended()) << "the store's own beginning";
  ASSERT_TRUE(Commit(First(kDoor).AddSome(10).Make()).ok());
  EXPECT_TRUE(Extended());
  Commit(std::vector{Next(kDoor).AddSome(1).Make(), First(kGate).AddSome(1).Make()});
  EXPECT_TRUE(Extended()) << "one for the whole transaction";
  ASSERT_TRUE(Commit(Next(kDoor).AddGap(3, model::GapReason::kAbsent).Make()).ok());
  EXPECT_TRUE(Extended());
  ASSERT_TRUE(Commit(Next(kGate).OpenEpoch(1, 7).Make()).ok());
  EXPECT_TRUE(Extended());
  ASSERT_TRUE(
      CommitImages({.log_device = kDoor, .epoch = 1, .expected_image_next = 1, .image_next = 4})
          .ok());
  EXPECT_TRUE(Extended());
  ASSERT_TRUE(evidence().RecordCleared(kDoor, 14, "").ok());
  EXPECT_TRUE(Extended());
  ASSERT_TRUE(evidence().Forget("user-1", "", key_).ok());
  EXPECT_TRUE(Extended());
}

TEST_P(EventStoreEvidence, WhatIsRefusedDoesNotExtendIt) {
  const ports::Batch first = First(kDoor).AddSome(10).Make();
  ASSERT_TRUE(Commit(first).ok());
  const evidence::ChainHead head = evidence().chain_head();
  EXPECT_FALSE(Commit(first).ok());
  EXPECT_FALSE(
      CommitImages({.log_device = kDoor, .epoch = 9, .expected_image_next = 1, .image_next = 4})
          .ok());
  EXPECT_EQ(evidence().Forget("nobody", "", key_).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(evidence().chain_head(), head);
  if (!under_test().durable()) return;
  under_test().Reopen();
  EXPECT_EQ(evidence().chain_head(), head);
}

TEST_P(EventStoreEvidence, SealsSignTheHeadAndFollowEachOther) {
  std::optional<evidence::Seal> last;
  for (int i = 1; i <= 3; ++i) {
    if (i == 3 && under_test().durable()) under_test().Reopen();
    ASSERT_TRUE(Commit((i == 1 ? First(kDoor) : Next(kDoor)).AddSome(5).Make()).ok());
    const auto made = evidence().AppendSeal(key_);
    ASSERT_TRUE(made.ok() && *made) << made.status();
    const evidence::Seal& seal = **made;
    EXPECT_EQ(seal.number, static_cast<std::uint64_t>(i));
    EXPECT_EQ(seal.block, evidence().chain_head().block);
    EXPECT_EQ(seal.head, evidence().chain_head().digest);
    EXPECT_EQ(seal.previous, last ? evidence::SealDigest(*last) : evidence::Digest{});
    EXPECT_EQ(seal.key, key_.public_key());
    EXPECT_TRUE(evidence::SignatureIsGood(seal));
    EXPECT_EQ(*evidence().LastSeal(), seal);
    EXPECT_EQ(*evidence().AppendSeal(key_), std::nullopt) << "nothing new";
    last = seal;
  }
}

TEST_P(EventStoreEvidence, ForgettingTakesThePersonAndLeavesTheEvent) {
  ASSERT_TRUE(Commit(First(kDoor).AddSome(60).Make()).ok());
  const std::vector<ports::StoredEvent> before = ReadAll();
  const auto erased = evidence().Forget("user-3", "operator", key_);
  ASSERT_TRUE(erased.ok()) << erased.status();
  const std::vector<ports::StoredEvent> after = ReadAll();
  ASSERT_EQ(after.size(), before.size());
  std::uint64_t without = 0;
  for (std::size_t i = 0; i < after.size(); ++i) {
    const model::Event& event = after[i].event;
    if (before[i].event.user_id != "user-3") {
      EXPECT_EQ(after[i], before[i]);
      continue;
    }
    ++without;
    EXPECT_TRUE(after[i].erased);
    EXPECT_EQ(event.user_id, "");
    EXPECT_EQ(event.temperature, 0u);
    EXPECT_EQ(event.payload.find("user-3"), std::string::npos);
    EXPECT_EQ(event.timestamp, before[i].event.timestamp);
    EXPECT_EQ(event.code, before[i].event.code);
    EXPECT_EQ(after[i].seq, before[i].seq);
  }
  EXPECT_EQ(erased->events, without);
  EXPECT_GT(without, 0u);
  EXPECT_TRUE(ReadAll({.users = {"user-3"}}).empty());
  // Somebody was there; who is not known any more.
  const std::vector<ports::StoredEvent> of_nobody = ReadAll({.users = {""}});
  EXPECT_FALSE(of_nobody.empty());
  for (const ports::StoredEvent& event : of_nobody) EXPECT_FALSE(event.erased) << event.seq;
  EXPECT_EQ(ReadAll({.users = {"", "user-3", "user-4"}}).size(),
            of_nobody.size() + ReadAll({.users = {"user-4"}}).size());
  const auto counted = store().Count({.filter = {.users = {""}}});
  ASSERT_TRUE(counted.ok() && counted->size() == 1);
  EXPECT_EQ(counted->at(0).events, of_nobody.size());
  // Sealed at once: the chain has nothing that the last seal does not cover.
  EXPECT_EQ((*evidence().LastSeal())->block, evidence().chain_head().block);
}

}  // namespace
}  // namespace gatelog::testing
