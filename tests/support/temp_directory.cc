#include "tests/support/temp_directory.h"

#include <cstdlib>
#include <filesystem>
#include <system_error>

namespace gatelog::testing {

TempDirectory::TempDirectory() {
  path_ = (std::filesystem::temp_directory_path() / "gatelog-XXXXXX").string();
  // A test without its directory has nothing to go on with.
  if (mkdtemp(path_.data()) == nullptr) std::abort();
}

TempDirectory::~TempDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace gatelog::testing
