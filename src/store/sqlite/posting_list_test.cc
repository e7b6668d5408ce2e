#include "store/sqlite/posting_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace gatelog::store {
namespace {

using ::testing::ElementsAreArray;

constexpr std::uint32_t kEnd = 1u << 18;

std::string Encoded(const std::vector<Posting>& list, bool with_ids) {
  std::string bytes;
  EncodeList(list, with_ids, bytes);
  return bytes;
}

std::vector<Posting> Decoded(std::string_view bytes, bool with_ids, std::uint32_t end = kEnd) {
  std::vector<Posting> list;
  EXPECT_TRUE(DecodeList(bytes, with_ids, end, [&](Posting posting) { list.push_back(posting); }));
  return list;
}

TEST(PostingListTest, ComesBackAsItWas) {
  std::independent_bits_engine<std::mt19937, 32, std::uint32_t> random(11);
  for (int round = 0; round < 500; ++round) {
    SCOPED_TRACE(round);
    std::vector<Posting> list;
    std::uint32_t offset = random() % 3;
    model::EventId id = round % 2 == 0 ? 1 + random() % 5 : 0xFFFFFF00u;
    while (list.size() < 200 && offset < kEnd && id != 0) {
      list.push_back({offset, id});
      const bool neighbour = random() % 3 != 0;
      offset += neighbour ? 1 : 1 + random() % (1u << (random() % 17));
      const model::EventId before = id;
      id += neighbour && random() % 4 != 0 ? 1 : 1 + random() % 300;
      if (id < before) break;
    }
    EXPECT_THAT(Decoded(Encoded(list, true), true), ElementsAreArray(list));
    for (Posting& posting : list) posting.id = 0;
    EXPECT_THAT(Decoded(Encoded(list, false), false), ElementsAreArray(list));
  }
}

TEST(PostingListTest, NeighboursTakeNextToNothing) {
  std::vector<Posting> list;
  for (std::uint32_t i = 0; i < 10'000; ++i) list.push_back({100 + i, 7 + i});
  EXPECT_LE(Encoded(list, true).size(), 8u);
  EXPECT_TRUE(Encoded({}, true).empty());
}

TEST(PostingListTest, WhatIsNoListIsRefused) {
  const auto refused = [](std::string_view bytes, bool with_ids, std::uint32_t end) {
    std::uint64_t taken = 0;
    const bool whole = DecodeList(bytes, with_ids, end, [&](Posting posting) {
      EXPECT_LT(posting.offset, end);
      ++taken;
    });
    EXPECT_LE(taken, end);
    return !whole;
  };
  const std::string list = Encoded({{5, 9}, {6, 10}, {60, 11}}, true);
  for (std::size_t cut = 1; cut < list.size(); ++cut) {
    refused(std::string_view(list).substr(0, cut), true, 100);  // some are shorter lists
  }
  EXPECT_TRUE(refused(list.substr(0, 2), true, 100));
  EXPECT_TRUE(refused(list, true, 60)) << "beyond the segment's end";
  EXPECT_FALSE(refused(list, true, 61));
  EXPECT_TRUE(refused(std::string(20, '\xff'), false, 100));
  EXPECT_TRUE(refused("\x80", false, 100));
  std::independent_bits_engine<std::mt19937, 32, std::uint32_t> random(3);
  for (int round = 0; round < 2'000; ++round) {
    std::string bytes(random() % 12, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    refused(bytes, round % 2 == 0, 1'000);
  }
}

TEST(VarintReaderTest, GoesOnWithNothingAfterAFault) {
  VarintReader reader("\x05\xff");
  EXPECT_EQ(reader.Next(), 5u);
  EXPECT_EQ(reader.Next(), 0u);
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.Bytes(1), "");
}

}  // namespace
}  // namespace gatelog::store
