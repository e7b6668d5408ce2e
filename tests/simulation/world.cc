#include "tests/simulation/world.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace gatelog::simulation {
namespace {

using std::chrono::milliseconds;

// Without which nobody works for long while no time passes.
constexpr std::uint64_t kStepsMax = 2'000'000;
constexpr milliseconds kQuietPhase{300'000};
constexpr milliseconds kStepMax{300};  // between two disturbances
constexpr milliseconds kCalmMax{20'000};
// Over a link and a store to which nothing was done, a record is stored this soon: well before the
// next keep-alive, so it was the push that brought it.
constexpr milliseconds kPromptness{5'000};
static_assert(kPromptness * 2 < kKeepAlive);
constexpr model::Incarnation kIncarnation = 7;
constexpr std::int64_t kYear2000_s = 946'684'800;
constexpr std::size_t kDevicesMax = 3;
constexpr std::uint64_t kRetentionSeed = 0x7265'7465'6E74'696F;
constexpr std::uint64_t kWorldsThatPruneOneIn = 3;
constexpr std::uint64_t kPruneOnceInMax = 40;  // steps
constexpr std::uint64_t kPrunesInPeaceMax = 3;
constexpr std::uint64_t kLittle = 100;  // events: about as many as a log is recognised by

}  // namespace

void World::Counts::Add(const Counts& other) {
  worlds += other.worlds;
  steps += other.steps;
  time += other.time;
  records += other.records;
  stored += other.stored;
  pruned += other.pruned;
  images += other.images;
  gaps += other.gaps;
  epochs += other.epochs;
  faults.Add(other.faults);
}

World::World(std::uint64_t seed)
    : random_(seed),
      retention_(seed ^ kRetentionSeed),
      store_(kIncarnation),
      dialer_(time_, random_, counts_.faults),
      follower_(store_, time_, counts_.faults) {
  if (OneIn(retention_, kWorldsThatPruneOneIn)) {
    prune_once_in_ = 1 + Below(retention_, kPruneOnceInMax);
  }
  const std::size_t count = 1 + Below(random_, kDevicesMax);
  for (std::size_t number = 1; number <= count; ++number) MakeDevice(number);
  store_.WhileCommitting([this] { Look(); });
}

World::~World() {
  follower_.Disconnect();
  beside_.reset();
  gateway_.reset();
}

void World::MakeDevice(std::size_t number) {
  const auto id = static_cast<model::DeviceId>(1'000 + number);
  const auto port = static_cast<std::uint16_t>(number);
  const ModelledDevice::Traits traits = {.generations = !OneIn(random_, 3),
                                         .clear_restarts = OneIn(random_, 4),
                                         .logs_links = !OneIn(random_, 4),
                                         .images = OneIn(random_, 2),
                                         .keeps_images = OneIn(random_, 2),
                                         .capacity = 50 + Below(random_, 2'000)};
  const auto ledger = std::make_shared<Ledger>();
  for (auto* devices : {&devices_, &spares_}) {
    devices->push_back(
        std::make_unique<ModelledDevice>(id, traits, ledger, time_, random_, counts_.faults));
  }
  dialer_.Add(port, *devices_.back());
  for (std::uint32_t n = Below(random_, 1'500); n > 0; --n) devices_.back()->Write(0x1300);
  if (OneIn(random_, 2)) spares_.back()->SkipIds(Below(random_, 5'000));
  for (std::uint32_t n = Below(random_, 300); n > 0; --n) spares_.back()->Write(0x5000);
  (void)store_.Save(
      {.id = id, .address = {"terminal", "127.0.0.1", port, ""}, .monitored = OneIn(random_, 2)});
}

std::string World::Run() {
  counts_.worlds = 1;
  StartGateway();
  std::string error = Trouble();
  if (error.empty()) error = Quiet();
  counts_.steps = time_.steps();
  counts_.time = time_.now();
  for (const auto& device : devices_) counts_.records += device->ledger().size();
  return error;
}

std::string World::Trouble() {
  for (std::uint32_t i = 50 + Below(random_, 400); i > 0; --i) {
    if (std::string error = DisturbGateway(); !error.empty()) return error;
    PruneSoon();
    const std::size_t chosen = Below(random_, devices_.size());
    DisturbDevice(*devices_[chosen], *spares_[chosen]);
    if (OneIn(random_, 10)) DisturbStore();
    const bool calm = OneIn(random_, 40);
    if (calm && OneIn(random_, 2)) MakePeace(*devices_[chosen]);
    if (std::string error = Pass(UpTo(random_, calm ? kCalmMax : kStepMax)); !error.empty()) {
      return error;
    }
    if (std::string error = CheckPromptness(); !error.empty()) return error;
  }
  return "";
}

// Lets a link come up while nothing else happens: what is missed in that moment is not found by
// chance, with the next record.
void World::MakePeace(ModelledDevice& device) {
  if (store_opened_anew_) CalmStore();
  if (gateway_ == nullptr) StartGateway();
  device.set_faults({});
  device.set_reachable(true);
  device.CutLink();
}

std::string World::Quiet() {
  for (const auto& device : devices_) {
    device->set_faults({});
    device->set_reachable(true);
  }
  beside_.reset();
  CalmStore();
  if (!store_opened_anew_) {
    if (std::string error = KillGateway(); !error.empty()) return error;
  }
  if (gateway_ == nullptr) StartGateway();
  if (gateway_ == nullptr) return "the gateway does not start over a store that works";
  follower_.Connect(gateway_->reader());
  if (prune_once_in_ > 0) {
    for (std::uint32_t n = Below(retention_, kPrunesInPeaceMax + 1); n > 0; --n) {
      time_.Schedule(UpTo(retention_, kCalmMax), [this] { Prune(); });
    }
  }
  if (std::string error = Pass(kQuietPhase); !error.empty()) return error;
  Look();
  return Check(true);
}

std::string World::Pass(milliseconds time) {
  return time_.RunUntil(time_.now() + time, kStepsMax) ? "" : "somebody works while no time passes";
}

void World::StartGateway() {
  if (!store_opened_anew_) CalmStore();
  gateway_ = Gateway::Start(time_, random_, slowness_, store_, dialer_);
  gateway_since_ = time_.now();
  if (gateway_ != nullptr) follower_.Connect(gateway_->reader());
}

// After any step: a commit that is done may not have been heard of.
std::string World::KillGateway() {
  (void)time_.RunUntil(time_.now() + UpTo(random_, kStepMax), Below(random_, 60));
  PruneNowAndThen(3);
  follower_.Disconnect();
  gateway_.reset();
  store_opened_anew_ = true;
  counts_.faults.Note(Fault::kProcessKilled);
  return Check(false);
}

std::string World::DisturbGateway() {
  if (beside_ != nullptr && OneIn(random_, 15)) beside_.reset();
  if (gateway_ == nullptr) {
    if (OneIn(random_, 3)) StartGateway();
    return "";
  }
  if (OneIn(random_, 20)) {
    counts_.faults.Note(Fault::kFollowerLost);
    follower_.Disconnect();
  }
  if (!follower_.connected() && OneIn(random_, 3)) follower_.Connect(gateway_->reader());
  gateway_->reader().Tick();
  if (beside_ == nullptr && store_opened_anew_ && OneIn(random_, 80)) {
    counts_.faults.Note(Fault::kProcessBeside);
    follower_.Disconnect();
    beside_ = std::move(gateway_);
    StartGateway();
    return "";
  }
  return OneIn(random_, 40) ? KillGateway() : "";
}

void World::DisturbDevice(ModelledDevice& device, ModelledDevice& spare) {
  const std::uint32_t kind = Below(random_, 100);
  if (kind < 22) {
    PruneNowAndThen(4);
    DisturbLog(device, spare);
  } else if (kind < 34) {
    DisturbLink(device);
  } else {
    WriteSome(device);
  }
}

void World::WriteSome(ModelledDevice& device) {
  if (OneIn(random_, 25)) {
    for (std::uint32_t n = Below(random_, 3'000); n > 0; --n) device.Write(0x5200);
  } else if (OneIn(random_, 10)) {
    counts_.faults.Note(Fault::kPushEarly, device.id());
    device.WriteEarly(0x1300);
  } else {
    for (std::uint32_t n = 1 + Below(random_, 8); n > 0; --n) device.Write(0x1300);
  }
}

// What happens to a terminal and its log.
void World::DisturbLog(ModelledDevice& device, ModelledDevice& spare) {
  FaultCounts& faults = counts_.faults;
  switch (Below(random_, 14)) {
    case 0:
      faults.Note(Fault::kHole, device.id());
      return device.SkipIds(1 + Below(random_, 5));
    case 1:
      faults.Note(Fault::kRecordUnreadable, device.id());
      return device.WriteUnreadable();
    case 2:
      faults.Note(Fault::kRecordDecays, device.id());
      return device.Decay();
    case 3:
      faults.Note(Fault::kLogCleared, device.id());
      return device.Clear();
    case 4:
      faults.Note(Fault::kLogEmptied, device.id());
      return device.Empty();
    case 5:
      faults.Note(Fault::kFactoryReset, device.id());
      return device.FactoryReset(false);
    case 6:
      faults.Note(Fault::kFactoryResetBeyond, device.id());
      return device.FactoryReset(true);
    case 7:
    case 8:
      faults.Note(Fault::kNewestLost, device.id());
      return device.LoseNewest(1 + Below(random_, 100));
    case 9:
    case 10:
      faults.Note(Fault::kTerminalSwapped, device.id());
      return device.SwapWith(spare);
    case 11:
      faults.Note(Fault::kFirmwareReencodes, device.id());
      device.Reencode();
      return OneIn(random_, 2) ? device.CutLink() : void();
    case 12:
      faults.Note(Fault::kClockBack, device.id());
      return device.JumpClock(-3'600);
    default:
      faults.Note(Fault::kClockTo2000, device.id());
      return device.SetClock(kYear2000_s);
  }
}

void World::DisturbLink(ModelledDevice& device) {
  FaultCounts& faults = counts_.faults;
  switch (Below(random_, 7)) {
    case 0:
      faults.Note(Fault::kLinkLost, device.id());
      return device.CutLink();
    case 1:
      faults.Note(Fault::kLinkDead, device.id());
      return device.DropLinkInSilence();
    case 2:
      faults.Note(Fault::kDeviceUnreachable, device.id());
      return device.set_reachable(!device.reachable());
    case 3:
      faults.Note(Fault::kPushesLost, device.id());
      return device.LosePushes();
    case 4:
      if (OneIn(random_, 2)) device.CutLink();
      return device.OccupyUntil(time_.now() + UpTo(random_, milliseconds(4'000)));
    case 5:
      return device.set_faults({});
    default:
      return device.set_faults(SomeFaults());
  }
}

LinkFaults World::SomeFaults() {
  LinkFaults faults;
  faults.lose_link = OnceIn(30);
  faults.die = OnceIn(200);
  faults.flap = OnceIn(2);
  faults.overtake = OnceIn(4);
  faults.repeat_page = OnceIn(6);
  faults.cut_page = OnceIn(4);
  faults.refuse_read = OnceIn(10);
  faults.lose_push = OnceIn(2);
  faults.lose_keep_alive = OnceIn(3);
  faults.double_push = OnceIn(3);
  faults.forge_push = OnceIn(15);
  faults.delay_max = UpTo(random_, milliseconds(300));
  return faults;
}

void World::DisturbStore() {
  FaultCounts& faults = counts_.faults;
  switch (Below(random_, 8)) {
    case 0:
      faults.Note(Fault::kCommitUnknownUndone);
      store_.FailNextCommit(absl::UnavailableError("outcome unknown"),
                            testing::Outcome::kNothingWritten);
      break;
    case 1:
      faults.Note(Fault::kCommitUnknownDone);
      store_.FailNextCommit(absl::UnavailableError("outcome unknown"), testing::Outcome::kWritten);
      break;
    case 2:
      faults.Note(Fault::kStoreFull);
      store_.FailAll(absl::ResourceExhaustedError("no space"));
      break;
    case 3:
      faults.Note(Fault::kStoreIoError);
      store_.FailAll(absl::UnavailableError("I/O error"));
      store_opened_anew_ = gateway_ == nullptr;
      break;
    case 4:
      faults.Note(Fault::kStoreSlow);
      slowness_.writer_max = UpTo(random_, milliseconds(3'000));
      slowness_.loop_max = UpTo(random_, milliseconds(50));
      slowness_.readers_max = UpTo(random_, milliseconds(500));
      break;
    default:
      if (store_opened_anew_) CalmStore();
      return;
  }
  store_calm_since_ = milliseconds::max();
}

void World::CalmStore() {
  store_.FailAll(absl::OkStatus());
  slowness_ = {};
  store_calm_since_ = time_.now();
}

// At some moment before the next step, whoever is at work then.
void World::PruneSoon() {
  if (prune_once_in_ == 0 || !OneIn(retention_, prune_once_in_)) return;
  time_.Schedule(UpTo(retention_, kStepMax), [this] { Prune(); });
}

void World::PruneNowAndThen(std::uint64_t once_in) {
  if (prune_once_in_ > 0 && OneIn(retention_, once_in)) Prune();
}

// Takes some of what is left, from the oldest on.
void World::Prune() {
  Look();
  // A store that fails cannot be pruned.
  if (!store_.LoadLogStates().ok()) return;
  const std::uint64_t first = store_.first_seq();
  const std::uint64_t left = store_.last_seq() + 1 - first;
  if (left == 0) return;
  std::uint64_t taken = left;
  switch (Below(retention_, 4)) {
    case 0:
      taken = 1 + Below(retention_, std::min(left, kLittle));
      break;
    case 1:
      taken = left - Below(retention_, std::min(left, kLittle));
      break;
    case 2:
      taken = 1 + Below(retention_, left);
      break;
    default:
      break;
  }
  counts_.faults.Note(Fault::kStorePruned);
  counts_.pruned += taken;
  store_.PruneBefore(first + taken);
}

// Reads what is visible, also while a commit is under way.
void World::Look() {
  while (true) {
    const auto page = store_.Read({.after_seq = looked_.size(), .limit = 1'000});
    if (!page.ok() || page->events.empty()) return;
    for (const ports::StoredEvent& stored : page->events) {
      looked_.push_back({stored.seq, {stored.log_device, stored.epoch, stored.event.id}});
      const ModelledDevice& device = *devices_[stored.log_device - devices_.front()->id()];
      seen_.emplace(device.id(), device.ledger().SerialOf(device.id(), stored.event.user_id));
    }
  }
}

// Whether the push had a record stored, where nothing stood in its way.
std::string World::CheckPromptness() {
  Look();
  const auto long_ago = [this](milliseconds moment) {
    return moment <= time_.now() && moment + kPromptness < time_.now();
  };
  if (gateway_ == nullptr || beside_ != nullptr || !long_ago(gateway_since_) ||
      !long_ago(store_calm_since_)) {
    return "";
  }
  for (const auto& device : devices_) {
    if (!device->linked() || !long_ago(device->healthy_since())) continue;
    for (auto record = device->records().rbegin(); record != device->records().rend(); ++record) {
      const Written& written = device->ledger()[record->second];
      if (!long_ago(written.at)) continue;
      if (!written.readable || seen_.contains({device->id(), record->second})) break;
      return absl::StrCat("device ", device->id(), ": record ", record->first,
                          " was not stored when it was pushed");
    }
  }
  return "";
}

std::string World::Check(bool at_the_end) {
  std::vector<const ModelledDevice*> devices;
  for (const auto& device : devices_) devices.push_back(device.get());
  if (!at_the_end) {
    // A store that fails cannot be asked.
    if (!store_.LoadLogStates().ok()) return "";
    return Verdict(store_, std::move(devices)).Invariants();
  }
  Verdict verdict(store_, std::move(devices));
  std::string error = verdict.Invariants();
  if (error.empty()) error = verdict.AtTheEnd();
  if (error.empty()) error = follower_.error();
  if (error.empty()) error = verdict.CheckShown(follower_.shown(), follower_.missed());
  if (error.empty()) error = verdict.CheckShown(looked_, {});
  counts_.stored = verdict.events();
  counts_.images = verdict.image_count();
  counts_.gaps = verdict.gap_count();
  counts_.epochs = verdict.epoch_count();
  return error;
}

}  // namespace gatelog::simulation
