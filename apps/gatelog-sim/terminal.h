#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "apps/gatelog-sim/call_server.h"
#include "apps/gatelog-sim/device_log.h"
#include "apps/gatelog-sim/door_states.h"
#include "apps/gatelog-sim/event_rules.h"
#include "apps/gatelog-sim/image_maker.h"
#include "apps/gatelog-sim/image_rules.h"
#include "apps/gatelog-sim/life.h"
#include "apps/gatelog-sim/site.h"
#include "apps/gatelog-sim/users.h"
#include "base/clock.h"
#include "gsdk/time.pb.h"
#include "simulator/v1/linkage.pb.h"
#include "terminal/v1/link.pb.h"

namespace gatelog::sim {

class Session;

inline constexpr std::size_t kImageFiltersMax = 32;

// One virtual terminal: its log, its clock, its camera and whoever holds it. Everything that
// changes the log is in the file before anybody is told of it.
//
// The loop's thread only. Errors: kDataLoss when the log cannot be read or written; nothing has
// then changed.
class Terminal {
 public:
  struct Settings {
    std::uint32_t number = 1;  // answers on 127.0.0.0 plus this
    std::uint32_t device_id = 0;
    DeviceLog::Limits limits;
    bool images = false;
    std::string key;  // empty: none
    std::uint64_t seed = 1;
    simulator::v1::Linkage linkage;             // until a gateway changes it
    MakeCallServer make_call_server = nullptr;  // null: it serves none
  };

  // The references outlive the terminal.
  Terminal(Settings settings, LogDatabase& database, const Clock& clock, ImageMaker& images,
           const std::vector<Person>& people);
  ~Terminal();

  // Takes up the log in the file; false if there is none yet, then Create must follow (inside a
  // transaction).
  absl::StatusOr<bool> Load();
  absl::Status Create(std::uint32_t next_id);

  const Settings& settings() const { return settings_; }
  std::uint32_t id() const { return settings_.device_id; }
  DeviceLog& log() { return log_; }
  const terminal::v1::Identity& identity() const { return identity_; }
  const Place& place() const { return place_; }
  std::int64_t clock_ms() const;

  // For a batch: inside one transaction Stage or StageNext as often as wanted, then Seal. After the
  // commit Publish; when the transaction failed, Abandon. Stage fills in ID, timestamp, hasImage,
  // and deviceID where it is 0.
  absl::Status Stage(EventLog& event, std::uint32_t timestamp);
  absl::Status StageNext();  // what life brings, now
  // What life brought, at that time: also what it does to the users, and as the settings want it.
  absl::Status StageStep(const Life::Step& step, std::uint32_t timestamp);
  absl::Status Seal() { return log_.Seal(); }
  void Publish();
  void Abandon();
  Life& life() { return *life_; }

  // Each a transaction of its own.
  // Returns its ID. A change of a user that was made at the terminal is made.
  absl::StatusOr<std::uint32_t> Record(EventLog event);
  // kAborted if the last ID is another.
  absl::StatusOr<terminal::v1::LogStatus> ClearLog(std::uint32_t expected_last_id);
  // As the simulator first made it but without records and users, under a new generation. Drops the
  // link too.
  absl::Status FactoryReset();
  // Both write 0x3200. kInvalidArgument if the clock would leave what a timestamp can hold.
  absl::Status SetClock(std::int64_t utc_ms);
  absl::Status JumpClock(std::int64_t by_s);
  // Returns how many went.
  absl::StatusOr<std::uint64_t> DropImages(std::uint32_t first_id, std::uint32_t last_id);
  // Images taken from now on are kept back until false is given.
  void HoldImages(bool hold) { held_from_ = hold ? log_.next_id() : 0; }
  bool Held(std::uint32_t image_id) const { return held_from_ != 0 && image_id >= held_from_; }
  // kNotFound if the terminal does not hold the record.
  absl::Status PutImage(std::uint32_t id, std::string_view image);
  // Encoded gsdk.event.ImageFilters. kUnimplemented without a camera, kInvalidArgument says what is
  // wrong with one.
  absl::Status SetImageFilters(const terminal::v1::SetImageFilters& request);
  terminal::v1::ImageFilters ImageFilters() const;
  // Those that a terminal begins with. Inside Change.
  void ResetImageFilters();

