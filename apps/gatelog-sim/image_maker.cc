#include "apps/gatelog-sim/image_maker.h"

#include <turbojpeg.h>

#include <algorithm>
#include <memory>

#include "absl/strings/str_cat.h"
#include "apps/gatelog-sim/random.h"

namespace gatelog::sim {
namespace {

constexpr std::uint64_t kImagePurpose = 3;
constexpr std::size_t kStockSize = 48;
constexpr std::size_t kCommentSizeMax = 128;  // room kept for the comment in each image
constexpr std::size_t kMarkerSize = 2;        // bytes of a JPEG marker, and of a length
constexpr int kQualityMin = 20;
constexpr int kQualityStep = 10;

struct Drawing {
  int width = 0;
  int height = 0;
  std::vector<unsigned char> pixels;  // RGB
};

bool InEllipse(int x, int y, int center_x, int center_y, int radius_x, int radius_y) {
  const double dx = static_cast<double>(x - center_x) / radius_x;
  const double dy = static_cast<double>(y - center_y) / radius_y;
  return dx * dx + dy * dy <= 1.0;
}

unsigned char Shade(int value, std::uint32_t noise, Random& random) {
  const int spread = static_cast<int>(random.Below(2 * noise + 1)) - static_cast<int>(noise);
  return static_cast<unsigned char>(std::clamp(value + spread, 0, 255));
}

// A head and shoulders before a wall that the light falls on from one side.
Drawing Draw(Random& random) {
  Drawing drawing;
  drawing.width = 16 * static_cast<int>(random.Between(6, 15));
  drawing.height = drawing.width * 4 / 3;
  drawing.pixels.resize(static_cast<std::size_t>(drawing.width * drawing.height) * 3);
  const int center_x = drawing.width / 2 + static_cast<int>(random.Below(21)) - 10;
  const int head_y = drawing.height * 2 / 5;
  const int head = drawing.width / static_cast<int>(random.Between(4, 6));
  const std::uint32_t noise = random.Between(2, 14);
  const int wall = static_cast<int>(random.Between(90, 180));
  const int skin = static_cast<int>(random.Between(70, 200));
  const int cloth[3] = {static_cast<int>(random.Below(200)), static_cast<int>(random.Below(200)),
                        static_cast<int>(random.Below(200))};
  unsigned char* pixel = drawing.pixels.data();
  for (int y = 0; y < drawing.height; ++y) {
    for (int x = 0; x < drawing.width; ++x) {
      const bool is_head = InEllipse(x, y, center_x, head_y, head, head * 5 / 4);
      const bool is_body =
          InEllipse(x, y, center_x, drawing.height, head * 2, drawing.height - head_y - head);
      for (int channel = 0; channel < 3; ++channel) {
        int value = wall + 60 * x / drawing.width - 30 * y / drawing.height;
        if (is_body) value = cloth[channel] + 40 * x / drawing.width;
        if (is_head) value = skin + 30 - 20 * channel + 30 * x / drawing.width;
        *pixel++ = Shade(value, noise, random);
      }
    }
  }
  return drawing;
}

absl::StatusOr<std::string> Compress(const Drawing& drawing, int quality) {
  const std::unique_ptr<void, int (*)(void*)> handle(tjInitCompress(), &tjDestroy);
  if (handle == nullptr) return absl::InternalError("the JPEG library does not start");
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  const int result = tjCompress2(handle.get(), drawing.pixels.data(), drawing.width, 0,
                                 drawing.height, TJPF_RGB, &bytes, &size, TJSAMP_420, quality, 0);
  const std::unique_ptr<unsigned char, void (*)(unsigned char*)> owner(bytes, &tjFree);
  if (result != 0) return absl::InternalError(absl::StrCat("JPEG: ", tjGetErrorStr2(handle.get())));
  return std::string(reinterpret_cast<const char*>(bytes), size);
}

absl::StatusOr<std::string> MakeStockImage(Random& random) {
  const Drawing drawing = Draw(random);
  const int quality = static_cast<int>(random.Between(40, 85));
  absl::StatusOr<std::string> jpeg = Compress(drawing, quality);
  for (int lower = quality - kQualityStep;
       jpeg.ok() && jpeg->size() > ImageMaker::kImageSizeMax - kCommentSizeMax &&
       lower >= kQualityMin;
       lower -= kQualityStep) {
    jpeg = Compress(drawing, lower);
  }
  return jpeg;
}

}  // namespace

absl::StatusOr<std::string> ImageMaker::Make(std::uint32_t device, std::uint32_t id) {
  while (stock_.size() < kStockSize) {
    Random random(MixSeed(MixSeed(seed_, kImagePurpose), stock_.size()));
    absl::StatusOr<std::string> jpeg = MakeStockImage(random);
    if (!jpeg.ok()) return jpeg.status();
    stock_.push_back(*std::move(jpeg));
  }
  const std::string& base =
      stock_[MixSeed(std::uint64_t{device} << 32 | id, kImagePurpose) % kStockSize];
  const std::string text = absl::StrCat("gatelog-sim terminal ", device, " record ", id);
  const std::size_t length = text.size() + kMarkerSize;
  std::string jpeg = base.substr(0, kMarkerSize);  // start of image
  jpeg += "\xFF\xFE";                              // comment
  jpeg += static_cast<char>(length >> 8);
  jpeg += static_cast<char>(length & 0xFF);
  jpeg += text;
  jpeg.append(base, kMarkerSize);
  if (jpeg.size() > kImageSizeMax)
    return absl::InternalError("a drawing does not fit an image log");
  return jpeg;
}

}  // namespace gatelog::sim
