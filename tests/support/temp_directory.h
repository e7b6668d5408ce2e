#pragma once

#include <string>

namespace gatelog::testing {

// A new directory of its own, removed with everything in it when destroyed.
class TempDirectory {
 public:
  TempDirectory();
  ~TempDirectory();
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace gatelog::testing
