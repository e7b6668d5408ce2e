#include "tests/simulation/world.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"

namespace gatelog::simulation {
namespace {

using std::chrono::milliseconds;

constexpr std::uint64_t kStepsMax =
    2'000'000;  // without which nobody works for long while no time passes
constexpr milliseconds kQuietPhase{300'000};
constexpr model::Incarnation kIncarnation = 7;

core::Fleet::Options FleetOptions() {
  core::Fleet::Options options;
  options.reconnect = {milliseconds(100), milliseconds(2'000)};
  options.collection.collector.page_records = 128;
  options.collection.retry_store = milliseconds(200);
  return options;
}

}  // namespace

struct World::Gateway {
  Gateway(testing::VirtualTime& time, Random& random, testing::MemoryStore& store,
          ModelledDialer& dialer)
      : loop(time, [] { return milliseconds(0); }),
        writer(time, [&random] { return milliseconds(static_cast<std::int64_t>(random() % 8)); }),
        registry_worker(time, [] { return milliseconds(1); }),
        readers(time, [&random] { return milliseconds(static_cast<std::int64_t>(random() % 3)); }),
        ingest(store, writer, loop, {.events_per_commit_max = 500}),
        reader(store, readers, time),
        fleet({loop, registry_worker, time, {{"terminal", &dialer}}, store, ingest, live, status},
              FleetOptions()) {
    ingest.OnCommitted([this](std::uint64_t seq) { reader.OnCommitted(seq); });
  }

  testing::VirtualExecutor loop;
  testing::VirtualExecutor writer;
  testing::VirtualExecutor registry_worker;
  testing::VirtualExecutor readers;
  core::LiveHub live;
  core::StatusHub status;
  core::Ingest ingest;
  core::EventReader reader;
  core::Fleet fleet;
  std::shared_ptr<core::EventReader::Following> following;
};

World::World(std::uint64_t seed)
    : random_(seed), store_(kIncarnation), dialer_(time_, random_), followed_to_{kIncarnation, 0} {
  const std::size_t count = 1 + random_() % 3;
  for (std::size_t i = 0; i < count; ++i) {
    const auto id = static_cast<model::DeviceId>(1'000 + i);
    const auto port = static_cast<std::uint16_t>(i + 1);
    const bool generations = !OneIn(random_, 3);
    auto ledger = std::make_shared<ModelledDevice::Ledger>();
    devices_.push_back(std::make_unique<ModelledDevice>(id, generations, ledger, time_, random_));
    spares_.push_back(std::make_unique<ModelledDevice>(id, generations, ledger, time_, random_));
    dialer_.Add(port, *devices_.back());
    for (std::uint64_t n = random_() % 1'500; n > 0; --n) devices_.back()->Write(0x1300);
    for (std::uint64_t n = random_() % 300; n > 0; --n) spares_.back()->Write(0x5000);
    (void)store_.Save(
        {.id = id, .address = {"terminal", "127.0.0.1", port, ""}, .monitored = OneIn(random_, 2)});
  }
}

World::~World() { gateway_.reset(); }

std::string World::Run() {
  StartGateway();
  const std::uint64_t disturbances = 50 + random_() % 400;
  for (std::uint64_t i = 0; i < disturbances; ++i) {
    Disturb();
    if (!Pass(milliseconds(static_cast<std::int64_t>(random_() % 300))))
      return "somebody works while no time passes";
  }
  store_.FailAll(absl::OkStatus());
  for (const auto& device : devices_) {
    device->set_faults({});
    device->set_reachable(true);
  }
  if (gateway_ == nullptr) StartGateway();
  if (!Pass(kQuietPhase)) return "somebody works while no time passes, in the quiet phase";
  return Check();
}

bool World::Pass(milliseconds time) { return time_.RunUntil(time_.now() + time, kStepsMax); }

void World::StartGateway() {
  gateway_ = std::make_unique<Gateway>(time_, random_, store_, dialer_);
  const auto registrations = store_.Load();
  const auto states = store_.LoadLogStates();
  const auto totals = store_.ReadTotals();
  if (!registrations.ok() || !states.ok() || !totals.ok()) {  // the store fails: no start
    gateway_.reset();
    return;
  }
  gateway_->fleet.Start(*registrations, *states, *totals);
  gateway_->following = gateway_->reader.Follow(followed_to_, {}, 100);
  FollowOn();
}

void World::KillGateway() {
  gateway_.reset();
  ++counts_.kills;
}

void World::FollowOn() {
  gateway_->following->Next(
      [this](absl::StatusOr<core::FollowBatch> batch) { OnFollowed(std::move(batch)); });
}

void World::OnFollowed(absl::StatusOr<core::FollowBatch> batch) {
  if (!batch.ok()) {
    // A store that fails for a while ends the call; the client comes again with its cursor.
    if (batch.status().code() == absl::StatusCode::kOutOfRange)
      follow_error_ = batch.status().ToString();
    gateway_->readers.PostAfter(milliseconds(500), [this] {
      gateway_->following = gateway_->reader.Follow(followed_to_, {}, 100);
      FollowOn();
    });
    return;
  }
  for (const ports::StoredEvent& event : batch->events) {
    followed_.push_back(event.seq);
    if (event.seq > store_.last_seq()) follow_error_ = "an event was shown before it was committed";
  }
  followed_to_ = batch->cursor;
  FollowOn();
}

void World::Disturb() {
  if (gateway_ == nullptr) {
    if (OneIn(random_, 3)) StartGateway();
  } else if (OneIn(random_, 40)) {
    KillGateway();
  }
  const std::size_t i = random_() % devices_.size();
  DisturbDevice(*devices_[i], *spares_[i]);
  if (OneIn(random_, 10)) DisturbStore();
}

void World::DisturbDevice(ModelledDevice& device, ModelledDevice& spare) {
  switch (random_() % 40) {
    case 0:
      device.CutLink();
      break;
    case 1:
      device.set_reachable(!device.reachable());
      break;
    case 2:
      device.SkipIds(1 + Below(random_, 5));
      break;
    case 3:
      device.WriteUnreadable();
      break;
    case 4:
      device.Clear(false);
      break;
    case 5:
      if (OneIn(random_, 3)) device.Empty();
      break;
    case 6:
      if (OneIn(random_, 3)) device.FactoryReset();
      break;
    case 7:
      device.LoseNewest(1 + Below(random_, 100));
      break;
    case 8:
      if (OneIn(random_, 2)) device.SwapWith(spare);
      break;
    case 9:
      device.JumpClock(OneIn(random_, 2) ? -3'600 : -700'000'000);
      break;
    case 10:
      for (std::uint64_t n = random_() % 3'000; n > 0; --n) device.Write(0x5200);
      break;
    case 11:
      device.set_faults({.lose_link = random_() % 2 * 30,
                         .lose_push = random_() % 4,
                         .double_push = random_() % 4,
                         .forge_push = random_() % 2 * 20,
                         .fail_read = random_() % 2 * 10,
                         .delay_max = milliseconds(static_cast<std::int64_t>(random_() % 200))});
      break;
    case 12:
      device.set_faults({});
      break;
    default:
      for (std::uint64_t n = 1 + random_() % 8; n > 0; --n) device.Write(0x1300);
      break;
  }
}

void World::DisturbStore() {
  switch (random_() % 5) {
    case 0:
      store_.FailNextCommit(absl::UnavailableError("I/O error"), testing::Outcome::kNothingWritten);
      break;
    case 1:
      store_.FailNextCommit(absl::UnavailableError("outcome unknown"), testing::Outcome::kWritten);
      break;
    case 2:
      store_.FailAll(absl::ResourceExhaustedError("no space"));
      break;
    default:
      store_.FailAll(absl::OkStatus());
      break;
  }
}

std::string World::Check() {
  counts_.stored = store_.events().size();
  counts_.gaps = store_.gaps().size();
  for (std::string error : {CheckDoubles(), CheckContiguity(), CheckFollower()}) {
    if (!error.empty()) return error;
  }
  for (const auto& device : devices_) {
    counts_.records += device->ledger().written.size();
    if (std::string error = CheckDevice(*device); !error.empty()) return error;
  }
  return follow_error_;
}

// No record is stored twice, not even under two epochs.
std::string World::CheckDoubles() {
  std::map<std::string, model::RecordKey> seen;
  for (const ports::StoredEvent& stored : store_.events()) {
    const model::RecordKey key{stored.log_device, stored.epoch, stored.event.id};
    const auto [other, fresh] = seen.emplace(stored.event.payload, key);
    if (!fresh) {
      return absl::StrCat("device ", key.log_device, ": record ", key.id, " is stored in epoch ",
                          other->second.epoch, " and in epoch ", key.epoch);
    }
  }
  return "";
}

// Each ID of an epoch below its `next` is an event or inside one gap.
std::string World::CheckContiguity() {
  std::map<std::pair<model::DeviceId, model::Epoch>, std::map<model::EventId, model::EventId>>
      covered;
  for (const ports::StoredEvent& stored : store_.events()) {
    if (!covered[{stored.log_device, stored.epoch}]
             .emplace(stored.event.id, stored.event.id)
             .second) {
      return absl::StrCat("device ", stored.log_device, ": ID ", stored.event.id,
                          " twice in epoch ", stored.epoch);
    }
  }
  for (const model::Gap& gap : store_.gaps()) {
    if (!covered[{gap.log_device, gap.epoch}].emplace(gap.first, gap.last).second) {
      return absl::StrCat("device ", gap.log_device, ": a gap lies over an event at ", gap.first);
    }
  }
  const auto states = store_.LoadLogStates();
  if (!states.ok()) return states.status().ToString();
  for (const ports::LogState& state : *states) {
    std::vector<ports::PastEpoch> epochs = state.past;
    epochs.push_back({state.epoch, state.epoch_first, state.next, state.generation});
    counts_.epochs += epochs.size();
    for (const ports::PastEpoch& epoch : epochs) {
      model::EventId expected = epoch.first;
      for (const auto& [first, last] : covered[{state.log_device, epoch.epoch}]) {
        if (first != expected) {
          return absl::StrCat("device ", state.log_device, " epoch ", epoch.epoch, ": after ",
                              expected - 1, " comes ", first);
        }
        expected = last + 1;
      }
      if (expected != epoch.next) {
        return absl::StrCat("device ", state.log_device, " epoch ", epoch.epoch, ": next is ",
                            epoch.next, ", but the records end before ", expected);
      }
    }
  }
  return "";
}

// Every committed event once, in commit order.
std::string World::CheckFollower() {
  for (std::size_t i = 0; i < followed_.size(); ++i) {
    if (followed_[i] != i + 1)
      return absl::StrCat("the follower saw ", followed_[i], " in place ", i + 1);
  }
  if (followed_.size() != store_.last_seq()) {
    return absl::StrCat("the follower saw ", followed_.size(), " of ", store_.last_seq(),
                        " events");
  }
  return "";
}

// What stands on the device is stored; what no longer does is stored or inside a gap.
std::string World::CheckDevice(const ModelledDevice& device) {
  std::set<std::string> stored;
  std::set<model::EventId> stored_ids;
  for (const ports::StoredEvent& event : store_.events()) {
    if (event.log_device != device.id()) continue;
    stored.insert(event.event.payload);
    stored_ids.insert(event.event.id);
  }
  std::vector<model::Gap> gaps = store_.gaps();
  const auto in_gap = [&](model::EventId id) {
    return std::any_of(gaps.begin(), gaps.end(), [&](const model::Gap& gap) {
      return gap.log_device == device.id() && gap.first <= id && id <= gap.last;
    });
  };
  for (const auto& [id, record] : device.records()) {
    if (record.readable && !stored.contains(record.payload)) {
      return absl::StrCat("device ", device.id(), ": record ", id,
                          " stands on the device and is not stored (of ", device.records().size(),
                          " records from ", device.records().begin()->first,
                          device.generations() ? "" : ", no generations", ")");
    }
    // Unreadable bytes under the ID of a stored event cannot be told from an event that decayed.
    if (!record.readable && !in_gap(id) && !stored_ids.contains(id)) {
      return absl::StrCat("device ", device.id(), ": the unreadable record ", id, " is in no gap");
    }
  }
  const auto& ledger = device.ledger();
  if (!device.generations() || ledger.rewritten_lives.contains(device.life())) return "";
  if (device.records().empty()) return "";
  for (const auto& [serial, written] : ledger.written) {
    if (written.life != device.life() || stored.contains(written.payload) || in_gap(written.id))
      continue;
    return absl::StrCat("device ", device.id(), ": record ", written.id,
                        " is neither stored nor in a gap");
  }
  return "";
}

}  // namespace gatelog::simulation
