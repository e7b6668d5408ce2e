#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace gatelog::sim {

// Makes small JPEGs of a person in front of a door camera, at most kImageSizeMax bytes each. A
// stock of drawings is made once; each image is one of them with a comment inside that names
// terminal and record, so that no two are the same. One thread at a time.
class ImageMaker {
 public:
  static constexpr std::size_t kImageSizeMax = 16 * 1024;

  // The same seed gives the same images.
  explicit ImageMaker(std::uint64_t seed) : seed_(seed) {}

  // kInternal if the JPEG library fails.
  absl::StatusOr<std::string> Make(std::uint32_t device, std::uint32_t id);

 private:
  const std::uint64_t seed_;
  std::vector<std::string> stock_;
};

}  // namespace gatelog::sim
