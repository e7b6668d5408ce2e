#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "base/file.h"
#include "evidence/chain.h"
#include "evidence/seal.h"
#include "evidence/seal_key.h"
#include "tests/support/records.h"
#include "tests/support/temp_directory.h"

namespace gatelog::evidence {
namespace {

using ::testing::ElementsAre;

std::string HexOf(const Digest& digest) { return Hex(BytesOf(digest)); }

Digest Filled(std::uint8_t byte) {
  Digest digest;
  digest.fill(byte);
  return digest;
}

// Computed with Python's hashlib from docs/formats/seal.md. Stores hold such digests: other values
// would call every store a forgery.
TEST(Chain, DigestsStayTheSameAcrossVersions) {
  const std::string salt(kSaltBytes, '\x11');
  Leaves leaves;
  EXPECT_EQ(HexOf(leaves.Personal(salt, 7, "part")),
            "a91163b2d057aacb045b8c222f9f171ea28f3f85dfff7b361280444dfc0f59a3");
  const EventPlace place{.seq = 7,
                         .log_device = 541'000'001,
                         .epoch = 2,
                         .id = 9,
                         .arrival_ms = 1'700'000'000'123,
                         .phase = 1};
  const Digest leaf = leaves.Event(place, "public", Filled(0x22));
  EXPECT_EQ(HexOf(leaf), "648f83bb42061dc20493972fecb7d6217fbff70c1a8ff2d2547e2a1986eb5c57");
  EXPECT_EQ(HexOf(leaves.Image(salt, {1, 2, 3}, "jpeg")),
            "20c64d1fb55426dbb163c8465fafca9923bf18e51ef33b274dd00a29d61fc7d5");
  EXPECT_EQ(HexOf(leaves.GapRaw(salt, {1, 2, 3}, "raw")),
            "207a4089eff77f34f53cb61605a63ad301f95beb74fe57a32090b869ad3c9625");
  EXPECT_EQ(HexOf(leaves.Entry(5, 1, EntryKind::kGap, "body")),
            "e49e461c8c2a64ff8969cdb8a00d78cab6596fde01c974c3dedb70acfd5acea6");
  BlockBuilder builder;
  builder.Begin({.block = 4, .digest = Filled(0x33)}, 7);
  EXPECT_EQ(builder.AddEventLeaf(leaf), MarkOf(leaf));
  builder.AddEntry(EntryKind::kGap, "body");
  const Block block = builder.Finish(Timestamp(std::chrono::milliseconds(1'700'000'000'999)));
  EXPECT_EQ(block.number, 5u);
  EXPECT_EQ(HexOf(block.head), "cb6225f01b44dd4757465b6e6aeae76f5350c8ea350a8ef79568d29d5dba64d3");
}

TEST(Chain, ABlockThatWasGivenUpLeavesNothingBehind) {
  const ChainHead before{.block = 1, .digest = Filled(1)};
  BlockBuilder fresh;
  fresh.Begin(before, 3);
  fresh.AddEntry(EntryKind::kGap, "body");
  BlockBuilder used;
  used.Begin(before, 3);
  used.AddEvent({.seq = 3}, "payload", "salt");
  used.AddEntry(EntryKind::kEpoch, "other");
  used.Begin(before, 3);
  used.AddEntry(EntryKind::kGap, "body");
  EXPECT_EQ(fresh.Finish(Timestamp{}), used.Finish(Timestamp{}));
}

TEST(Entry, EveryKindComesBackAndNothingElseDoes) {
  const std::vector<Entry> entries = {
      StoreEntry{.incarnation = 0xFEDC'BA98'7654'3210, .created_ms = -5, .chained_through = 9},
      EpochEntry{.log_device = 1,
                 .epoch = 2,
                 .first = 3,
                 .generation = ~std::uint64_t{0},
                 .opened_ms = 5,
                 .images_unsettled = 6},
      GapEntry{.log_device = 1,
               .epoch = 2,
               .first = 3,
               .last = 0xFFFF'FFFF,
               .reason = 4,
               .found_ms = 6,
               .raw = Filled(7)},
      ImagesEntry{.log_device = 1,
                  .epoch = 2,
                  .from = 3,
                  .next = 9,
                  .images = {{.id = 4, .timestamp = 5, .code = 6, .commitment = Filled(8)}},
                  .absences = {{.id = 5, .reason = 2, .found_ms = 7}, {.id = 6}}},
      ImagesEntry{.log_device = 1},
      GenerationEntry{.log_device = 1, .epoch = 2, .generation = 3},
      ClearedEntry{.device = 1, .last = 2, .cleared_ms = 3, .by = "somebody"},
      PruneEntry{
          .what = Pruned::kImages, .first_block = 1, .last_block = 2, .removed = 3, .by = ""},
      ErasureEntry{.events = 1,
                   .events_digest = Filled(1),
                   .images = 2,
                   .images_digest = Filled(2),
                   .by = "x"},
      RestoreEntry{.before = 1, .after = 2}};
  for (const Entry& entry : entries) {
    const auto kind = static_cast<std::uint8_t>(KindOf(entry));
    const std::string body = EncodeEntry(entry);
    const auto decoded = DecodeEntry(kind, body);
    ASSERT_TRUE(decoded.has_value()) << EntryKindName(KindOf(entry));
    EXPECT_TRUE(*decoded == entry) << EntryKindName(KindOf(entry));
    EXPECT_FALSE(DecodeEntry(kind, body + "x")) << "something is left";
    for (std::size_t size = 0; size < body.size(); ++size) {
      EXPECT_FALSE(DecodeEntry(kind, body.substr(0, size))) << "cut at " << size;
    }
  }
  EXPECT_FALSE(DecodeEntry(0, ""));
  EXPECT_FALSE(DecodeEntry(10, ""));
  EXPECT_FALSE(DecodeEntry(4, std::string(16, '\0') + std::string(4, '\xFF'))) << "a huge count";
}

Seal SomeSeal() {
  return {.number = 3,
          .time_ms = 1'700'000'000'000,
          .block = 9,
          .head = Filled(1),
          .previous = Filled(2),
          .manifest = Filled(3)};
}

TEST(SealKey, SignsEveryField) {
  const SealKey key = SealKey::Make();
  Seal good = SomeSeal();
  key.Sign(good);
  EXPECT_TRUE(SignatureIsGood(good));
  const std::vector<void (*)(Seal&)> changes = {[](Seal& seal) { ++seal.number; },
                                                [](Seal& seal) { ++seal.time_ms; },
                                                [](Seal& seal) { ++seal.block; },
                                                [](Seal& seal) { seal.head[31] ^= 1; },
                                                [](Seal& seal) { seal.previous[0] ^= 1; },
                                                [](Seal& seal) { seal.manifest[5] ^= 1; },
                                                [](Seal& seal) { seal.key[5] ^= 1; },
                                                [](Seal& seal) { seal.signature[5] ^= 1; },
                                                [](Seal& seal) { seal.signature.pop_back(); }};
  for (std::size_t i = 0; i < changes.size(); ++i) {
    Seal changed = good;
    changes[i](changed);
    EXPECT_FALSE(SignatureIsGood(changed)) << i;
    EXPECT_NE(SealDigest(changed), SealDigest(good)) << i;
  }
}

TEST(SealKey, IsMadeOnceAndKeptToItself) {
  const testing::TempDirectory directory;
  const std::string file = directory.path() + "/seal.key";
  const std::string public_file = directory.path() + "/seal.pub";
  const auto made = SealKey::LoadOrMake(file, public_file);
  ASSERT_TRUE(made.ok()) << made.status();
  struct stat status {};
  ASSERT_EQ(stat(file.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  const auto again = SealKey::LoadOrMake(file, public_file);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->public_key(), made->public_key());
  const auto keys = LoadPublicKeys(public_file);
  ASSERT_TRUE(keys.ok()) << keys.status();
  EXPECT_THAT(*keys, ElementsAre(made->public_key()));

  std::ofstream(file) << "no key";
  EXPECT_EQ(SealKey::LoadOrMake(file, public_file).status().code(),
            absl::StatusCode::kFailedPrecondition)
      << "never replaced";
  EXPECT_EQ(LoadPublicKeys(file).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(HeadLine, IsFoundInsideALog) {
  Seal seal = SomeSeal();
  SealKey::Make().Sign(seal);
  const HeadLine head = HeadLineOf(seal);
  const std::string line = FormatHeadLine(head);
  EXPECT_EQ(ParseHeadLine(line), head);
  EXPECT_EQ(ParseHeadLine("Nov 23 05:12:01 gate gatelogd[77]: " + line + "\n"), head);
  EXPECT_FALSE(ParseHeadLine("gatelog-head"));
  EXPECT_FALSE(ParseHeadLine(line.substr(0, line.size() - 1)));
  EXPECT_FALSE(ParseHeadLine("gatelog-head 2" + line.substr(14)));
}

}  // namespace
}  // namespace gatelog::evidence
