#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/identity.h"

namespace gatelog::simulation {

// Where a record is now.
enum class Fate {
  kStanding,     // on a device
  kOverwritten,  // the ring went on
  kCleared,      // or emptied
  kLost,         // the device forgot its newest records
};

// One record that a device wrote.
struct Written {
  model::EventId id = 0;
  std::uint64_t parent = 0;  // serial of the record before it in its log; 0: the first of its life
  bool readable = true;      // its bytes are an event
  bool clear_mark = false;   // says that the log was cleared
  Fate fate = Fate::kStanding;
  std::chrono::milliseconds at{0};  // when it was written
  std::string payload;
};

// Everything that was written under one device ID, by whichever terminal. The records make a tree:
// a log that lost its newest records goes on from an older one.
class Ledger {
 public:
  // Whether these bytes, which are no event, stood under that ID.
  bool HasUnreadable(model::EventId id, std::string_view bytes) const {
    return std::any_of(records_.begin(), records_.end(), [&](const Written& record) {
      return !record.readable && record.id == id && record.payload == bytes;
    });
  }

  // Serials count from 1.
  std::uint64_t next_serial() const { return records_.size() + 1; }
  std::uint64_t Add(Written record) {
    records_.push_back(std::move(record));
    return records_.size();
  }
  const Written& operator[](std::uint64_t serial) const { return records_[serial - 1]; }
  Written& operator[](std::uint64_t serial) { return records_[serial - 1]; }
  std::uint64_t size() const { return records_.size(); }

  // Of a stored user ID; 0: not one that a device wrote.
  static std::string UserOf(model::DeviceId device, std::uint64_t serial);
  std::uint64_t SerialOf(model::DeviceId device, std::string_view user) const;

 private:
  std::vector<Written> records_;
};

}  // namespace gatelog::simulation
