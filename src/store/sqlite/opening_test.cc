// A store that is found damaged opens, or says in one sentence what is wrong and what to do.

#include "store/sqlite/opening.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "store/sqlite/sqlite_store.h"
#include "store/sqlite/store_check.h"
#include "tests/support/records.h"
#include "tests/support/temp_directory.h"

namespace gatelog::store {
namespace {

using ::testing::AnyOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;

constexpr model::DeviceId kDoor = 541'000'001;
constexpr int kEvents = 3'000;

void Spit(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
}

std::string Slurp(const std::string& path) {
  std::ostringstream content;
  content << std::ifstream(path, std::ios::binary).rdbuf();
  return content.str();
}

class OpeningTest : public ::testing::Test {
 protected:
  std::string directory() const { return directory_.path(); }
  std::string file() const { return directory() + "/gatelog.db"; }
  std::string log() const { return file() + "-wal"; }

  absl::StatusOr<std::unique_ptr<SqliteStore>> Open() const {
    return SqliteStore::Open({.directory = directory()});
  }

  // A store with events and images, closed.
  void MakeStore() {
    auto store = Open();
    ASSERT_TRUE(store.ok()) << store.status();
    Fill(**store);
  }

  void Fill(SqliteStore& store) {
    const ports::Batch batch = testing::BatchMaker({.log_device = kDoor})
                                   .OpenEpoch(1, 7)
                                   .AddSome(kEvents)
                                   .AddGap(3, model::GapReason::kAbsent)
                                   .Make();
    const auto results = store.Commit(std::span(&batch, 1));
    ASSERT_TRUE(results.ok() && results->at(0).ok());
  }

