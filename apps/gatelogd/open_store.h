#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "config/config.h"
#include "ports/device_registry.h"
#include "ports/event_store.h"
#include "ports/evidence_store.h"
#include "ports/retention_store.h"
#include "ports/store_upkeep.h"

namespace gatelog::gatelogd {

// A store of whichever kind, and what belongs to it.
class OpenedStore {
 public:
  virtual ~OpenedStore() = default;

  virtual ports::EventStore& events() = 0;
  virtual ports::DeviceRegistry& registry() = 0;
  virtual ports::EvidenceStore& evidence() = 0;
  virtual ports::RetentionStore& retention() = 0;
  virtual ports::StoreUpkeep& upkeep() = 0;
};

// The store that store.url names; SQLite in the data directory if it names none. Errors are
// sentences for the operator.
absl::StatusOr<std::unique_ptr<OpenedStore>> OpenStore(const config::Config& config);

}  // namespace gatelog::gatelogd
