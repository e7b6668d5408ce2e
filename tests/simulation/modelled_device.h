#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>

#include "model/log_status.h"
#include "ports/device_link.h"
#include "tests/support/virtual_time.h"

namespace gatelog::simulation {

using Random = std::mt19937_64;

// True once in `n` times.
inline bool OneIn(Random& random, std::uint64_t n) { return random() % n == 0; }

// 0 to n - 1.
inline std::uint32_t Below(Random& random, std::uint64_t n) {
  return static_cast<std::uint32_t>(random() % n);
}

class ModelledLink;

// How badly the links of a device behave. Each is "once in so many times"; 0: never.
struct LinkFaults {
  std::uint64_t lose_link = 0;  // at any reply
  std::uint64_t lose_push = 0;
  std::uint64_t double_push = 0;
  std::uint64_t forge_push = 0;  // a push of a record that is not there
  std::uint64_t fail_read = 0;   // the device answers with an error of its own
  std::chrono::milliseconds delay_max{5};
};

// A terminal as the gateway may meet it: a ring of records under a counter, and everything that
// happens to it. Every record it ever wrote is remembered, to be compared with what was stored.
class ModelledDevice {
 public:
  struct Record {
    std::string payload;
    bool readable = true;      // its bytes are an event
    std::uint64_t serial = 0;  // unique over everything the device ever wrote
  };
  // One record that was on the device, wherever it went.
  struct Written {
    std::uint64_t life = 0;
    model::EventId id = 0;
    std::string payload;
    bool readable = true;
  };

  // Everything that was written under one device ID, by whichever terminal.
  struct Ledger {
    std::uint64_t last_serial = 0;
    std::map<std::uint64_t, Written> written;  // by serial
    std::set<std::uint64_t> rewritten_lives;   // lost records and wrote others under their IDs
  };

  ModelledDevice(model::DeviceId id, bool generations, std::shared_ptr<Ledger> ledger,
                 testing::VirtualTime& time, Random& random);
  ~ModelledDevice();

  model::DeviceId id() const { return id_; }

  // What may happen to a terminal.
  void Write(std::uint32_t code);
  void WriteUnreadable();
  void SkipIds(std::uint32_t count);  // holes in the counter
  void Clear(bool by_command);        // writes 0x4200 as the first record
  void Empty();                       // without a record: the log is just gone
  void FactoryReset();
  void LoseNewest(std::uint32_t count);  // a rollback: the counter goes back too
  void SwapWith(ModelledDevice& spare);  // another terminal comes under this ID, with its own log
  void CutLink();
  void set_reachable(bool reachable);
  void set_faults(const LinkFaults& faults) { faults_ = faults; }
  void JumpClock(std::int64_t by_s) { clock_offset_s_ += by_s; }

  bool reachable() const { return reachable_; }
  bool linked() const { return link_ != nullptr; }
  const LinkFaults& faults() const { return faults_; }
  model::LogStatus status() const;
  const std::map<model::EventId, Record>& records() const { return log_.records; }
  const Ledger& ledger() const { return *ledger_; }
  std::uint64_t life() const { return log_.life; }
  bool generations() const { return generations_; }

 private:
  friend class ModelledLink;
  friend class ModelledDialer;

  // What makes one log different from another's.
  struct Log {
    std::map<model::EventId, Record> records;
    model::EventId next_id = 1;
    model::Generation generation = 0;
    std::uint64_t life = 0;
  };

  void Append(std::string payload, bool readable);
  std::uint32_t clock_s() const;
  model::Generation NewGeneration();

  const model::DeviceId id_;
  const bool generations_;
  const std::size_t capacity_;
  testing::VirtualTime& time_;
  Random& random_;
  Log log_;
  LinkFaults faults_;
  bool reachable_ = true;
  std::int64_t clock_offset_s_ = 0;
  ModelledLink* link_ = nullptr;
  std::shared_ptr<Ledger> ledger_;
};

// Links to modelled devices; the port of an address is the device's number in the fleet.
class ModelledDialer final : public ports::DeviceDialer {
 public:
  ModelledDialer(testing::VirtualTime& time, Random& random) : time_(time), random_(random) {}

  void Add(std::uint16_t port, ModelledDevice& device) { devices_[port] = &device; }

  std::unique_ptr<Attempt> Dial(
      const ports::DeviceAddress& address, ports::DeviceLinkObserver& observer,
      ports::Reply<absl::StatusOr<std::unique_ptr<ports::DeviceLink>>> reply) override;

 private:
  testing::VirtualTime& time_;
  Random& random_;
  std::map<std::uint16_t, ModelledDevice*> devices_;
};

}  // namespace gatelog::simulation
