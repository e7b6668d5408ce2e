#include <algorithm>
#include <string>
#include <vector>

#include "device/terminal/frame_codec.h"
#include "tests/fuzz/fuzz_entries.h"

namespace gatelog::fuzz {
namespace {

struct Outcome {
  std::vector<std::string> frames;
  std::string error;

  bool operator==(const Outcome&) const = default;
};

std::string Written(const terminal::Frame& frame) {
  std::string bytes;
  // A frame may grow when it is written again (a number in more bytes than it needs shrinks,
  // defaults vanish; nothing grows).
  FUZZ_EXPECT(terminal::AppendFrame(frame, bytes).ok());
  return bytes;
}

// The pieces' sizes repeat those given.
Outcome ReadInPieces(std::string_view bytes, const std::vector<std::size_t>& sizes) {
  Outcome outcome;
  terminal::FrameReader reader;
  std::size_t turn = 0;
  while (!bytes.empty()) {
    const std::size_t size = std::min(bytes.size(), sizes[turn++ % sizes.size()]);
    reader.Append(bytes.substr(0, size));
    bytes.remove_prefix(size);
    while (true) {
      const auto frame = reader.Next();
      if (!frame.ok()) {
        outcome.error = std::string(frame.status().message());
        return outcome;
      }
      if (!frame->has_value()) break;
      outcome.frames.push_back(Written(**frame));
    }
  }
  return outcome;
}

}  // namespace

void FrameReaderTakes(std::string_view bytes) {
  const Outcome whole = ReadInPieces(bytes, {std::max<std::size_t>(bytes.size(), 1)});
  FUZZ_EXPECT(ReadInPieces(bytes, {1}) == whole);
  FUZZ_EXPECT(ReadInPieces(bytes, {3, 1, 7, 64}) == whole);
  std::string again;
  for (const std::string& frame : whole.frames) again += frame;
  const Outcome reread = ReadInPieces(again, {std::max<std::size_t>(again.size(), 1)});
  // An empty frame has no form on the wire: its length would be zero.
  const bool some_empty = std::any_of(whole.frames.begin(), whole.frames.end(), [](const auto& f) {
    return f.size() == terminal::kLengthSize;
  });
  if (!some_empty) FUZZ_EXPECT(reread.error.empty() && reread.frames == whole.frames);
}

}  // namespace gatelog::fuzz

FUZZ_TARGET(FrameReaderTakes)
