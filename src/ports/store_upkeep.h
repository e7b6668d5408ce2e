#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/cursor.h"

namespace gatelog::ports {

// What a store holds.
struct StoreReport {
  model::Incarnation incarnation = 0;
  std::int64_t version = 0;     // of its tables
  std::uint64_t first_seq = 1;  // the events before it were pruned
  std::uint64_t last_seq = 0;
  std::uint64_t logs = 0;  // log devices
  std::uint64_t epochs = 0;
  std::uint64_t events = 0;
  std::uint64_t gaps = 0;
  std::uint64_t missing = 0;  // records inside gaps
  std::uint64_t images = 0;
  std::uint64_t bytes = 0;  // of the file
};

// Which part of a check begins, and how much of all of it lies behind. False: give up.
using CheckProgress = std::function<bool(std::string_view part, double done)>;

// Before a part of a check: kCancelled if `progress`, which may be null, says no.
inline absl::Status BeginPart(const CheckProgress& progress, std::string_view part, double done) {
  if (progress == nullptr || progress(part, done)) return absl::OkStatus();
  return absl::CancelledError("The check was given up.");
}

// How much of a copy is made. False: give up.
using CopyProgress = std::function<bool(std::uint64_t bytes_done, std::uint64_t bytes)>;

// A whole copy of a store, as it was at one moment; gone when destroyed. One thread at a time.
class StoreCopy {
 public:
  virtual ~StoreCopy() = default;

  virtual std::uint64_t size() const = 0;  // bytes
  // The next bytes, `max` at most; empty at the end. Blocking. kUnavailable: the disk failed.
  virtual absl::StatusOr<std::string> Read(std::size_t max) = 0;
};

// Care for a store while it is in use. All calls block, for as long as reading the whole store
// takes; any thread, one at a time. None of them holds commits up.
class StoreUpkeep {
 public:
  virtual ~StoreUpkeep() = default;

  // kDataLoss names the first fault and what to do; kCancelled: `progress` said no.
  virtual absl::StatusOr<StoreReport> Check(const CheckProgress& progress) = 0;

  // Needs as much space as the store takes, beside it. kResourceExhausted: there is none.
  // kCancelled: `progress` said no.
  virtual absl::StatusOr<std::unique_ptr<StoreCopy>> Copy(const CopyProgress& progress) = 0;

  // Any thread, also while a call runs: that call soon ends with kCancelled.
  virtual void GiveUp() = 0;
};

}  // namespace gatelog::ports
