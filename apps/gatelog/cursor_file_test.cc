#include "apps/gatelog/cursor_file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "apps/gatelog/failure.h"

namespace gatelog::cli {
namespace {

class CursorFileTest : public testing::Test {
 protected:
  CursorFileTest() {
    std::filesystem::create_directories(directory_);
    std::filesystem::remove(path_);
  }
  ~CursorFileTest() override { std::filesystem::remove_all(directory_); }

  const std::filesystem::path directory_ =
      std::filesystem::path(testing::TempDir()) / ("cursor_file_" + std::to_string(getpid()));
  const std::string path_ = directory_ / "cursor";
};

TEST_F(CursorFileTest, WithoutAFileThereIsNoCursor) {
  const auto cursor = CursorFile(path_).Load();
  ASSERT_TRUE(cursor.ok()) << cursor.status();
  EXPECT_EQ(*cursor, "");
}

TEST_F(CursorFileTest, WhatWasSavedLastIsLoaded) {
  CursorFile file(path_);
  for (const char* cursor : {"00000000000000ab-7", "00000000000000ab-12345678"}) {
    ASSERT_TRUE(file.Save(cursor).ok());
    EXPECT_EQ(CursorFile(path_).Load().value_or("none"), cursor);
  }
  // Nothing else is left beside it.
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory_), {}), 1);
}

TEST_F(CursorFileTest, AnotherFileIsNotTakenForOne) {
  for (const char* text : {"", "hello", "now"}) {
    std::ofstream(path_) << text;
    const auto cursor = CursorFile(path_).Load();
    ASSERT_FALSE(cursor.ok()) << text;
    EXPECT_EQ(ExitCodeOf(cursor.status()), kExitFailed);
    EXPECT_NE(cursor.status().message().find("holds no cursor"), absl::string_view::npos);
  }
  std::ofstream(path_) << std::string(10'000, 'x');
  EXPECT_FALSE(CursorFile(path_).Load().ok());
}

TEST_F(CursorFileTest, AFileThatCannotBeWrittenIsNamed) {
  CursorFile file((directory_ / "no such directory" / "cursor").string());
  const absl::Status status = file.Save("00000000000000ab-7");
  EXPECT_NE(status.message().find("no such directory"), absl::string_view::npos);
}

}  // namespace
}  // namespace gatelog::cli
