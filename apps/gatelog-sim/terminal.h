#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "apps/gatelog-sim/device_log.h"
#include "apps/gatelog-sim/image_maker.h"
#include "apps/gatelog-sim/life.h"
#include "apps/gatelog-sim/site.h"
#include "base/clock.h"
#include "terminal/v1/link.pb.h"

namespace gatelog::sim {

class Session;
class TerminalServices;

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
    bool calls_gateway = false;
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
  std::int64_t clock_ms() const;

  // For a batch: inside one transaction Stage or StageNext as often as wanted, then Seal. After the
  // commit Publish; when the transaction failed, Abandon. Stage fills in ID, timestamp, hasImage,
  // and deviceID where it is 0.
  absl::Status Stage(EventLog& event, std::uint32_t timestamp);
  absl::Status StageNext();  // what life brings, now
  absl::Status Seal() { return log_.Seal(); }
  void Publish();
  void Abandon();
  Life& life() { return *life_; }

  // Each a transaction of its own.
  absl::StatusOr<std::uint32_t> Record(EventLog event);  // returns its ID
  // kAborted if the last ID is another.
  absl::StatusOr<terminal::v1::LogStatus> ClearLog(std::uint32_t expected_last_id);
  // Drops the link too.
  absl::Status FactoryReset();
  // kInvalidArgument if the clock would leave what a timestamp can hold.
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

  // A method of the services that the terminal serves itself; see services/service.h.
  absl::StatusOr<std::string> Call(std::string_view method, std::string_view request);
  // What it keeps besides its log. Reading is possible at any time, changing only inside Change.
  SettingStore& store() { return database_.settings(); }
  // Changes settings and writes the records that go with it (StageNow), in one transaction: when
  // this returns kOk all of it is in the file and the records are pushed; after an error nothing
  // has changed, and it is the error of `work` or of the file.
  absl::Status Change(absl::FunctionRef<absl::Status()> work);
  // Fills in what Stage does, with the terminal's time now.
  absl::Status StageNow(EventLog event);
  absl::Status StageCode(std::uint32_t code);

  // One gateway at a time. False: another holds it, and holder() says where that is.
  bool Hold(std::shared_ptr<Session> session);
  void Release(const Session& session);
  const std::shared_ptr<Session>& session() const { return session_; }
  std::string holder() const;
  void Disconnect(std::string_view why);

  // A terminal that calls its gateway is not listening.
  bool calls_gateway() const { return settings_.calls_gateway; }

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
  void ReadFilters();

  const Settings settings_;
  LogDatabase& database_;
  const Clock& clock_;
  ImageMaker& image_maker_;
  const std::vector<Person>& people_;
  DeviceLog log_;
  const Place place_;
  const terminal::v1::Identity identity_;
  std::unique_ptr<Life> life_;
  std::vector<std::uint32_t> image_codes_;  // events that an image is taken for
  std::vector<Staged> staged_;              // to be pushed
  std::string buffer_;
  std::uint32_t held_from_ = 0;  // images from here on are kept back; 0: none
  std::shared_ptr<Session> session_;
  std::unique_ptr<TerminalServices> services_;  // made at the first call
};

}  // namespace gatelog::sim