  // A method of the services that the terminal serves itself; see call_server.h.
  absl::StatusOr<std::string> Call(std::string_view method, std::string_view request);
  // What it keeps besides its log. Reading is possible at any time, changing only inside Change.
  SettingStore& store() { return database_.settings(); }
  // Changing only inside Change, as well.
  Users& users() { return users_; }
  // Changes settings and writes the records that go with it (StageNow), in one transaction: when
  // this returns kOk all of it is in the file and the records are pushed; after an error nothing
  // has changed, and it is the error of `work` or of the file.
  absl::Status Change(absl::FunctionRef<absl::Status()> work);
  // The same for what may change whether the terminal calls its gateway or waits for it: then its
  // link is dropped, and `relinked` told. Records are not pushed.
  absl::Status ChangeAndDisconnect(std::string_view why, absl::FunctionRef<absl::Status()> work);
  // Fills in what Stage does, with the terminal's time now.
  absl::Status StageNow(EventLog event);
  absl::Status StageCode(std::uint32_t code);
  // What the settings come to, as it holds now.
  const ImageRules& image_rules() const { return image_rules_; }
  const EventRules& event_rules() const { return event_rules_; }
  const DoorStates& door_states() const { return door_states_; }
  // On the terminal's wall; see local_time.h.
  std::int64_t LocalTime(std::int64_t utc_s) const;

  // One gateway at a time. False: another holds it, and holder() says where that is.
  bool Hold(std::shared_ptr<Session> session);
  void Release(const Session& session);
  const std::shared_ptr<Session>& session() const { return session_; }
  std::string holder() const;
  void Disconnect(std::string_view why);

  // Told when it may be for the terminal to call its gateway, and was not before; see caller.h.
  std::function<void(Terminal&)> relinked;
  // Restarts it as Fleet::Reboot does, which sets this; without it a terminal cannot.
  std::function<absl::Status()> restart;
  // A terminal that restarts is not there: it refuses connections and makes no events.
  bool away = false;
  std::uint32_t link_delay_ms = 0;  // before each frame that it sends
  std::uint32_t connections = 0;    // sessions of any state

 private:
  struct Staged {
    std::uint32_t id = 0;
    std::string record;
  };

  absl::Status Transact(absl::FunctionRef<absl::Status()> work);
  absl::StatusOr<std::string> TakeImage(const EventLog& event);
  // Takes up what the settings in the file say. Errors are those of the store.
  absl::Status ReadSettings();
  // At the terminal. Nothing where the user is there already, or not there.
  absl::Status ChangeUsers(UserChange change, const std::string& id);
  // What follows from who was recognised: true if they are refused, otherwise one of their job
  // codes, if they have some.
  absl::StatusOr<bool> LookAtUser(std::uint32_t timestamp, EventLog& event);

  const Settings settings_;
  LogDatabase& database_;
  const Clock& clock_;
  ImageMaker& image_maker_;
  DeviceLog log_;
  const Place place_;  // as it was built
  const terminal::v1::Identity identity_;
  Users users_;
  std::unique_ptr<Life> life_;
  ImageRules image_rules_;
  DoorStates door_states_;
  EventRules event_rules_;
  gsdk::tna::Key last_key_ = gsdk::tna::UNSPECIFIED;  // that somebody pressed
  std::int32_t time_zone_ = 0;
  gsdk::time::DSTConfig daylight_saving_;
  std::vector<Staged> staged_;  // to be pushed
  std::string buffer_;
  std::uint32_t held_from_ = 0;  // images from here on are kept back; 0: none
  std::shared_ptr<Session> session_;
  std::unique_ptr<CallServer> call_server_;  // made at the first call
};

}  // namespace gatelog::sim
