#include "apps/gatelog-sim/image_maker.h"

#include <gtest/gtest.h>
#include <turbojpeg.h>

#include <memory>
#include <set>

namespace gatelog::sim {
namespace {

TEST(ImageMakerTest, MakesSmallJpegsThatCanBeShown) {
  ImageMaker maker(1);
  const std::unique_ptr<void, int (*)(void*)> decoder(tjInitDecompress(), &tjDestroy);
  std::set<std::size_t> sizes;
  for (std::uint32_t id = 1; id <= 200; ++id) {
    const absl::StatusOr<std::string> jpeg = maker.Make(541000001, id);
    ASSERT_TRUE(jpeg.ok()) << jpeg.status();
    ASSERT_LE(jpeg->size(), ImageMaker::kImageSizeMax);
    sizes.insert(jpeg->size());
    const auto* bytes = reinterpret_cast<const unsigned char*>(jpeg->data());
    int width = 0;
    int height = 0;
    int subsampling = 0;
    int colorspace = 0;
    ASSERT_EQ(tjDecompressHeader3(decoder.get(), bytes, jpeg->size(), &width, &height, &subsampling,
                                  &colorspace),
              0)
        << tjGetErrorStr2(decoder.get());
    ASSERT_GE(width, 64);
    std::vector<unsigned char> pixels(static_cast<std::size_t>(width * height) * 3);
    ASSERT_EQ(tjDecompress2(decoder.get(), bytes, jpeg->size(), pixels.data(), width, 0, height,
                            TJPF_RGB, TJFLAG_STOPONWARNING),
              0)
        << tjGetErrorStr2(decoder.get());
  }
  EXPECT_GT(sizes.size(), 20u);
}

TEST(ImageMakerTest, NoTwoRecordsHaveTheSameImageButTheSeedRepeats) {
  ImageMaker maker(1);
  ImageMaker again(1);
  std::set<std::string> images;
  for (std::uint32_t id = 1; id <= 300; ++id) {
    const std::string image = *maker.Make(541000001, id);
    EXPECT_EQ(image, *again.Make(541000001, id));
    images.insert(image);
    images.insert(*maker.Make(541000002, id));
  }
  EXPECT_EQ(images.size(), 600u);
}

}  // namespace
}  // namespace gatelog::sim
