#include <array>
#include <memory>
#include <string>
#include <vector>

#include "device/terminal/link_codec.h"
#include "device/terminal/open_request.h"
#include "device/terminal/terminal_options.h"
#include "tests/fuzz/fuzz_entries.h"

namespace gatelog::fuzz {
namespace {

constexpr model::EventId kFrom = 10;
constexpr std::uint32_t kMax = 5;

void ExpectGoodPage(const absl::StatusOr<ports::LogPage>& page) {
  if (!page.ok()) return;
  FUZZ_EXPECT(page->size() <= kMax);
  model::EventId lowest = kFrom;
  for (std::size_t i = 0; i < page->size(); ++i) {
    FUZZ_EXPECT((*page)[i].id >= lowest);
    lowest = (*page)[i].id + 1;
  }
  FUZZ_EXPECT(page->status.generation != 0 && page->status.first <= page->status.last);
}

std::unique_ptr<terminal::OpenRequest> MakeRequest(int kind) {
  switch (kind) {
    case 0:
      return terminal::ExpectStatus([](const absl::StatusOr<model::LogStatus>& status) {
        FUZZ_EXPECT(!status.ok() || status->first <= status->last);
      });
    case 1:
      return terminal::ExpectDone([](const absl::Status&) {});
    case 2:
      return terminal::ExpectFilters([](const absl::StatusOr<std::vector<std::string>>&) {});
    case 4:
      return terminal::ExpectAnswer(
          std::make_shared<terminal::AnswerRoom>(terminal::kAnswerBytesMax),
          [](const absl::StatusOr<std::string>& answer) {
            FUZZ_EXPECT(!answer.ok() || answer->size() <= ports::kCallSizeMax);
          });
    case 3:
      return terminal::ExpectLog(kFrom, kMax, ExpectGoodPage);
    default:
      return terminal::ExpectImages(kFrom, kMax,
                                    [](const absl::StatusOr<std::vector<std::string>>& images) {
                                      FUZZ_EXPECT(!images.ok() || images->size() <= kMax);
                                    });
  }
}

constexpr int kKinds = 6;

}  // namespace

// Each frame in the bytes is a chunk of one answer; every kind of request sees them all.
void AnswerTakes(std::string_view bytes) {
  for (int kind = 0; kind < kKinds; ++kind) {
    terminal::FrameReader reader;
    reader.Append(bytes);
    const std::unique_ptr<terminal::OpenRequest> request = MakeRequest(kind);
    while (true) {
      auto frame = reader.Next();
      if (!frame.ok() || !frame->has_value()) break;
      if ((*frame)->has_error()) {
        FUZZ_EXPECT(!request->Decode((*frame)->error()).ok());
      }
      if ((*frame)->has_hello_reply()) {
        const auto identity = terminal::DecodeIdentity((*frame)->hello_reply().identity());
        FUZZ_EXPECT(!identity.ok() || identity->model_name.size() <= terminal::kDeviceTextMax);
      }
      const auto progress = request->Take(**frame);
      if (!progress.ok()) {
        request->Fail(progress.status());
        break;
      }
      if (*progress == terminal::OpenRequest::Progress::kComplete) {
        request->Succeed();
        break;
      }
    }
  }
}

}  // namespace gatelog::fuzz

FUZZ_TARGET(AnswerTakes)
