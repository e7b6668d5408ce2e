#include "apps/gatelog-sim/fleet.h"

#include <algorithm>
#include <iostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "apps/gatelog-sim/history.h"
#include "apps/gatelog-sim/session.h"
#include "base/log.h"
#include "base/status_macros.h"

namespace gatelog::sim {
namespace {

constexpr std::chrono::milliseconds kTick{50};
constexpr std::size_t kEventsPerTickMax = 20'000;
// A terminal that is further behind than this, because the machine is too slow or slept, lets its
// missed events go.
constexpr std::chrono::seconds kLagMax{1};
constexpr std::chrono::seconds kRestartTime{3};  // where nobody says how long
constexpr std::chrono::seconds kProgressInterval{1};
constexpr double kIntervalMaxS = 1e7;  // between two events, however low the rate
constexpr std::uint32_t kImagesMin = 100;
constexpr std::uint32_t kImagesMax = 50'000;  // as much as real terminals have room for
constexpr std::uint32_t kRecordsPerImage = 10;
constexpr std::uint64_t kIntervalPurpose = 4;
constexpr std::uint32_t kSystemReset = 0x3000;
constexpr std::uint32_t kSystemStarted = 0x3100;

class Progress {
 public:
  explicit Progress(std::uint64_t all) : all_(all) {}

  void Add(std::uint64_t records) {
    done_ += records;
    const auto now = std::chrono::steady_clock::now();
    if (now - told_ < kProgressInterval) return;
    told_ = now;
    std::cerr << "gatelog-sim: writing the terminals' past: "
              << 100 * done_ / std::max<std::uint64_t>(1, all_) << " % of " << all_ << " records\n";
  }

