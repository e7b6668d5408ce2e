#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "bench/store/bare_store.h"
#include "tests/support/temp_directory.h"

namespace gatelog::bench {

// In SQLite. A full segment gets an index each on the person, the code and the log's record.
class BareSqlite final : public BareStore {
 public:
  static constexpr std::uint64_t kSegmentEvents = 500'000;

  // In a directory that goes with the object.
  BareSqlite(std::int64_t cache_kib, int checkpoint_pages);
  ~BareSqlite() override;
  BareSqlite(const BareSqlite&) = delete;
  BareSqlite& operator=(const BareSqlite&) = delete;

  void Insert(std::span<const ports::Batch> batches) override;
  void Settle() override;
  std::size_t NewestOfPerson(const std::string& user, int limit) override;
  std::size_t OfDevice(model::DeviceId device, std::int64_t from_s, std::int64_t to_s) override;
  std::size_t NewestOfCode(std::uint32_t code, std::int64_t from_s, std::int64_t to_s,
                           int limit) override;
  std::size_t CountByCodeAndHour(std::int64_t from_s, std::int64_t to_s) override;
  std::size_t PageAfter(std::uint64_t seq, int limit) override;
  double Bytes() override;

 private:
  void Execute(const std::string& sql);
  sqlite3_stmt* Prepare(const std::string& sql);
  std::size_t Rows(sqlite3_stmt* statement, std::vector<std::int64_t> values);
  void OpenSegment();
  void CloseSegment();
  void InsertEvent(const ports::Batch& batch, const model::Event& event);
  std::int64_t PersonOf(const std::string& user);

  testing::TempDirectory directory_;
  sqlite3* database_ = nullptr;
  sqlite3_stmt* insert_ = nullptr;
  std::unordered_map<std::string, sqlite3_stmt*> statements_;
  std::unordered_map<std::string, std::int64_t> people_;
  std::vector<BareSegment> segments_;
  std::uint64_t seq_ = 0;
};

}  // namespace gatelog::bench
