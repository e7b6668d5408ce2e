#include "tests/support/temp_directory.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <system_error>

namespace gatelog::testing {

TempDirectory::TempDirectory(Place place) {
  constexpr char kMemory[] = "/dev/shm";
  const bool in_memory = place == Place::kMemory && access(kMemory, W_OK) == 0;
  const std::filesystem::path parent =
      in_memory ? std::filesystem::path(kMemory) : std::filesystem::temp_directory_path();
  path_ = (parent / "gatelog-XXXXXX").string();
  // A test without its directory has nothing to go on with.
  if (mkdtemp(path_.data()) == nullptr) std::abort();
}

TempDirectory::~TempDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace gatelog::testing