 private:
  const std::uint64_t all_;
  std::uint64_t done_ = 0;
  std::chrono::steady_clock::time_point told_ = std::chrono::steady_clock::now();
};

std::chrono::steady_clock::duration Seconds(double seconds) {
  return std::chrono::duration_cast<std::chrono::steady_clock::duration>(
      std::chrono::duration<double>(std::min(seconds, kIntervalMaxS)));
}

EventLog EventOf(std::uint32_t code) {
  EventLog event;
  event.set_eventcode(code);
  return event;
}

}  // namespace

Fleet::Fleet(asio::io_context& context, Options options, MakeCallServer make_call_server)
    : context_(context),
      options_(std::move(options)),
      make_call_server_(make_call_server),
      people_(MakePeople(options_.seed)),
      images_(options_.seed),
      random_(MixSeed(options_.seed, kIntervalPurpose)),
      tick_timer_(context) {}

Fleet::~Fleet() = default;

absl::Status Fleet::Open() {
  GATELOG_ASSIGN_OR_RETURN(database_, LogDatabase::Open(options_.data_dir));
  Terminal::Settings settings;
  settings.limits.records = options_.capacity;
  settings.limits.images = std::clamp(options_.capacity / kRecordsPerImage, kImagesMin, kImagesMax);
  settings.images = options_.images;
  settings.key = options_.key;
  settings.seed = options_.seed;
  settings.make_call_server = make_call_server_;
  settings.linkage.set_calls_gateway(options_.calls_gateway);
  settings.linkage.set_gateway_host(options_.gateway_host);
  settings.linkage.set_gateway_port(options_.gateway_port);
  settings.linkage.set_gateway_tls_port(options_.gateway_tls_port);
  schedules_.resize(options_.devices);
  reboot_timers_.resize(options_.devices);
  std::vector<Terminal*> newcomers;
  for (std::uint32_t number = 1; number <= options_.devices; ++number) {
    settings.number = number;
    settings.device_id = options_.first_id + number - 1;
    terminals_.push_back(
        std::make_unique<Terminal>(settings, *database_, clock_, images_, people_));
    Terminal& terminal = *terminals_.back();
    terminal.restart = [this, &terminal] { return Reboot(terminal, kRestartTime); };
    GATELOG_ASSIGN_OR_RETURN(const bool there, terminal.Load());
    if (!there) newcomers.push_back(&terminal);
  }
  return MakeHistories(newcomers);
}

absl::Status Fleet::MakeHistories(const std::vector<Terminal*>& newcomers) {
  const std::uint64_t each = std::min(options_.history, options_.capacity);
  Progress progress(each * newcomers.size());
  for (Terminal* terminal : newcomers) {
    GATELOG_RETURN_IF_ERROR(MakeHistory(*terminal, *database_, options_.history,
                                        [&](std::uint32_t records) { progress.Add(records); }));
  }
  return absl::OkStatus();
}

void Fleet::Start() {
  for (const auto& terminal : terminals_) SetRate(*terminal, options_.rate);
  StartTick();
}

void Fleet::Stop() {
  stopped_ = true;
  tick_timer_.cancel();
  for (const auto& timer : reboot_timers_) {
    if (timer != nullptr) timer->cancel();
  }
}

Terminal* Fleet::FindNumber(std::uint32_t number) {
  if (number == 0 || number > terminals_.size()) return nullptr;
  return terminals_[number - 1].get();
}

Terminal* Fleet::FindId(std::uint32_t device_id) {
  if (device_id < options_.first_id) return nullptr;
  const std::uint32_t index = device_id - options_.first_id;
  return index < terminals_.size() ? terminals_[index].get() : nullptr;
}

void Fleet::SetRate(Terminal& terminal, double rate) {
  const std::size_t index = terminal.settings().number - 1;
  Schedule& schedule = schedules_[index];
  schedule.rate = rate;
  ++schedule.version;
  if (rate <= 0) return;
  // Not all at the same moment.
  schedule.turn = Steady::now() + Seconds(random_.Fraction() / rate);
  due_.push({schedule.turn, index, schedule.version});
}

void Fleet::ScheduleNext(std::size_t index, Steady::time_point after, bool in_scene) {
  Schedule& schedule = schedules_[index];
  schedule.turn = std::max(schedule.turn, Steady::now() - kLagMax) +
                  Seconds((0.5 + random_.Fraction()) / schedule.rate);
  Steady::time_point next = schedule.turn;
  if (const auto pause = terminals_[index]->life().pause_s(); in_scene && pause) {
    next = std::min(next, after + std::chrono::seconds(*pause));
  }
  due_.push({next, index, schedule.version});
}

void Fleet::StartTick() {
  tick_timer_.expires_after(kTick);
  tick_timer_.async_wait([this](const std::error_code& error) {
    // A tick that was due when Stop came is not cancelled any more.
    if (error || stopped_) return;
    Tick();
    StartTick();
  });
}

void Fleet::Tick() {
  const Steady::time_point now = Steady::now();
  if (due_.empty() || due_.top().time > now) return;
  std::vector<std::size_t> staged;
  const absl::Status status = database_->InTransaction([&]() -> absl::Status {
    GATELOG_RETURN_IF_ERROR(StageDue(now, staged));
    for (const std::size_t index : staged) GATELOG_RETURN_IF_ERROR(terminals_[index]->Seal());
    return absl::OkStatus();
  });
  for (const std::size_t index : staged) {
    schedules_[index].staged = false;
    if (status.ok()) {
      terminals_[index]->Publish();
    } else {
      terminals_[index]->Abandon();
    }
  }
  if (!status.ok() && !failing_) {
    LogError("The terminals' events cannot be written and do not happen.",
             {{"reason", std::string(status.message())}});
  }
  failing_ = !status.ok();
}

absl::Status Fleet::StageDue(Steady::time_point now, std::vector<std::size_t>& staged) {
  absl::Status status;
  for (std::size_t events = 0;
       events < kEventsPerTickMax && !due_.empty() && due_.top().time <= now;) {
    const Due due = due_.top();
    due_.pop();
    if (due.version != schedules_[due.index].version) continue;
    Terminal& terminal = *terminals_[due.index];
    if (terminal.away || !status.ok()) {
      ScheduleNext(due.index, due.time, false);
      continue;
    }
    if (!std::exchange(schedules_[due.index].staged, true)) staged.push_back(due.index);
    status = terminal.StageNext();
    ScheduleNext(due.index, due.time, status.ok());
    // A terminal whose counter is used up must not stop the others.
    if (absl::IsResourceExhausted(status)) {
      ++schedules_[due.index].version;
      LogWarn("A terminal makes no more events.",
              {{"device", terminal.id()}, {"reason", std::string(status.message())}});
      status = absl::OkStatus();
    }
    ++events;
  }
  return status;
}

absl::Status Fleet::Reboot(Terminal& terminal, std::chrono::milliseconds duration) {
  GATELOG_RETURN_IF_ERROR(terminal.Record(EventOf(kSystemReset)).status());
  terminal.Disconnect("the terminal restarts");
  terminal.away = true;
  auto& timer = reboot_timers_[terminal.settings().number - 1];
  if (timer == nullptr) timer = std::make_unique<asio::steady_timer>(context_);
  // A restart during a restart begins it anew.
  timer->expires_after(duration);
  timer->async_wait([&terminal](const std::error_code& error) {
    if (error) return;
    terminal.away = false;
    if (const auto id = terminal.Record(EventOf(kSystemStarted)); !id.ok()) {
      LogError("A terminal could not write that it started.",
               {{"device", terminal.id()}, {"reason", std::string(id.status().message())}});
    }
  });
  return absl::OkStatus();
}

}  // namespace gatelog::sim
