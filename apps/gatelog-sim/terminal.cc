#include "apps/gatelog-sim/terminal.h"

#include <algorithm>
#include <limits>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "apps/gatelog-sim/identity.h"
#include "apps/gatelog-sim/local_time.h"
#include "apps/gatelog-sim/named_schedules.h"
#include "apps/gatelog-sim/schedule_rules.h"
#include "apps/gatelog-sim/session.h"
#include "apps/gatelog-sim/setting_names.h"
#include "base/status_macros.h"

namespace gatelog::sim {
namespace {

constexpr std::uint32_t kDefaultImageCodes[] = {0x1900, 0x1100, 0x1200, 0x1500, 0x5400};
constexpr std::uint32_t kLogCleared = 0x4200;
constexpr std::uint32_t kFactoryReset = 0x4502;
constexpr std::uint32_t kTimeSet = 0x3200;
constexpr std::uint32_t kAbnormalTemperature = 0x1D00;
constexpr std::uint32_t kHighTemperature = 0x13;

std::int64_t Milliseconds(Timestamp time) { return time.time_since_epoch().count(); }

// A generation must differ from every earlier one, also of a simulator with the same seed: it is
// not drawn from the seed.
std::uint64_t NewGeneration() {
  std::random_device device;
  std::uint64_t generation = 0;
  while (generation == 0) generation = std::uint64_t{device()} << 32 | device();
  return generation;
}

// Names the device, so that it is never empty: a list that somebody emptied is not one that was
// never set.
gsdk::event::SetImageFilterRequest NoFilters(std::uint32_t device) {
  gsdk::event::SetImageFilterRequest filters;
  filters.set_deviceid(device);
  return filters;
}

std::string DefaultFilters(std::uint32_t device) {
  gsdk::event::SetImageFilterRequest filters = NoFilters(device);
  for (const std::uint32_t code : kDefaultImageCodes) {
    gsdk::event::ImageFilter& filter = *filters.add_filters();
    filter.set_eventcode(code);
    filter.set_scheduleid(kScheduleAlways);
  }
  return filters.SerializeAsString();
}

std::uint32_t ToTimestamp(std::int64_t clock_ms) {
  return static_cast<std::uint32_t>(
      std::clamp<std::int64_t>(clock_ms / 1000, 0, std::numeric_limits<std::uint32_t>::max()));
}

}  // namespace

Terminal::Terminal(Settings settings, LogDatabase& database, const Clock& clock, ImageMaker& images,
                   const std::vector<Person>& people)
    : settings_(std::move(settings)),
      database_(database),
      clock_(clock),
      image_maker_(images),
      log_(database, settings_.device_id, settings_.limits),
      place_(MakePlace(settings_.device_id)),
      identity_(MakeIdentity(place_, settings_.limits, settings_.images)),
      users_(database, settings_.device_id, people) {}

Terminal::~Terminal() = default;

absl::StatusOr<bool> Terminal::Load() {
  GATELOG_ASSIGN_OR_RETURN(const bool there, log_.Reload());
  if (!there) return false;
  // A camera that was not there before begins with the filters of a new one.
  if (settings_.images && log_.image_filters().empty()) ResetImageFilters();
  GATELOG_RETURN_IF_ERROR(users_.Reload());
  life_ = std::make_unique<Life>(settings_.seed, place_, users_.roster(), log_.next_id());
  GATELOG_RETURN_IF_ERROR(ReadSettings());
  return true;
}

absl::Status Terminal::Create(std::uint32_t next_id) {
  GATELOG_RETURN_IF_ERROR(
      log_.Create(NewGeneration(), next_id, settings_.images ? DefaultFilters(id()) : ""));
  life_ = std::make_unique<Life>(settings_.seed, place_, users_.roster(), next_id);
  return ReadSettings();
}

std::int64_t Terminal::clock_ms() const {
  return Milliseconds(clock_.Now()) + log_.clock_offset_ms();
}

absl::StatusOr<std::string> Terminal::TakeImage(const EventLog& event) {
  if (!settings_.images || !image_rules_.Wants(event.eventcode(), LocalTime(event.timestamp()))) {
    return std::string();
  }
  GATELOG_ASSIGN_OR_RETURN(std::string jpeg, image_maker_.Make(id(), event.id()));
  gsdk::event::ImageLog image;
  image.set_id(event.id());
  image.set_timestamp(event.timestamp());
  image.set_deviceid(event.deviceid());
  image.set_userid(event.userid());
  image.set_eventcode(event.eventcode());
  image.set_subcode(event.subcode());
  image.set_jpgimage(std::move(jpeg));
  return image.SerializeAsString();
}

absl::Status Terminal::Stage(EventLog& event, std::uint32_t timestamp) {
  event.set_id(log_.next_id());
  event.set_timestamp(timestamp);
  if (event.deviceid() == 0) event.set_deviceid(id());
  GATELOG_ASSIGN_OR_RETURN(const std::string image, TakeImage(event));
  event.set_hasimage(!image.empty());
  buffer_.clear();
  event.AppendToString(&buffer_);
  GATELOG_RETURN_IF_ERROR(log_.Append(buffer_, image));
  door_states_.Observe(event);
  if (session_ != nullptr && session_->armed()) staged_.push_back({event.id(), buffer_});
  return absl::OkStatus();
}

absl::Status Terminal::StageNext() {
  const std::int64_t now_ms = clock_ms();
  const std::uint32_t timestamp = ToTimestamp(now_ms);
  return StageStep(life_->Next(static_cast<unsigned>(LocalTime(timestamp) / 3600 % 24)), timestamp);
}

absl::Status Terminal::StageStep(const Life::Step& step, std::uint32_t timestamp) {
  EventLog event = step.event;
  EventRules::Verdict verdict = event_rules_.Apply(step, LocalTime(timestamp), last_key_, event);
  GATELOG_ASSIGN_OR_RETURN(const bool refused, LookAtUser(timestamp, event));
  if (refused) verdict = EventRules::Verdict::kDenies;
  if (verdict == EventRules::Verdict::kDenies) life_->EndScene();
  if (verdict == EventRules::Verdict::kWarns) {
    EventLog warning = event;
    warning.set_eventcode(kAbnormalTemperature);
    warning.set_subcode(kHighTemperature);
    warning.clear_tnakey();
    GATELOG_RETURN_IF_ERROR(Stage(warning, timestamp));
  }
  GATELOG_RETURN_IF_ERROR(Stage(event, timestamp));
  return ChangeUsers(step.change, step.event.userid());
}

absl::StatusOr<bool> Terminal::LookAtUser(std::uint32_t timestamp, EventLog& event) {
  if (!EventRules::IsRecognition(event)) return false;
  if (!event_rules_.LooksAtUnchanged(event) && users_.roster().HasUnchanged(event.userid()))
    return false;
  GATELOG_ASSIGN_OR_RETURN(const UserInfo user, users_.Find(event.userid()));
  if (event_rules_.Refuses(user, timestamp, event)) return true;
  if (event_rules_.AsksForJobCode(event) && !user.jobcodes().empty()) {
    const auto count = static_cast<std::uint32_t>(user.jobcodes_size());
    event.set_jobcode(user.jobcodes(static_cast<int>(log_.next_id() % count)).code());
  }
  return false;
}

absl::Status Terminal::ChangeUsers(UserChange change, const std::string& id) {
  if (change == UserChange::kRemoveAll) return users_.Clear();
  if (id.empty() || users_.Has(id) == (change == UserChange::kEnrol)) return absl::OkStatus();
  switch (change) {
    case UserChange::kEnrol: {
      const Person* person = users_.roster().FindOnSite(id);
      return users_.Save(MakeUserInfo(person == nullptr ? Person{id, Habit::kCard} : *person));
    }
    case UserChange::kUpdate: {
      GATELOG_ASSIGN_OR_RETURN(UserInfo user, users_.Find(id));
      ChangeCredential(log_.next_id(), user);
      return users_.Save(user);
    }
    case UserChange::kRemove:
      return users_.Remove(id);
    default:
      return absl::OkStatus();
  }
}

absl::Status Terminal::StageNow(EventLog event) { return Stage(event, ToTimestamp(clock_ms())); }

absl::Status Terminal::StageCode(std::uint32_t code) {
  EventLog event;
  event.set_eventcode(code);
  return StageNow(std::move(event));
}

void Terminal::Publish() {
  door_states_.Keep();
  const std::vector<Staged> staged = std::exchange(staged_, {});
  // A push may end the session.
  for (const Staged& one : staged) {
    if (session_ == nullptr) break;
    session_->Push(one.id, one.record);
  }
}

void Terminal::Abandon() {
  staged_.clear();
  // If not even that can be read, the next write fails as well and says so.
  (void)log_.Reload();
  (void)users_.Reload();
  door_states_.Undo();
  (void)ReadSettings();
}

absl::Status Terminal::Transact(absl::FunctionRef<absl::Status()> work) {
  const absl::Status status = database_.InTransaction([&] {
    const absl::Status done = work();
    return done.ok() ? Seal() : done;
  });
  if (status.ok()) {
    Publish();
  } else {
    Abandon();
  }
  return status;
}

absl::Status Terminal::Change(absl::FunctionRef<absl::Status()> work) {
  GATELOG_RETURN_IF_ERROR(Transact(work));
  // The change is in the file. If that cannot be read, the next change fails and says so.
  (void)ReadSettings();
  return absl::OkStatus();
}

absl::Status Terminal::ChangeAndDisconnect(std::string_view why,
                                           absl::FunctionRef<absl::Status()> work) {
  GATELOG_RETURN_IF_ERROR(Change([&] {
    const absl::Status done = work();
    staged_.clear();  // the gateway reads them when it has a link again
    return done;
  }));
  Disconnect(why);
  if (relinked) relinked(*this);
  return absl::OkStatus();
}

absl::StatusOr<std::string> Terminal::Call(std::string_view method, std::string_view request) {
  if (settings_.make_call_server == nullptr)
    return absl::UnimplementedError("This terminal serves no calls.");
  if (call_server_ == nullptr) call_server_ = settings_.make_call_server(*this);
  return call_server_->Call(method, request);
}

absl::StatusOr<std::uint32_t> Terminal::Record(EventLog event) {
  const UserChange change =
      event.changedondevice() ? ChangeOf(event.eventcode()) : UserChange::kNone;
  const absl::Status status = Transact([&] {
    const absl::Status staged = Stage(event, ToTimestamp(clock_ms()));
    return staged.ok() ? ChangeUsers(change, event.userid()) : staged;
  });
  if (!status.ok()) return status;
  return event.id();
}

absl::StatusOr<terminal::v1::LogStatus> Terminal::ClearLog(std::uint32_t expected_last_id) {
  if (expected_last_id != log_.last_id()) {
    return absl::AbortedError(absl::StrCat("The last record is ", log_.last_id(), ", not ",
                                           expected_last_id, "; nothing was cleared."));
  }
  const absl::Status status = Transact([&] {
    const absl::Status cleared = log_.Clear();
    return cleared.ok() ? StageCode(kLogCleared) : cleared;
  });
  if (!status.ok()) return status;
  return log_.status();
}

absl::Status Terminal::FactoryReset() {
  return ChangeAndDisconnect("factory reset", [&]() -> absl::Status {
    log_.set_clock_offset_ms(0);
    ResetImageFilters();
    GATELOG_RETURN_IF_ERROR(store().WipeAll(id()));
    GATELOG_RETURN_IF_ERROR(users_.Clear());
    GATELOG_RETURN_IF_ERROR(log_.Reset(NewGeneration()));
    return StageCode(kFactoryReset);
  });
}

absl::Status Terminal::SetClock(std::int64_t utc_ms) {
  if (utc_ms < 0 || utc_ms / 1000 > std::numeric_limits<std::uint32_t>::max()) {
    return absl::InvalidArgumentError("A terminal's clock can show times from 1970 to 2106 only.");
  }
  return Transact([&] {
    log_.set_clock_offset_ms(log_.clock_offset_ms() + utc_ms - clock_ms());
    return StageCode(kTimeSet);
  });
}

absl::Status Terminal::JumpClock(std::int64_t by_s) {
  constexpr std::int64_t kSecondsMax = std::numeric_limits<std::uint32_t>::max();
  // Further than the clock can show, and near enough to be added.
  return SetClock(clock_ms() + std::clamp(by_s, -2 * kSecondsMax, 2 * kSecondsMax) * 1000);
}

absl::StatusOr<std::uint64_t> Terminal::DropImages(std::uint32_t first_id, std::uint32_t last_id) {
  const std::uint64_t before = log_.images();
  GATELOG_RETURN_IF_ERROR(Transact([&] { return log_.DropImages(first_id, last_id); }));
  return before - log_.images();
}

absl::Status Terminal::PutImage(std::uint32_t id, std::string_view image) {
  const terminal::v1::LogStatus held = log_.status();
  if (held.first_id() == 0 || id < held.first_id() || id > held.last_id()) {
    return absl::NotFoundError(absl::StrCat("The terminal holds no record ", id, "."));
  }
  return Transact([&] { return log_.PutImage(id, image); });
}

absl::Status Terminal::SetImageFilters(const terminal::v1::SetImageFilters& request) {
  if (!settings_.images) return absl::UnimplementedError("This terminal has no camera.");
  if (static_cast<std::size_t>(request.filters_size()) > kImageFiltersMax) {
    return absl::InvalidArgumentError(absl::StrCat(request.filters_size(),
                                                   " image filters were given; a terminal has ",
                                                   kImageFiltersMax, "."));
  }
  gsdk::event::SetImageFilterRequest filters = NoFilters(id());
  for (const std::string& bytes : request.filters()) {
    gsdk::event::ImageFilter& filter = *filters.add_filters();
    if (!filter.ParseFromString(bytes))
      return absl::InvalidArgumentError("An image filter cannot be decoded.");
    if (filter.eventcode() == 0 || filter.eventcode() > 0xFFFF) {
      return absl::InvalidArgumentError(absl::StrCat(filter.eventcode(), " is no event code."));
    }
    GATELOG_ASSIGN_OR_RETURN(const bool known, HasSchedule(store(), id(), filter.scheduleid()));
    if (!known) {
      return absl::InvalidArgumentError(
          absl::StrCat("This terminal has no schedule ", filter.scheduleid(),
                       "; 0 is never, 1 is always, others are added to it first."));
    }
  }
  return Change([&] {
    log_.set_image_filters(filters.SerializeAsString());
    return absl::OkStatus();
  });
}

void Terminal::ResetImageFilters() {
  log_.set_image_filters(settings_.images ? DefaultFilters(id()) : "");
}

terminal::v1::ImageFilters Terminal::ImageFilters() const {
  terminal::v1::ImageFilters result;
  gsdk::event::SetImageFilterRequest filters;
  if (settings_.images && filters.ParseFromString(log_.image_filters())) {
    for (const gsdk::event::ImageFilter& filter : filters.filters()) {
      result.add_filters(filter.SerializeAsString());
    }
  }
  return result;
}

absl::Status Terminal::ReadSettings() {
  GATELOG_ASSIGN_OR_RETURN(const auto system,
                           ReadSetting(store(), id(), setting::kSystem, DefaultSystemConfig()));
  GATELOG_ASSIGN_OR_RETURN(daylight_saving_, ReadSetting<gsdk::time::DSTConfig>(
                                                 store(), id(), setting::kDaylightSaving));
  GATELOG_ASSIGN_OR_RETURN(const auto doors,
                           ReadSetting(store(), id(), setting::kDoors, DefaultDoors(place_)));
  GATELOG_ASSIGN_OR_RETURN(image_rules_, ImageRules::Read(store(), id(), log_.image_filters()));
  GATELOG_ASSIGN_OR_RETURN(event_rules_, EventRules::Read(store(), place_));
  time_zone_ = system.timezone();
  door_states_.Take(doors);
  std::vector<std::uint32_t> passable;
  std::vector<std::uint32_t> unlocked;
  for (const gsdk::door::DoorInfo& door : doors.doors()) {
    const DoorOrder order = OrderOf(door);
    if (order != DoorOrder::kStayLocked) passable.push_back(door.doorid());
    if (order == DoorOrder::kStayUnlocked) unlocked.push_back(door.doorid());
  }
  life_->SetDoors(std::move(passable), std::move(unlocked));
  life_->SetLocked(system.islocked());
  return absl::OkStatus();
}

std::int64_t Terminal::LocalTime(std::int64_t utc_s) const {
  return LocalSeconds(utc_s, time_zone_, daylight_saving_);
}

bool Terminal::Hold(std::shared_ptr<Session> session) {
  if (session_ != nullptr) return false;
  session_ = std::move(session);
  return true;
}

void Terminal::Release(const Session& session) {
  if (session_.get() == &session) session_.reset();
}

std::string Terminal::holder() const {
  return session_ == nullptr ? std::string() : session_->peer();
}

void Terminal::Disconnect(std::string_view why) {
  // The session lets go of the terminal while it closes.
  if (const std::shared_ptr<Session> session = session_; session != nullptr) session->HangUp(why);
}

}  // namespace gatelog::sim
