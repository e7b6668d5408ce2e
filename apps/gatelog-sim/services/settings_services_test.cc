#include <gmock/gmock.h>

#include <map>
#include <set>

#include "apps/gatelog-sim/event_rules.h"
#include "apps/gatelog-sim/services/biometric_service.h"
#include "apps/gatelog-sim/services/card_service.h"
#include "apps/gatelog-sim/services/service_test_support.h"
#include "apps/gatelog-sim/services/thermal_service.h"
#include "apps/gatelog-sim/services/tna_service.h"
#include "gsdk/device.pb.h"
#include "gsdk/schedule.pb.h"
#include "gsdk/time.pb.h"

// Settings of T&A keys, temperatures, cards, fingers and faces, and what follows from them.
namespace gatelog::sim {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::uint32_t kWithoutKeysOrCamera = 541000004;

bool IsRecognised(const EventLog& event) {
  return event.eventcode() == 0x1000 || event.eventcode() == 0x1300;
}

class TnaServiceTest : public ServiceTest {
 protected:
  absl::Status Set(const gsdk::tna::TNAConfig& config) {
    gsdk::tna::SetConfigRequest request;
    *request.mutable_config() = config;
    return Call<gsdk::tna::SetConfigResponse>("gsdk.tna.TNA/SetConfig", request).status();
  }
  absl::StatusOr<gsdk::tna::TNAConfig> Get() {
    const auto response =
        Call<gsdk::tna::GetConfigResponse>("gsdk.tna.TNA/GetConfig", gsdk::tna::GetConfigRequest());
    if (!response.ok()) return response.status();
    return response->config();
  }
  gsdk::tna::TNAConfig ConfigOf(gsdk::tna::Mode mode) {
    gsdk::tna::TNAConfig config;
    config.set_mode(mode);
    return config;
  }
  // Of those who were recognised among so many records, how many have which key.
  std::map<int, int> Keys(int records = 1'000) {
    std::map<int, int> keys;
    for (const EventLog& event : Live(records)) {
      if (IsRecognised(event)) {
        ++keys[event.tnakey()];
      } else {
        EXPECT_EQ(event.tnakey(), 0) << event.ShortDebugString();
      }
    }
    return keys;
  }
};

TEST_F(TnaServiceTest, TheConfigurationIsKept) {
  EXPECT_EQ(Get()->mode(), gsdk::tna::BY_USER);
  gsdk::tna::TNAConfig config = ConfigOf(gsdk::tna::FIXED);
  config.set_key(gsdk::tna::KEY_16);
  config.set_isrequired(true);
  config.add_schedules(1);
  config.add_labels(std::string(48, 'l'));
  ASSERT_TRUE(Set(config).ok());
  Restart();
  EXPECT_EQ(Get()->SerializeAsString(), config.SerializeAsString());
  ASSERT_TRUE(terminal_->FactoryReset().ok());
  EXPECT_EQ(Get()->mode(), gsdk::tna::BY_USER);
}

TEST_F(TnaServiceTest, UnusedKeysAreOnNoEvent) {
  ASSERT_TRUE(Set(ConfigOf(gsdk::tna::UNUSED)).ok());
  const std::map<int, int> keys = Keys();
  EXPECT_EQ(keys.size(), 1u);
  EXPECT_TRUE(keys.contains(0));
}

TEST_F(TnaServiceTest, AFixedKeyIsOnEveryAuthenticationAlsoAfterARestart) {
  gsdk::tna::TNAConfig config = ConfigOf(gsdk::tna::FIXED);
  config.set_key(gsdk::tna::KEY_9);
  ASSERT_TRUE(Set(config).ok());
  for (int i = 0; i < 2; ++i) {
    const std::map<int, int> keys = Keys();
    EXPECT_EQ(keys.size(), 1u);
    EXPECT_TRUE(keys.contains(9));
    Restart();
  }
}

TEST_F(TnaServiceTest, UsersChooseWhereTheyHaveToOrWantTo) {
  const std::map<int, int> free = Keys();
  EXPECT_GT(free.size(), 1u);
  EXPECT_TRUE(free.contains(0));
  gsdk::tna::TNAConfig config = ConfigOf(gsdk::tna::BY_USER);
  config.set_isrequired(true);
  ASSERT_TRUE(Set(config).ok());
  EXPECT_FALSE(Keys().contains(0));
}

TEST_F(TnaServiceTest, TheLastChoiceCountsUntilTheNext) {
  ASSERT_TRUE(Set(ConfigOf(gsdk::tna::LAST_CHOICE)).ok());
  clock_.now_s = kStart - kStart % 86'400 + 12 * 3600;  // noon: several keys are chosen
  int recognised = 0;
  int changes = 0;
  std::uint32_t last = 0;
  for (const EventLog& event : Live(2'000)) {
    if (!IsRecognised(event)) continue;
    EXPECT_NE(event.tnakey(), 0);
    changes += recognised++ > 0 && static_cast<std::uint32_t>(event.tnakey()) != last;
    last = static_cast<std::uint32_t>(event.tnakey());
  }
  ASSERT_GT(recognised, 200);
  EXPECT_GT(changes, 0) << "somebody chooses another";
  // Were each choosing for themselves, more than half would have another than the one before.
  EXPECT_LT(changes, recognised * 2 / 5);
}

TEST_F(TnaServiceTest, TheScheduleDecidesByTheTerminalsClock) {
  gsdk::schedule::AddRequest schedule;
  gsdk::schedule::ScheduleInfo& mornings = *schedule.add_schedules();
  mornings.set_id(5);
  mornings.set_name("mornings");
  for (int day = 0; day < 7; ++day) {
    gsdk::schedule::TimePeriod& period =
        *mornings.mutable_weekly()->add_dayschedules()->add_periods();
    period.set_starttime(6 * 60);
    period.set_endtime(12 * 60);
  }
  ASSERT_TRUE(Call<gsdk::schedule::AddResponse>("gsdk.schedule.Schedule/Add", schedule).ok());
  gsdk::tna::TNAConfig config = ConfigOf(gsdk::tna::BY_SCHEDULE);
  config.add_schedules(0);
  config.add_schedules(5);
  ASSERT_TRUE(Set(config).ok());
  gsdk::time::SetConfigRequest zone;
  zone.mutable_config()->set_timezone(2 * 3600);
  ASSERT_TRUE(Call<gsdk::time::SetConfigResponse>("gsdk.time.Time/SetConfig", zone).ok());
  const std::int64_t midnight = kStart - kStart % 86'400;
  clock_.now_s = midnight + 5 * 3600;  // at seven
  std::map<int, int> keys = Keys(300);
  EXPECT_EQ(keys.size(), 1u);
  EXPECT_TRUE(keys.contains(2));
  clock_.now_s = midnight + 11 * 3600;  // at one in the afternoon
  keys = Keys(300);
  EXPECT_EQ(keys.size(), 1u);
  EXPECT_TRUE(keys.contains(0));
  config.add_schedules(1);
  ASSERT_TRUE(Set(config).ok());
  EXPECT_TRUE(Keys(300).contains(3));

  gsdk::schedule::DeleteRequest remove;
  remove.add_scheduleids(5);
  const absl::Status status =
      Call<gsdk::schedule::DeleteResponse>("gsdk.schedule.Schedule/Delete", remove).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("key has schedule 5"));
}

TEST_F(TnaServiceTest, WhatMakesNoSenseIsRefusedInASentence) {
  EXPECT_THAT(std::string(Set(ConfigOf(gsdk::tna::FIXED)).message()), HasSubstr("needs a key"));
  gsdk::tna::TNAConfig config;
  config.add_labels(std::string(49, 'l'));
  EXPECT_THAT(std::string(Set(config).message()), HasSubstr("48 bytes at most; one has 49."));
  config.clear_labels();
  for (int i = 0; i < 17; ++i) config.add_labels("l");
  EXPECT_THAT(std::string(Set(config).message()), HasSubstr("There are 16 keys"));
  config = ConfigOf(gsdk::tna::BY_SCHEDULE);
  config.add_schedules(77);
  EXPECT_THAT(std::string(Set(config).message()), HasSubstr("no schedule 77"));
  EXPECT_EQ(Set(ConfigOf(static_cast<gsdk::tna::Mode>(5))).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Get()->mode(), gsdk::tna::BY_USER);
  EXPECT_THAT(NewCodes(), IsEmpty());
}

TEST_F(TnaServiceTest, ATerminalWithoutKeysSaysSo) {
  settings_.device_id = kWithoutKeysOrCamera;
  Restart();
  EXPECT_EQ(Get().status().code(), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(Set(ConfigOf(gsdk::tna::UNUSED)).code(), absl::StatusCode::kUnimplemented);
  gsdk::device::CapabilityInfo info;
  ASSERT_TRUE(info.ParseFromString(terminal_->identity().capability_info()));
  EXPECT_FALSE(info.tnasupported());
  gsdk::device::DeviceCapability capability;
  ASSERT_TRUE(capability.ParseFromString(terminal_->identity().device_capability()));
  EXPECT_FALSE(capability.displaysupported()) << "by which clients know that they may ask";
  const std::map<int, int> keys = Keys();
  EXPECT_EQ(keys.size(), 1u);
  EXPECT_TRUE(keys.contains(0));
}

class ThermalServiceTest : public ServiceTest {
 protected:
  absl::Status Set(const gsdk::thermal::ThermalConfig& config) {
    gsdk::thermal::SetConfigRequest request;
    *request.mutable_config() = config;
    return Call<gsdk::thermal::SetConfigResponse>("gsdk.thermal.Thermal/SetConfig", request)
        .status();
  }
  absl::StatusOr<gsdk::thermal::ThermalConfig> Get() {
    const auto response = Call<gsdk::thermal::GetConfigResponse>("gsdk.thermal.Thermal/GetConfig",
                                                                 gsdk::thermal::GetConfigRequest());
    if (!response.ok()) return response.status();
    return response->config();
  }
};

TEST_F(ThermalServiceTest, TemperaturesAreWrittenWhereTheyAreMeasuredAndAudited) {
  const auto warm = [](const std::vector<EventLog>& events) {
    int count = 0;
    for (const EventLog& event : events) count += event.temperature() == 0 ? 0 : 1;
    return count;
  };
  gsdk::thermal::ThermalConfig config = *Get();
  EXPECT_EQ(config.temperaturethresholdhigh(), 3800u);
  EXPECT_EQ(config.temperaturethresholdlow(), 3200u);
  EXPECT_TRUE(config.audittemperature());
  EXPECT_GT(warm(Live(1'000)), 100);
  config.set_audittemperature(false);
  ASSERT_TRUE(Set(config).ok());
  EXPECT_EQ(warm(Live(1'000)), 0);
  Restart();
  EXPECT_EQ(warm(Live(1'000)), 0);
  config.set_audittemperature(true);
  config.set_checkmode(gsdk::thermal::OFF);
  ASSERT_TRUE(Set(config).ok());
  EXPECT_EQ(warm(Live(1'000)), 0);
  config.set_checkmode(gsdk::thermal::HARD);
  ASSERT_TRUE(Set(config).ok());
  EXPECT_GT(warm(Live(1'000)), 100);
}

TEST_F(ThermalServiceTest, WhoIsTooWarmIsNotLetIn) {
  gsdk::thermal::ThermalConfig config = *Get();
  config.set_checkmode(gsdk::thermal::HARD);
  config.set_temperaturethresholdhigh(3650);
  ASSERT_TRUE(Set(config).ok());
  int denied = 0;
  const std::vector<EventLog> events = Live(2'000);
  for (std::size_t i = 0; i < events.size(); ++i) {
    if (IsRecognised(events[i])) {
      EXPECT_LE(events[i].temperature(), 3650u);
    }
    if (events[i].eventcode() != 0x1900 || events[i].subcode() != 0x13) continue;
    EXPECT_GT(events[i].temperature(), 3650u);
    EXPECT_NE(events[i].userid(), "");
    EXPECT_EQ(events[i].tnakey(), 0);
    if (i + 1 < events.size()) {
      EXPECT_NE(events[i + 1].eventcode(), 0x5000u);
    }
    ++denied;
  }
  EXPECT_GT(denied, 50);
}

TEST_F(ThermalServiceTest, WhoIsTooWarmIsLetInWithAWarning) {
  gsdk::thermal::ThermalConfig config = *Get();
  config.set_temperaturethresholdhigh(3650);
  ASSERT_TRUE(Set(config).ok());
  int warned = 0;
  const std::vector<EventLog> events = Live(2'000);
  for (std::size_t i = 1; i < events.size(); ++i) {
    if (!IsRecognised(events[i]) || events[i].temperature() <= 3650) continue;
    ++warned;
    EXPECT_EQ(events[i - 1].eventcode(), 0x1D00u);
    EXPECT_EQ(events[i - 1].subcode(), 0x13u);
    EXPECT_EQ(events[i - 1].temperature(), events[i].temperature());
    EXPECT_EQ(events[i - 1].userid(), events[i].userid());
  }
  EXPECT_GT(warned, 50);
}

TEST_F(ThermalServiceTest, WhatMakesNoSenseIsRefused) {
  gsdk::thermal::ThermalConfig config = *Get();
  config.set_temperaturethresholdhigh(3100);
  EXPECT_EQ(Set(config).code(), absl::StatusCode::kInvalidArgument);
  config = *Get();
  config.mutable_camera()->mutable_roi()->set_width(71);
  EXPECT_EQ(Set(config).code(), absl::StatusCode::kInvalidArgument);
  config = *Get();
  config.set_checkmode(static_cast<gsdk::thermal::CheckMode>(3));
  EXPECT_EQ(Set(config).code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(ThermalServiceTest, ATerminalWithoutACameraMeasuresNothingAndSaysSo) {
  settings_.device_id = kWithoutKeysOrCamera;
  Restart();
  EXPECT_EQ(Get().status().code(), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(Set({}).code(), absl::StatusCode::kUnimplemented);
  for (const EventLog& event : Live(20'000)) EXPECT_EQ(event.temperature(), 0u);
}

class CardServiceTest : public ServiceTest {
 protected:
  absl::Status Add(const std::vector<std::string>& cards) {
    gsdk::card::AddBlacklistRequest request;
    for (const std::string& card : cards) request.add_cardinfos()->set_cardid(card);
    return Call<gsdk::card::AddBlacklistResponse>("gsdk.card.Card/AddBlacklist", request).status();
  }
  absl::Status Delete(const std::vector<std::string>& cards) {
    gsdk::card::DeleteBlacklistRequest request;
    for (const std::string& card : cards) request.add_cardinfos()->set_cardid(card);
    return Call<gsdk::card::DeleteBlacklistResponse>("gsdk.card.Card/DeleteBlacklist", request)
        .status();
  }
  std::vector<std::string> List() {
    std::vector<std::string> cards;
    const auto list = Call<gsdk::card::GetBlacklistResponse>("gsdk.card.Card/GetBlacklist",
                                                             gsdk::card::GetBlacklistRequest());
    for (const gsdk::card::BlacklistItem& card : list->blacklist()) cards.push_back(card.cardid());
    return cards;
  }
};

TEST_F(CardServiceTest, TheBlacklistIsKept) {
  EXPECT_THAT(List(), IsEmpty());
  ASSERT_TRUE(Add({"a", "b"}).ok());
  ASSERT_TRUE(Add({"b", "c"}).ok());
  Restart();
  EXPECT_THAT(List(), ElementsAre("a", "b", "c"));
  EXPECT_EQ(Delete({"a", "x"}).code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(List(), ElementsAre("a", "b", "c"));
  ASSERT_TRUE(Delete({"a"}).ok());
  EXPECT_THAT(List(), ElementsAre("b", "c"));
  EXPECT_EQ(Add({std::string(33, 'x')}).code(), absl::StatusCode::kInvalidArgument);
  std::vector<std::string> many;
  for (int i = 0; i < kBlacklistMax - 1; ++i) many.push_back(absl::StrCat("card ", i));
  EXPECT_EQ(Add(many).code(), absl::StatusCode::kResourceExhausted);
  many.pop_back();
  EXPECT_TRUE(Add(many).ok());
  ASSERT_TRUE(Call<gsdk::card::DeleteAllBlacklistResponse>("gsdk.card.Card/DeleteAllBlacklist",
                                                           gsdk::card::DeleteAllBlacklistRequest())
                  .ok());
  EXPECT_THAT(List(), IsEmpty());
}

TEST_F(CardServiceTest, WhoseCardIsOnTheBlacklistIsNotLetIn) {
  const Person* person = nullptr;
  for (const Person& one : people_) {
    if (one.habit == Habit::kCard && !one.visitor) person = &one;
  }
  ASSERT_NE(person, nullptr);
  ASSERT_TRUE(Add({MakeUserInfo(*person).cards(0).data()}).ok());
  int denied = 0;
  for (const EventLog& event : Live(10'000)) {
    if (event.userid() != person->user_id) continue;
    if (event.eventcode() == 0x1000) {
      EXPECT_LE(event.subcode(), 0x05u);
    }
    denied += event.eventcode() == 0x1900 && event.subcode() == 0x04;
  }
  EXPECT_GT(denied, 3);
}

TEST_F(CardServiceTest, SettingsAreKeptAndChecked) {
  gsdk::card::SetConfigRequest set;
  set.mutable_config()->set_usewiegandformat(true);
  set.mutable_config()->mutable_mifareconfig()->set_primarykey("123456");
  ASSERT_TRUE(Call<gsdk::card::SetConfigResponse>("gsdk.card.Card/SetConfig", set).ok());
  Restart();
  EXPECT_EQ(Call<gsdk::card::GetConfigResponse>("gsdk.card.Card/GetConfig",
                                                gsdk::card::GetConfigRequest())
                ->config()
                .SerializeAsString(),
            set.config().SerializeAsString());
  set.mutable_config()->mutable_mifareconfig()->set_primarykey("12345");
  EXPECT_EQ(Call<gsdk::card::SetConfigResponse>("gsdk.card.Card/SetConfig", set).status().message(),
            "A MIFARE key has 6 bytes, not 5.");
  gsdk::card::SetQRConfigRequest qr;
  qr.mutable_config()->set_scantimeout(10);
  ASSERT_TRUE(Call<gsdk::card::SetQRConfigResponse>("gsdk.card.Card/SetQRConfig", qr).ok());
  EXPECT_EQ(Call<gsdk::card::GetQRConfigResponse>("gsdk.card.Card/GetQRConfig",
                                                  gsdk::card::GetQRConfigRequest())
                ->config()
                .scantimeout(),
            10u);
  qr.mutable_config()->set_scantimeout(11);
  EXPECT_EQ(
      Call<gsdk::card::SetQRConfigResponse>("gsdk.card.Card/SetQRConfig", qr).status().message(),
      "scanTimeout is 4 to 10, not 11.");
}

class BiometricServiceTest : public ServiceTest {};

TEST_F(BiometricServiceTest, SettingsAreKeptAndChecked) {
  gsdk::finger::SetConfigRequest finger;
  finger.mutable_config()->set_scantimeout(20);
  // A field of a later version is kept, too.
  finger.mutable_config()
      ->GetReflection()
      ->MutableUnknownFields(finger.mutable_config())
      ->AddVarint(10, 1);
  ASSERT_TRUE(Call<gsdk::finger::SetConfigResponse>("gsdk.finger.Finger/SetConfig", finger).ok());
  gsdk::face::SetConfigRequest face;
  face.mutable_config()->set_enrolltimeout(45);
  ASSERT_TRUE(Call<gsdk::face::SetConfigResponse>("gsdk.face.Face/SetConfig", face).ok());
  Restart();
  EXPECT_EQ(Call<gsdk::finger::GetConfigResponse>("gsdk.finger.Finger/GetConfig",
                                                  gsdk::finger::GetConfigRequest())
                ->config()
                .SerializeAsString(),
            finger.config().SerializeAsString());
  EXPECT_EQ(Call<gsdk::face::GetConfigResponse>("gsdk.face.Face/GetConfig",
                                                gsdk::face::GetConfigRequest())
                ->config()
                .SerializeAsString(),
            face.config().SerializeAsString());
  finger.mutable_config()->set_scantimeout(0);
  EXPECT_EQ(Call<gsdk::finger::SetConfigResponse>("gsdk.finger.Finger/SetConfig", finger)
                .status()
                .message(),
            "scanTimeout is 1 to 20, not 0.");
  face.mutable_config()->set_lfdlevel(static_cast<gsdk::face::FaceLFDLevel>(9));
  EXPECT_EQ(
      Call<gsdk::face::SetConfigResponse>("gsdk.face.Face/SetConfig", face).status().message(),
      "LFDLevel has no value 9.");
}

TEST_F(BiometricServiceTest, WhatNeedsHardwareSaysWhich) {
  const auto expect = [](const absl::Status& status, const std::string& hardware) {
    EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
    EXPECT_THAT(std::string(status.message()), HasSubstr(hardware));
  };
  expect(Call<gsdk::finger::ScanResponse>("gsdk.finger.Finger/Scan", gsdk::finger::ScanRequest())
             .status(),
         "fingerprint sensor");
  expect(Call<gsdk::finger::GetImageResponse>("gsdk.finger.Finger/GetImage",
                                              gsdk::finger::GetImageRequest())
             .status(),
         "fingerprint sensor");
  expect(
      Call<gsdk::finger::VerifyResponse>("gsdk.finger.Finger/Verify", gsdk::finger::VerifyRequest())
          .status(),
      "fingerprint sensor");
  expect(Call<gsdk::face::ScanResponse>("gsdk.face.Face/Scan", gsdk::face::ScanRequest()).status(),
         "camera");
  expect(Call<gsdk::card::ScanResponse>("gsdk.card.Card/Scan", gsdk::card::ScanRequest()).status(),
         "card reader");
  expect(
      Call<gsdk::card::EraseResponse>("gsdk.card.Card/Erase", gsdk::card::EraseRequest()).status(),
      "card reader");
  expect(
      Call<gsdk::card::WriteResponse>("gsdk.card.Card/Write", gsdk::card::WriteRequest()).status(),
      "card reader");
  expect(Call<gsdk::face::GetAuthGroupResponse>("gsdk.face.Face/GetAuthGroup",
                                                gsdk::face::GetAuthGroupRequest())
             .status(),
         "no groups");
}

}  // namespace
}  // namespace gatelog::sim
