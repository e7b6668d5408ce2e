#pragma once

#include <string>

namespace gatelog::testing {

// A new directory of its own, removed with everything in it when destroyed.
class TempDirectory {
 public:
  enum class Place {
    kDisk,
    kMemory,  // where there is such a place; for tests to which a real sync means nothing
  };
  explicit TempDirectory(Place place = Place::kDisk);
  ~TempDirectory();
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace gatelog::testing
