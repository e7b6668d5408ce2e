#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "bench/store/bare_store.h"
#include "store/postgres/connection.h"

namespace gatelog::bench {

// In PostgreSQL, by binary COPY. A full segment gets an index each on the number of the event, the
// person, the code, the device and the time.
class BarePostgres final : public BareStore {
 public:
  static constexpr std::uint64_t kSegmentEvents = 524'288;

  // In the schema `bare`, made anew, of the database; the schema goes with the object.
  explicit BarePostgres(const std::string& url);
  ~BarePostgres() override;

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
  void OpenSegment();
  void CloseSegment();
  void AddEvent(const ports::Batch& batch, const model::Event& event, postgres::BinaryRows& rows);
  std::size_t Rows(const std::string& sql, const postgres::Params& params);

  std::unique_ptr<postgres::Connection> session_;
  std::unordered_map<std::string, std::int64_t> people_;  // numbers that a table would give
  std::vector<BareSegment> segments_;
  std::uint64_t seq_ = 0;
};

}  // namespace gatelog::bench
