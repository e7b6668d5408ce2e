#include "device/terminal/frame_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/escaping.h"

namespace gatelog::terminal {
namespace {

using ::testing::HasSubstr;

Frame MakePush(std::uint32_t id, std::string record) {
  Frame frame;
  frame.mutable_push()->set_id(id);
  frame.mutable_push()->set_record(std::move(record));
  return frame;
}

std::string Encoded(const Frame& frame) {
  std::string bytes;
  EXPECT_TRUE(AppendFrame(frame, bytes).ok());
  return bytes;
}

std::string WithLength(std::uint32_t length, std::string_view bytes) {
  std::string out;
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>(length >> shift));
  return out.append(bytes);
}

std::string ErrorAfter(std::string_view bytes) {
  FrameReader reader;
  reader.Append(bytes);
  const auto frame = reader.Next();
  if (frame.ok()) return "no error";
  EXPECT_EQ(frame.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(frame.status().message());
}

TEST(FrameCodec, WritesALengthAndTheFrame) {
  Frame frame;
  frame.mutable_arm_pushes();
  frame.set_request_id(300);
  EXPECT_EQ(absl::BytesToHexString(Encoded(frame)), "0000000508ac024200");
}

TEST(FrameCodec, ReadsWhatItWrote) {
  FrameReader reader;
  reader.Append(Encoded(MakePush(1, "a")) + Encoded(MakePush(2, "b")));
  for (std::uint32_t id = 1; id <= 2; ++id) {
    const auto frame = reader.Next();
    ASSERT_TRUE(frame.ok() && frame->has_value());
    EXPECT_EQ((*frame)->push().id(), id);
  }
  const auto end = reader.Next();
  ASSERT_TRUE(end.ok());
  EXPECT_FALSE(end->has_value());
  EXPECT_FALSE(reader.HoldsPart());
}

TEST(FrameCodec, ReadsInputThatComesByteByByte) {
  std::string bytes;
  for (std::uint32_t id = 1; id <= 50; ++id) bytes += Encoded(MakePush(id, std::string(id, 'x')));
  FrameReader reader;
  std::uint32_t frames = 0;
  for (const char& byte : bytes) {
    reader.Append({&byte, 1});
    const auto frame = reader.Next();
    ASSERT_TRUE(frame.ok());
    if (!frame->has_value()) continue;
    ++frames;
    EXPECT_EQ((*frame)->push().id(), frames);
    EXPECT_EQ((*frame)->push().record().size(), frames);
  }
  EXPECT_EQ(frames, 50u);
}

TEST(FrameCodec, ReadsALongStreamInOddPieces) {
  std::string bytes;
  for (std::uint32_t id = 1; id <= 100; ++id)
    bytes += Encoded(MakePush(id, std::string(9'000, 'x')));
  FrameReader reader;
  std::uint32_t frames = 0;
  for (std::size_t start = 0; start < bytes.size(); start += 7'919) {
    reader.Append(std::string_view(bytes).substr(start, 7'919));
    while (true) {
      const auto frame = reader.Next();
      ASSERT_TRUE(frame.ok());
      if (!frame->has_value()) break;
      EXPECT_EQ((*frame)->push().id(), ++frames);
    }
  }
  EXPECT_EQ(frames, 100u);
}

TEST(FrameCodec, TellsWhetherPartOfAFrameIsThere) {
  FrameReader reader;
  EXPECT_FALSE(reader.HoldsPart());
  reader.Append("\1");
  EXPECT_TRUE(reader.HoldsPart());
}

TEST(FrameCodec, RefusesLengthsBeyondTheLimitsAtOnce) {
  EXPECT_THAT(ErrorAfter(WithLength(0, "")), HasSubstr("a frame of 0 bytes"));
  EXPECT_THAT(ErrorAfter(WithLength(100 * 1024 * 1024, "")),
              HasSubstr("a frame of 104857600 bytes"));
  EXPECT_THAT(ErrorAfter(WithLength(0xFFFFFFFF, "")), HasSubstr("a frame of 4294967295 bytes"));
  EXPECT_THAT(ErrorAfter(WithLength(kFrameSizeMax + 1, "")), HasSubstr("a frame of 1048577 bytes"));
  EXPECT_EQ(ErrorAfter(WithLength(kFrameSizeMax, "")), "no error");
}

TEST(FrameCodec, RefusesBytesThatAreNoFrame) {
  EXPECT_THAT(ErrorAfter(WithLength(3, "\xff\xff\xff")),
              HasSubstr("no frame of the terminal link"));
  // A text that is not UTF-8.
  EXPECT_THAT(ErrorAfter(WithLength(6, "\xaa\x01\x03\x12\x01\xff")), HasSubstr("no frame"));
}

TEST(FrameCodec, WritesNothingOfAFrameThatIsTooLarge) {
  std::string out = "before";
  const absl::Status status = AppendFrame(MakePush(1, std::string(kFrameSizeMax, 'x')), out);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(out, "before");
  const Frame largest = MakePush(1, std::string(kFrameSizeMax - 11, 'x'));
  ASSERT_EQ(largest.ByteSizeLong(), kFrameSizeMax);
  EXPECT_TRUE(AppendFrame(largest, out).ok());
}

TEST(FrameReader, TakesNoMoreThanItIsToldTo) {
  std::string bytes;
  ASSERT_TRUE(AppendFrame(MakePush(1, std::string(1'000, 'x')), bytes).ok());
  FrameReader strict(100);
  strict.Append(bytes.substr(0, kLengthSize));
  EXPECT_EQ(strict.Next().status().code(), absl::StatusCode::kInvalidArgument);
  strict.set_frame_size_max(kFrameSizeMax);
  strict.Append(bytes.substr(kLengthSize));
  const auto frame = strict.Next();
  ASSERT_TRUE(frame.ok());
  EXPECT_TRUE(frame->has_value());
}

// The vectors of docs/formats/terminal-link.md, computed with Python's hmac.
TEST(KeyProof, IsAsSpecified) {
  const std::string key = absl::HexStringToBytes("000102030405060708090a0b0c0d0e0f");
  const std::string gateway = absl::HexStringToBytes("101112131415161718191a1b1c1d1e1f");
  const std::string terminal = absl::HexStringToBytes("202122232425262728292a2b2c2d2e2f");
  const auto proof = [&](Role prover, Role caller) {
    return absl::BytesToHexString(KeyProof(key, prover, caller, gateway, terminal));
  };
  EXPECT_EQ(proof(Role::kGateway, Role::kGateway),
            "fcfa3b0858a53b938b7181deaaeab3a35ab416858c923dca3fd5387abd06fbba");
  EXPECT_EQ(proof(Role::kTerminal, Role::kGateway),
            "d7ca069cb16f6ed1604fe64aac702008d98623648c1653e4b9ca2884afe0d739");
  EXPECT_EQ(proof(Role::kGateway, Role::kTerminal),
            "13c63bcbd30d0a95a09b7f71dcf5b9e0db3069cdead3f23057bbc9f0b5cfd247");
  EXPECT_EQ(proof(Role::kTerminal, Role::kTerminal),
            "47fa709afcd36db1704c9afa0e90340dd71d75a676cfd8cd5e2f9d5fe4fe5a9a");
}

TEST(KeyProof, MatchesItselfAlone) {
  constexpr Role kG = Role::kGateway;
  constexpr Role kT = Role::kTerminal;
  const std::string proof = KeyProof("key", kG, kG, "a", "b");
  EXPECT_TRUE(ProofMatches(proof, proof));
  EXPECT_FALSE(ProofMatches(proof, KeyProof("key", kT, kG, "a", "b")));
  EXPECT_FALSE(ProofMatches(proof, KeyProof("key", kG, kT, "a", "b")));
  EXPECT_FALSE(ProofMatches(proof, KeyProof("kex", kG, kG, "a", "b")));
  EXPECT_FALSE(ProofMatches(proof, KeyProof("key", kG, kG, "b", "a")));
  EXPECT_FALSE(ProofMatches(proof, proof.substr(0, 31)));
  EXPECT_FALSE(ProofMatches(proof, ""));
}

TEST(Nonce, IsRandom) {
  const auto a = MakeNonce();
  const auto b = MakeNonce();
  ASSERT_TRUE(a.ok() && b.ok());
  EXPECT_EQ(a->size(), kNonceSize);
  EXPECT_NE(*a, *b);
}

}  // namespace
}  // namespace gatelog::terminal
