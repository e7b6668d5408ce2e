#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/executor.h"
#include "evidence/seal.h"
#include "evidence/seal_key.h"
#include "model/identity.h"
#include "ports/evidence_store.h"

namespace gatelog::core {

// Seals what the store has committed, in intervals, and hands the heads to where they are kept; and
// the other things that become entries without being a device's record.
//
// Threads: made and called on the loop's thread, unless said otherwise; the store and the keepers
// are used on the writer's.
class Sealing {
 public:
  struct Options {
    std::chrono::milliseconds interval{60'000};
  };

  // Where heads are kept. Called with one line, without a newline, on the writer's thread; may
  // block. After an error it gets the newest line again at the next interval: a head stands for all
  // before it.
  struct Keeper {
    std::string name;  // "the file /mnt/heads", for the log
    std::function<absl::Status(const std::string&)> keep;
  };

  // Store and executors outlive it.
  Sealing(ports::EvidenceStore& store, Executor& writer, TimedExecutor& loop, evidence::SealKey key,
          std::vector<Keeper> keepers, Options options);

  // Hands over the head of the last seal once more, in case the gateway ended before it was kept,
  // and begins.
  void Start();

  // What was committed since the last seal, in the task's turn on the writer. Any thread; also when
  // the loop has stopped.
  void SealNow();

  // Called on the loop's thread when a user was taken out. Set before the first Forget.
  void OnForgotten(absl::AnyInvocable<void()> listener) { on_forgotten_ = std::move(listener); }

  // As EvidenceStore::Forget; the heads follow at once.
  void Forget(std::string user_id, std::string by,
              absl::AnyInvocable<void(absl::StatusOr<ports::Erased>)> reply);
  // As EvidenceStore::RecordCleared.
  void RecordCleared(model::DeviceId device, model::EventId last, std::string by,
                     absl::AnyInvocable<void(absl::Status)> reply);

  // Any thread.
  std::uint64_t seals() const { return seals_; }
  std::uint64_t keeper_failures() const { return keeper_failures_; }

 private:
  struct Kept {
    Keeper keeper;
    std::string last;  // the line that it has
    bool failing = false;
  };

  void Tick();
  // On the writer's thread.
  void Seal();
  void HandOver(const evidence::Seal& seal);
  void KeepNewest();

  ports::EvidenceStore& store_;
  Executor& writer_;
  TimedExecutor& loop_;
  const evidence::SealKey key_;
  const Options options_;
  absl::AnyInvocable<void()> on_forgotten_ = [] {};
  std::vector<Kept> keepers_;  // the writer's
  std::string newest_;         // the writer's
  bool failing_ = false;       // the writer's: the last seal could not be made
  std::atomic<std::uint64_t> seals_ = 0;
  std::atomic<std::uint64_t> keeper_failures_ = 0;
};

}  // namespace gatelog::core
