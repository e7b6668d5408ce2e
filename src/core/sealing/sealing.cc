#include "core/sealing/sealing.h"

#include <utility>

#include "base/log.h"

namespace gatelog::core {

Sealing::Sealing(ports::EvidenceStore& store, Executor& writer, TimedExecutor& loop,
                 evidence::SealKey key, std::vector<Keeper> keepers, Options options)
    : store_(store), writer_(writer), loop_(loop), key_(std::move(key)), options_(options) {
  for (Keeper& keeper : keepers) keepers_.push_back({.keeper = std::move(keeper), .last = {}});
}

void Sealing::Start() {
  writer_.Post([this] {
    const absl::StatusOr<std::optional<evidence::Seal>> last = store_.LastSeal();
    if (last.ok() && *last) HandOver(**last);
    Seal();
  });
  loop_.PostAfter(options_.interval, [this] { Tick(); });
}

void Sealing::Tick() {
  SealNow();
  loop_.PostAfter(options_.interval, [this] { Tick(); });
}

void Sealing::SealNow() {
  writer_.Post([this] {
    Seal();
    KeepNewest();
  });
}

void Sealing::Seal() {
  const absl::StatusOr<std::optional<evidence::Seal>> seal = store_.AppendSeal(key_);
  // Why the store takes nothing is told where events are committed.
  if (seal.ok() == failing_) {
    failing_ = !seal.ok();
    if (failing_) {
      LogWarn("The store could not be sealed; it is tried again.",
              {{"error", seal.status().ToString()}});
    } else {
      LogInfo("The store is sealed again.");
    }
  }
  if (seal.ok() && *seal) {
    ++seals_;
    HandOver(**seal);
  }
}

void Sealing::HandOver(const evidence::Seal& seal) {
  newest_ = evidence::FormatHeadLine(evidence::HeadLineOf(seal));
  KeepNewest();
}

void Sealing::KeepNewest() {
  for (Kept& kept : keepers_) {
    if (kept.last == newest_) continue;
    const absl::Status status = kept.keeper.keep(newest_);
    if (status.ok()) kept.last = newest_;
    if (!status.ok()) ++keeper_failures_;
    if (status.ok() != kept.failing) continue;
    kept.failing = !status.ok();
    if (kept.failing) {
      LogError("A head could not be handed over; until it is, a rewritten store would not be seen.",
               {{"to", kept.keeper.name}, {"error", status.ToString()}});
    } else {
      LogInfo("Heads are handed over again.", {{"to", kept.keeper.name}});
    }
  }
}

void Sealing::Forget(std::string user_id, std::string by,
                     absl::AnyInvocable<void(absl::StatusOr<ports::Erased>)> reply) {
  writer_.Post(
      [this, user_id = std::move(user_id), by = std::move(by), reply = std::move(reply)]() mutable {
        absl::StatusOr<ports::Erased> erased = store_.Forget(user_id, by, key_);
        if (erased.ok()) {
          ++seals_;
          LogInfo("A user was erased from the store.",
                  {{"events", erased->events}, {"images", erased->images}, {"by", by}});
          const absl::StatusOr<std::optional<evidence::Seal>> last = store_.LastSeal();
          if (last.ok() && *last) HandOver(**last);
        }
        loop_.Post([this, reply = std::move(reply), erased = std::move(erased)]() mutable {
          if (erased.ok()) on_forgotten_();
          reply(std::move(erased));
        });
      });
}

void Sealing::RecordCleared(model::DeviceId device, model::EventId last, std::string by,
                            absl::AnyInvocable<void(absl::Status)> reply) {
  writer_.Post([this, device, last, by = std::move(by), reply = std::move(reply)]() mutable {
    absl::Status status = store_.RecordCleared(device, last, by);
    loop_.Post([reply = std::move(reply), status = std::move(status)]() mutable {
      reply(std::move(status));
    });
  });
}

}  // namespace gatelog::core
