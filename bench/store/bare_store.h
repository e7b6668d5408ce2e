#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "ports/event_store.h"

namespace gatelog::bench {

// The same events in a DBMS without us, in the layout that takes and finds them fastest: a table
// for each segment, the last one without indexes. No fence, no gaps, no chain of digests: the
// ceiling. One thread. Any error ends the program.
class BareStore {
 public:
  virtual ~BareStore() = default;

  // One transaction, synced.
  virtual void Insert(std::span<const ports::Batch> batches) = 0;
  // Indexes what the open segment has, so that all is found as fast as it can be.
  virtual void Settle() = 0;

  // Each returns how many rows it read.
  virtual std::size_t NewestOfPerson(const std::string& user, int limit) = 0;
  virtual std::size_t OfDevice(model::DeviceId device, std::int64_t from_s, std::int64_t to_s) = 0;
  virtual std::size_t NewestOfCode(std::uint32_t code, std::int64_t from_s, std::int64_t to_s,
                                   int limit) = 0;
  virtual std::size_t CountByCodeAndHour(std::int64_t from_s, std::int64_t to_s) = 0;
  virtual std::size_t PageAfter(std::uint64_t seq, int limit) = 0;

  virtual double Bytes() = 0;
};

// A segment of a bare store.
struct BareSegment {
  int number = 0;
  std::uint64_t first_seq = 0;  // exclusive
  std::uint64_t events = 0;
  std::int64_t from_s = 0;  // of the device times in it
  std::int64_t to_s = 0;    // inclusive

  void Add(std::int64_t time_s) {
    from_s = events == 0 || time_s < from_s ? time_s : from_s;
    to_s = time_s > to_s ? time_s : to_s;
    ++events;
  }
  bool Overlaps(std::int64_t from, std::int64_t to) const {
    return events > 0 && to_s >= from && from_s < to;
  }
};

}  // namespace gatelog::bench
