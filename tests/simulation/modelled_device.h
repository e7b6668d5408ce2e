#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "model/log_status.h"
#include "tests/simulation/faults.h"
#include "tests/simulation/ledger.h"
#include "tests/simulation/random.h"
#include "tests/support/virtual_time.h"

namespace gatelog::simulation {

class ModelledLink;

// How badly the links of a device behave. Each is "once in so many times"; 0: never.
struct LinkFaults {
  std::uint64_t lose_link = 0;  // at a request
  std::uint64_t die = 0;        // in silence, at a request
  std::uint64_t flap = 0;       // as soon as it is there
  std::uint64_t overtake = 0;   // a frame is not kept in order
  std::uint64_t repeat_page = 0;
  std::uint64_t cut_page = 0;
  std::uint64_t refuse_read = 0;
  std::uint64_t lose_push = 0;
  std::uint64_t lose_keep_alive = 0;
  std::uint64_t double_push = 0;
  std::uint64_t forge_push = 0;
  std::chrono::milliseconds delay_max{5};

  bool operator==(const LinkFaults&) const = default;
};

// A terminal as the gateway may meet it: a ring of records under a counter, and everything that
// happens to it. Every record it ever wrote is in the ledger, to be compared with what was stored.
class ModelledDevice {
 public:
  // What a device is like for all its life.
  struct Traits {
    bool generations = true;      // it has another generation whenever its counter begins anew
    bool clear_restarts = false;  // a clear begins the counter anew
    bool logs_links = false;      // it writes a record when a gateway comes
    bool images = false;
    bool keeps_images = false;     // when its log is cleared, reset or rolled back
    std::size_t capacity = 1'000;  // records
  };

  ModelledDevice(model::DeviceId id, const Traits& traits, std::shared_ptr<Ledger> ledger,
                 testing::VirtualTime& time, Random& random, FaultCounts& counts);
  ~ModelledDevice();

  // What may happen to a terminal.
  void Write(std::uint32_t code);
  void WriteEarly(std::uint32_t code);  // the push comes before the record can be read
  void WriteUnreadable();
  void SkipIds(std::uint32_t count);
  void Clear();
  void Empty();
  void FactoryReset(bool beyond);
  void LoseNewest(std::uint32_t count);
  void SwapWith(ModelledDevice& spare);  // another terminal comes under this ID, with its own log
  void Reencode() { ++log_.encoding; }
  void Decay();  // one record becomes unreadable
  void CutLink();
  void DropLinkInSilence();
  void LosePushes();
  void set_reachable(bool reachable);
  void set_faults(const LinkFaults& faults);
  void JumpClock(std::int64_t by_s) { clock_offset_s_ += by_s; }
  void SetClock(std::int64_t to_s);
  // Another gateway takes the session until then, if it is free.
  void OccupyUntil(std::chrono::milliseconds time);

  model::DeviceId id() const { return id_; }
  const Traits& traits() const { return traits_; }
  bool reachable() const { return reachable_; }
  bool linked() const { return link_ != nullptr; }
  bool busy() const { return linked() || time_.now() < occupied_until_; }
  // The link has been there since, and nothing was done to it that would make it slow; never: no.
  std::chrono::milliseconds healthy_since() const;
  const LinkFaults& faults() const { return faults_; }
  const Ledger& ledger() const { return *ledger_; }

  // The log as it can be read now.
  model::LogStatus status() const;
  const std::map<model::EventId, std::uint64_t>& records() const {
    return log_.records;
  }  // serials
  std::string PayloadOf(std::uint64_t serial) const;
  // The record before the next one, whether or not it still stands; 0: none.
  std::uint64_t newest() const { return log_.newest; }
  const std::map<model::EventId, std::string>& images() const { return log_.images; }

 private:
  friend class ModelledLink;

  // What makes one log different from another's.
  struct Log {
    std::map<model::EventId, std::uint64_t> records;
    std::map<model::EventId, std::string> images;  // encoded ImageLogs
    model::EventId next_id = 1;
    model::EventId hidden_from = 0;  // IDs from here on cannot be read yet
    std::uint64_t newest = 0;
    model::Generation generation = 0;
    int encoding = 0;  // by which firmware
  };

  std::string MakeEvent(std::uint32_t code, std::uint64_t serial, bool has_image);
  void Append(Written record);
  void Overwrite();
  void Remove(model::EventId id, Fate fate);
  void AddImage(std::uint32_t code, std::uint64_t serial);
  void RemoveImages(model::EventId from);
  std::uint32_t clock_s() const;
  model::Generation NewGeneration();

  const model::DeviceId id_;
  const Traits traits_;
  testing::VirtualTime& time_;
  Random& random_;
  FaultCounts& counts_;
  std::shared_ptr<Ledger> ledger_;
  Log log_;
  LinkFaults faults_;
  bool reachable_ = true;
  std::chrono::milliseconds occupied_until_{0};
  std::int64_t clock_offset_s_ = 0;
  ModelledLink* link_ = nullptr;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace gatelog::simulation