  // The store as a process leaves it that is killed.
  void MakeKilledStore() {
    const pid_t child = fork();
    if (child == 0) {
      auto store = Open();
      if (!store.ok()) _exit(1);
      Fill(**store);
      _exit(HasFailure() ? 2 : 0);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_EQ(status, 0);
    ASSERT_TRUE(std::filesystem::exists(log()));
  }

  static void ExpectSentence(const absl::Status& status, absl::StatusCode code, const char* words) {
    EXPECT_EQ(status.code(), code) << status;
    const std::string message(status.message());
    EXPECT_THAT(message, HasSubstr(words));
    EXPECT_THAT(message, EndsWith("."));
    EXPECT_LT(message.size(), 400u);
    EXPECT_FALSE(absl::StrContains(message, "\n"));
  }

  testing::TempDirectory directory_;
};

TEST_F(OpeningTest, TheFirstStartMakesAWholeStoreOrNone) {
  // Of a start that was cut off while it wrote.
  Spit(file() + ".tmp", "half a store");
  MakeStore();
  EXPECT_TRUE(CheckStoreFile(file(), nullptr).ok());
}

TEST_F(OpeningTest, AKilledStoreGoesOn) {
  MakeKilledStore();
  const auto store = Open();
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_EQ((*store)->last_seq(), static_cast<std::uint64_t>(kEvents));
}

TEST_F(OpeningTest, AStoreThatWasClosedNeedsNoLog) {
  MakeStore();
  EXPECT_FALSE(std::filesystem::exists(log()));
  EXPECT_TRUE(Open().ok());
}

TEST_F(OpeningTest, AStoreInUseIsNotCheckedAsAFile) {
  MakeStore();
  {
    const auto store = Open();
    ASSERT_TRUE(store.ok()) << store.status();
    ExpectSentence(CheckStoreFile(file(), nullptr).status(), absl::StatusCode::kFailedPrecondition,
                   "in use by another gatelogd");
  }
  EXPECT_TRUE(CheckStoreFile(file(), nullptr).ok());
}

TEST_F(OpeningTest, AMissingLogAfterACrashIsNoticed) {
  MakeKilledStore();
  ASSERT_TRUE(std::filesystem::remove(log()));
  ExpectSentence(Open().status(), absl::StatusCode::kDataLoss, "gatelog.db-wal is missing");
  ExpectSentence(Open().status(), absl::StatusCode::kDataLoss, "gatelog store restore");
}

TEST_F(OpeningTest, AMissingFileBesideItsLogIsNoticed) {
  MakeKilledStore();
  ASSERT_TRUE(std::filesystem::remove(file()));
  ExpectSentence(Open().status(), absl::StatusCode::kDataLoss, "gatelog.db is missing");
}

TEST_F(OpeningTest, AnEmptyFileIsNotTakenForANewStore) {
  Spit(file(), "");
  ExpectSentence(Open().status(), absl::StatusCode::kDataLoss, "is empty");
  EXPECT_EQ(std::filesystem::file_size(file()), 0u) << "left as it was";
  ExpectSentence(CheckStoreFile(file(), nullptr).status(), absl::StatusCode::kDataLoss, "is empty");
}

TEST_F(OpeningTest, AFileCutShortIsNoticed) {
  MakeStore();
  const auto size = std::filesystem::file_size(file());
  for (const std::uintmax_t left :
       {size - 1, size / 2, std::uintmax_t{4096}, std::uintmax_t{200}}) {
    SCOPED_TRACE(left);
    std::filesystem::resize_file(file(), left);
    ExpectSentence(Open().status(), absl::StatusCode::kDataLoss, "restore a backup");
  }
}

TEST_F(OpeningTest, ForeignFilesAreLeftAlone) {
  const std::string text(10'000, 'x');
  Spit(file(), text);
  ExpectSentence(Open().status(), absl::StatusCode::kDataLoss, "no database");
  EXPECT_EQ(Slurp(file()), text);
}

TEST_F(OpeningTest, AFlippedByteIsFoundOrHarmless) {
  MakeStore();
  const std::string whole = Slurp(file());
  int refused = 0;
  int found = 0;
  for (std::size_t at = 50; at < whole.size(); at += whole.size() / 60) {
    SCOPED_TRACE(at);
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x55);
    Spit(file(), damaged);
    const absl::Status checked = CheckStoreFile(file(), nullptr).status();
    if (!checked.ok()) ++found;
    const auto store = Open();
    if (!store.ok()) {
      ++refused;
      ExpectSentence(store.status(), store.status().code(), "gatelog.db");
      EXPECT_FALSE(checked.ok()) << "opening refuses what the check takes";
      continue;
    }
    for (std::uint64_t seq = 0; seq < kEvents; seq += 500) {
      const absl::Status read = (*store)->Read({.after_seq = seq, .limit = 500}).status();
      EXPECT_THAT(read.code(), AnyOf(absl::StatusCode::kOk, absl::StatusCode::kDataLoss)) << read;
      EXPECT_FALSE(checked.ok() && !read.ok()) << "reading fails on what the check takes";
    }
  }
  EXPECT_GT(found, 3) << "bytes of what a device said are not SQLite's to judge, but others are";
  EXPECT_LE(refused, found);
}

TEST_F(OpeningTest, ADamagedPageIsFoundAtTheStartAfterACrash) {
  MakeStore();
  Spit(directory() + "/gatelog.lock", "1\nopen\n");
  std::string damaged = Slurp(file());
  damaged.replace(damaged.size() / 2, 4096, std::string(4096, '\x55'));
  Spit(file(), damaged);
  Spit(log(), "");
  for (int start = 0; start < 3; ++start) {
    ExpectSentence(Open().status(), absl::StatusCode::kDataLoss, "is damaged");
  }
}

// As somebody who may not write the file: root may write all of them.
template <typename Prepare>
absl::StatusCode OpenAsNobody(const std::string& directory, Prepare prepare) {
  constexpr uid_t kNobody = 65534;
  const pid_t child = fork();
  if (child == 0) {
    prepare();
    if (getuid() == 0 && seteuid(kNobody) != 0) _exit(100);
    const absl::Status status = SqliteStore::Open({.directory = directory}).status();
    const bool sentence =
        absl::StrContains(status.message(), directory) && absl::EndsWith(status.message(), ".");
    _exit(sentence ? static_cast<int>(status.code()) : 101);
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return static_cast<absl::StatusCode>(WEXITSTATUS(status));
}

TEST_F(OpeningTest, AReadOnlyFileAndAForeignOwnerAreOneClearSentence) {
  MakeStore();
  std::filesystem::permissions(directory(), std::filesystem::perms::all);
  std::filesystem::permissions(directory() + "/gatelog.lock", std::filesystem::perms::all);
  EXPECT_EQ(OpenAsNobody(directory(), [&] { chmod(file().c_str(), 0444); }),
            absl::StatusCode::kPermissionDenied);
  if (getuid() != 0) GTEST_SKIP() << "the rest needs another owner, which root alone can make";
  EXPECT_EQ(OpenAsNobody(directory(), [&] { chmod(file().c_str(), 0600); }),
            absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(
      OpenAsNobody(directory(), [&] { chmod((directory() + "/gatelog.lock").c_str(), 0600); }),
      absl::StatusCode::kPermissionDenied);
}

}  // namespace
}  // namespace gatelog::store
