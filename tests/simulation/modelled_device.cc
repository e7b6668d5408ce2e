#include "tests/simulation/modelled_device.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "gsdk/event.pb.h"
#include "tests/simulation/modelled_link.h"

namespace gatelog::simulation {
namespace {

using std::chrono::milliseconds;

constexpr std::uint32_t kLogCleared = 0x4200;
constexpr milliseconds kEarlyMax{40};          // a push may come so long before its record
constexpr std::size_t kImagesMax = 12;         // an image log is far smaller than the event log
constexpr std::uint64_t kImageOneIn = 8;       // of records
constexpr std::uint64_t kUnwrittenOneIn = 3;   // of images
constexpr model::EventId kBeyondMax = 40'000;  // how far IDs may jump after a reset

}  // namespace

std::string Ledger::UserOf(model::DeviceId device, std::uint64_t serial) {
  return "r" + std::to_string(device) + "." + std::to_string(serial);
}

std::uint64_t Ledger::SerialOf(model::DeviceId device, std::string_view user) const {
  const std::string prefix = "r" + std::to_string(device) + ".";
  if (user.substr(0, prefix.size()) != prefix) return 0;
  std::uint64_t serial = 0;
  std::from_chars(user.data() + prefix.size(), user.data() + user.size(), serial);
  return serial <= size() ? serial : 0;
}

ModelledDevice::ModelledDevice(model::DeviceId id, const Traits& traits,
                               std::shared_ptr<Ledger> ledger, testing::VirtualTime& time,
                               Random& random, FaultCounts& counts)
    : id_(id),
      traits_(traits),
      time_(time),
      random_(random),
      counts_(counts),
      ledger_(std::move(ledger)) {
  log_.generation = NewGeneration();
}

ModelledDevice::~ModelledDevice() {
  *alive_ = false;
  CutLink();
}

model::Generation ModelledDevice::NewGeneration() {
  return traits_.generations ? random_() | 1 : 0;
}

std::uint32_t ModelledDevice::clock_s() const {
  return static_cast<std::uint32_t>(time_.Now().time_since_epoch().count() / 1'000 +
                                    clock_offset_s_);
}

void ModelledDevice::SetClock(std::int64_t to_s) {
  clock_offset_s_ = to_s - time_.Now().time_since_epoch().count() / 1'000;
}

model::LogStatus ModelledDevice::status() const {
  model::LogStatus status;
  status.generation = log_.generation;
  status.last = log_.next_id - 1;
  if (log_.hidden_from != 0) status.last = log_.hidden_from - 1;
  if (!log_.records.empty() && log_.records.begin()->first <= status.last) {
    status.first = log_.records.begin()->first;
  }
  return status;
}

std::string ModelledDevice::MakeEvent(std::uint32_t code, std::uint64_t serial, bool has_image) {
  ::gsdk::event::EventLog event;
  event.set_id(log_.next_id);
  event.set_timestamp(clock_s());
  event.set_deviceid(id_);
  event.set_eventcode(code);
  event.set_hasimage(has_image);
  // Unique, so that every stored event can be traced to the record it came from.
  event.set_userid(Ledger::UserOf(id_, serial));
  // And by what is remembered of a pruned one, which is not the user: bursts have many records in
  // one second.
  event.set_entityid(static_cast<std::uint32_t>(serial));
  return event.SerializeAsString();
}

// Other firmware: the same fields, and one more that nobody knows.
std::string ModelledDevice::PayloadOf(std::uint64_t serial) const {
  const Written& record = (*ledger_)[serial];
  if (!record.readable || log_.encoding == 0) return record.payload;
  std::string payload = record.payload;
  payload += {'\x48', '\0'};                                             // hasImage is false now
  payload += {'\xF8', '\x7F', static_cast<char>(log_.encoding & 0x7F)};  // field 2047, a number
  return payload;
}

void ModelledDevice::Append(Written record) {
  const model::EventId id = log_.next_id++;
  record.id = id;
  record.parent = log_.newest;
  record.at = time_.now();
  log_.newest = ledger_->Add(std::move(record));
  log_.records[id] = log_.newest;
  Overwrite();
  if (link_ != nullptr) link_->Push(id, PayloadOf(log_.newest));
}

void ModelledDevice::Overwrite() {
  while (log_.records.size() > traits_.capacity) {
    counts_.Note(link_ != nullptr ? Fault::kRingOverwritten : Fault::kUnreadOverwritten, id_);
    Remove(log_.records.begin()->first, Fate::kOverwritten);
  }
  if (log_.records.begin()->first >= log_.hidden_from) log_.hidden_from = 0;
}

void ModelledDevice::Remove(model::EventId id, Fate fate) {
  const auto record = log_.records.find(id);
  (*ledger_)[record->second].fate = fate;
  log_.records.erase(record);
}

void ModelledDevice::Write(std::uint32_t code) {
  const std::uint64_t serial = ledger_->next_serial();
  const bool has_image = traits_.images && OneIn(random_, kImageOneIn);
  if (has_image) AddImage(code, serial);
  Append({.clear_mark = code == kLogCleared, .payload = MakeEvent(code, serial, has_image)});
}

void ModelledDevice::AddImage(std::uint32_t code, std::uint64_t serial) {
  if (OneIn(random_, kUnwrittenOneIn)) {
    counts_.Note(Fault::kImageUnwritten, id_);
    return;
  }
  ::gsdk::event::ImageLog image;
  image.set_id(log_.next_id);
  image.set_timestamp(clock_s());
  image.set_deviceid(id_);
  image.set_eventcode(code);
  image.set_jpgimage(Ledger::UserOf(id_, serial));
  log_.images[log_.next_id] = image.SerializeAsString();
  while (log_.images.size() > kImagesMax) {
    counts_.Note(Fault::kImageGone, id_);
    log_.images.erase(log_.images.begin());
  }
}

void ModelledDevice::RemoveImages(model::EventId from) {
  if (log_.images.empty()) return;
  if (traits_.keeps_images) {
    counts_.Note(Fault::kImagesLeft, id_);
  } else {
    log_.images.erase(log_.images.lower_bound(from), log_.images.end());
  }
}

void ModelledDevice::WriteEarly(std::uint32_t code) {
  if (log_.records.empty() || link_ == nullptr) return Write(code);
  if (log_.hidden_from == 0) log_.hidden_from = log_.next_id;
  if (link_ != nullptr) link_->OnFaults();
  Write(code);
  time_.Schedule(UpTo(random_, kEarlyMax), [this, alive = alive_] {
    if (*alive) log_.hidden_from = 0;
  });
}

void ModelledDevice::WriteUnreadable() {
  Append({.readable = false,
          .payload = "\xff\xff not an event " + std::to_string(ledger_->next_serial())});
}

void ModelledDevice::SkipIds(std::uint32_t count) { log_.next_id += count; }

void ModelledDevice::Clear() {
  Empty();
  if (traits_.clear_restarts) {
    counts_.Note(Fault::kCounterRestarted, id_);
    log_.next_id = 1;
    log_.newest = 0;
    log_.generation = NewGeneration();
  }
  Write(kLogCleared);
}

void ModelledDevice::Empty() {
  while (!log_.records.empty()) Remove(log_.records.begin()->first, Fate::kCleared);
  RemoveImages(0);
  log_.hidden_from = 0;
}

void ModelledDevice::FactoryReset(bool beyond) {
  const model::EventId old = log_.next_id;
  Empty();
  const int encoding = log_.encoding;
  auto images = std::move(log_.images);
  log_ = Log();
  log_.images = std::move(images);
  log_.generation = NewGeneration();
  log_.encoding = encoding;
  if (beyond) {
    // A device that had many records to write before anybody came again.
    log_.next_id = 1 + Below(random_, kBeyondMax);
    const std::uint32_t count = 1 + Below(random_, 2 * traits_.capacity);
    if (log_.next_id + count <= old) log_.next_id = old + 1 - std::min(old, count);
    for (std::uint32_t n = count; n > 0; --n) Write(0x1300);
  }
  CutLink();
}

void ModelledDevice::LoseNewest(std::uint32_t count) {
  log_.hidden_from = 0;
  for (; count > 0 && log_.records.size() > 1; --count) {
    log_.next_id = log_.records.rbegin()->first;
    log_.newest = (*ledger_)[log_.records.rbegin()->second].parent;
    Remove(log_.next_id, Fate::kLost);
  }
  RemoveImages(log_.next_id);
  CutLink();
}

void ModelledDevice::SwapWith(ModelledDevice& spare) {
  log_.hidden_from = 0;
  std::swap(log_, spare.log_);
  CutLink();
}

void ModelledDevice::Decay() {
  if (log_.records.empty()) return;
  auto record =
      log_.records.lower_bound(log_.records.begin()->first + Below(random_, log_.records.size()));
  if (record == log_.records.end()) return;
  Written decayed = (*ledger_)[record->second];
  if (!decayed.readable) return;
  (*ledger_)[record->second].readable = false;
  (*ledger_)[record->second].payload = "\xff\xff decayed " + std::to_string(record->second);
}

void ModelledDevice::CutLink() {
  if (link_ != nullptr) link_->Cut();
}

void ModelledDevice::DropLinkInSilence() {
  if (link_ != nullptr) link_->Die();
}

void ModelledDevice::LosePushes() {
  if (link_ != nullptr) link_->LosePushes();
}

void ModelledDevice::set_reachable(bool reachable) {
  reachable_ = reachable;
  if (!reachable) CutLink();
}

void ModelledDevice::set_faults(const LinkFaults& faults) {
  faults_ = faults;
  if (link_ != nullptr) link_->OnFaults();
}

void ModelledDevice::OccupyUntil(milliseconds time) {
  if (link_ == nullptr) occupied_until_ = time;
}

milliseconds ModelledDevice::healthy_since() const {
  return link_ != nullptr ? link_->healthy_since() : milliseconds::max();
}

}  // namespace gatelog::simulation
