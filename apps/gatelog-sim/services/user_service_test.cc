#include "apps/gatelog-sim/services/user_service.h"

#include <gmock/gmock.h>

#include <limits>
#include <set>

#include "apps/gatelog-sim/services/service_test_support.h"
#include "apps/gatelog-sim/services/user_checks.h"
#include "gsdk/device.pb.h"
#include "gsdk/system.pb.h"

namespace gatelog::sim {
namespace {

namespace api = gsdk::user;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;

UserInfo UserOf(const std::string& id, const std::string& name = "Somebody") {
  UserInfo user;
  user.mutable_hdr()->set_id(id);
  user.set_name(name);
  return user;
}

gsdk::card::CSNCardData CardOf(char last) {
  gsdk::card::CSNCardData card;
  card.set_type(gsdk::card::CARD_TYPE_CSN);
  card.set_size(32);
  card.set_data(std::string(31, '\0') + last);
  return card;
}

class UserServiceTest : public ServiceTest {
 protected:
  absl::Status Enroll(std::vector<UserInfo> users, bool overwrite = false) {
    api::EnrollRequest request;
    for (UserInfo& user : users) *request.add_users() = std::move(user);
    request.set_overwrite(overwrite);
    return Call<api::EnrollResponse>("gsdk.user.User/Enroll", request).status();
  }
  absl::Status Update(const UserInfo& user) {
    api::UpdateRequest request;
    *request.add_users() = user;
    return Call<api::UpdateResponse>("gsdk.user.User/Update", request).status();
  }
  absl::Status Delete(const std::vector<std::string>& ids) {
    api::DeleteRequest request;
    for (const std::string& id : ids) request.add_userids(id);
    return Call<api::DeleteResponse>("gsdk.user.User/Delete", request).status();
  }
  absl::Status DeleteAll() {
    return Call<api::DeleteAllResponse>("gsdk.user.User/DeleteAll", api::DeleteAllRequest())
        .status();
  }
  absl::StatusOr<UserInfo> Get(const std::string& id) {
    api::GetRequest request;
    request.add_userids(id);
    const auto response = Call<api::GetResponse>("gsdk.user.User/Get", request);
    if (!response.ok()) return response.status();
    EXPECT_EQ(response->users_size(), 1);
    return response->users(0);
  }
  std::set<std::string> Ids() {
    const auto list = Call<api::GetListResponse>("gsdk.user.User/GetList", api::GetListRequest());
    EXPECT_TRUE(list.ok()) << list.status();
    std::set<std::string> ids;
    for (const api::UserHdr& header : list->hdrs()) ids.insert(header.id());
    EXPECT_EQ(ids.size(), static_cast<std::size_t>(list->hdrs_size()));
    return ids;
  }
  std::set<std::string> SiteIds() {
    std::set<std::string> ids;
    for (const Person& person : people_) {
      if (!person.visitor) ids.insert(person.user_id);
    }
    return ids;
  }
  // As "2000 7" for each, and that a server did it.
  std::vector<std::string> Changes() {
    std::vector<std::string> changes;
    for (const EventLog& event : NewRecords()) {
      EXPECT_FALSE(event.changedondevice());
      EXPECT_EQ(event.deviceid(), kDevice);
      EXPECT_EQ(event.timestamp(), kStart);
      changes.push_back(absl::StrCat(absl::Hex(event.eventcode()), " ", event.userid()));
    }
    return changes;
  }
};

TEST_F(UserServiceTest, TheSitesPeopleAreThereFromTheBeginningWithoutARow) {
  EXPECT_EQ(Ids(), SiteIds());
  EXPECT_EQ(*terminal_->store().CountUsers(kDevice), 0u);
  for (const Person& person : people_) {
    if (person.visitor) continue;
    const absl::StatusOr<UserInfo> user = Get(person.user_id);
    ASSERT_TRUE(user.ok()) << user.status();
    EXPECT_EQ(user->hdr().id(), person.user_id);
    EXPECT_NE(user->name(), "");
    EXPECT_EQ(user->hdr().numofcard(), user->cards_size());
    EXPECT_EQ(user->hdr().numoffinger(), user->fingers_size());
    EXPECT_EQ(user->hdr().numofface(), user->faces_size());
    EXPECT_EQ(user->cards_size() + user->fingers_size() + user->faces_size() +
                  (user->pin().empty() ? 0 : 1),
              1);
    EXPECT_TRUE(CheckUser(*user).ok());
  }
  EXPECT_THAT(NewCodes(), IsEmpty());
}

TEST_F(UserServiceTest, WhoIsEnrolledIsThereAndInTheLogAndStays) {
  ASSERT_TRUE(Enroll({UserOf("7"), UserOf("anna-1")}).ok());
  EXPECT_THAT(Changes(), ElementsAre("2000 7", "2000 anna-1"));
  Restart();
  std::set<std::string> all = SiteIds();
  all.insert({"7", "anna-1"});
  EXPECT_EQ(Ids(), all);
  EXPECT_EQ(Get("anna-1")->name(), "Somebody");
}

TEST_F(UserServiceTest, WhoIsThereIsNotOverwrittenUnasked) {
  const std::string there = people_[3].user_id;
  const absl::Status status = Enroll({UserOf("7"), UserOf(there)});
  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(status.message()), HasSubstr(absl::StrCat("User ", there, " ")));
  EXPECT_EQ(Ids(), SiteIds());
  EXPECT_NE(Get(there)->name(), "Somebody");
  EXPECT_THAT(NewCodes(), IsEmpty());

  ASSERT_TRUE(Enroll({UserOf("7"), UserOf(there)}, /*overwrite=*/true).ok());
  EXPECT_THAT(Changes(), ElementsAre("2000 7", absl::StrCat("2200 ", there)));
  EXPECT_EQ(Get(there)->name(), "Somebody");
  EXPECT_EQ(Get(there)->hdr().numofface(), 0);
}

TEST_F(UserServiceTest, DeletingIsAllOrNothingAndOneRecordEach) {
  const std::string there = people_[3].user_id;
  ASSERT_TRUE(Enroll({UserOf("7")}).ok());
  NewRecords();
  const absl::Status status = Delete({there, "nobody"});
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("nobody;"));
  EXPECT_THAT(NewCodes(), IsEmpty());
  EXPECT_TRUE(Get(there).ok());

  ASSERT_TRUE(Delete({there, "7"}).ok());
  EXPECT_THAT(Changes(), ElementsAre(absl::StrCat("2400 ", there), "2400 7"));
  Restart();
  EXPECT_EQ(Get(there).status().code(), absl::StatusCode::kNotFound);
  std::set<std::string> rest = SiteIds();
  rest.erase(there);
  EXPECT_EQ(Ids(), rest);
  // Enrolled again they are as everybody else.
  ASSERT_TRUE(Enroll({MakeUserInfo(people_[3])}).ok());
  EXPECT_EQ(Ids(), SiteIds());
  EXPECT_EQ(*terminal_->store().CountUsers(kDevice), 0u);
}

TEST_F(UserServiceTest, AllAreDeletedWithOneRecordThatNamesNobody) {
  ASSERT_TRUE(Enroll({UserOf("7")}).ok());
  NewRecords();
  ASSERT_TRUE(DeleteAll().ok());
  EXPECT_THAT(Changes(), ElementsAre("2600 "));
  EXPECT_THAT(Ids(), IsEmpty());
  Restart();
  EXPECT_THAT(Ids(), IsEmpty());
  ASSERT_TRUE(Enroll({UserOf("7")}).ok());
  EXPECT_THAT(Ids(), ElementsAre("7"));
}

TEST_F(UserServiceTest, ClearingTheDatabaseAndAFactoryResetLeaveNobody) {
  ASSERT_TRUE(Call<gsdk::device::ClearDBResponse>("gsdk.device.Device/ClearDB",
                                                  gsdk::device::ClearDBRequest())
                  .ok());
  EXPECT_THAT(Ids(), IsEmpty());
  ASSERT_TRUE(Enroll({UserOf("7")}).ok());
  ASSERT_TRUE(terminal_->FactoryReset().ok());
  EXPECT_THAT(Ids(), IsEmpty());
}

TEST_F(UserServiceTest, WhoIsDeletedComesInNoMoreAndWhoIsEnrolledDoes) {
  ASSERT_TRUE(DeleteAll().ok());
  UserInfo with_card = UserOf("7");
  *with_card.add_cards() = CardOf('a');
  ASSERT_TRUE(Enroll({with_card, UserOf("8"), UserOf("9")}).ok());
  std::set<std::string> came;
  for (const EventLog& event : Live(2'000)) {
    if (event.eventcode() == 0x1000) came.insert(event.userid());
  }
  // The others have nothing to come in with.
  EXPECT_TRUE(came.contains("7"));
  EXPECT_FALSE(came.contains("8"));
  ASSERT_TRUE(Delete({"7"}).ok());
  for (const EventLog& event : Live(2'000)) EXPECT_NE(event.userid(), "7");
  Restart();
  for (const EventLog& event : Live(2'000)) EXPECT_NE(event.userid(), "7");
}

// The log alone tells who is enrolled.
TEST_F(UserServiceTest, TheUsersAreWhatTheRecordsSay) {
  std::set<std::string> enrolled = SiteIds();
  std::set<std::uint32_t> codes;
  const auto follow = [&](const std::vector<EventLog>& events, bool at_device) {
    for (const EventLog& event : events) {
      SCOPED_TRACE(event.ShortDebugString());
      const std::uint32_t code = event.eventcode();
      codes.insert(code);
      if (code == 0x2000) {
        EXPECT_TRUE(enrolled.insert(event.userid()).second);
      } else if (!event.userid().empty()) {
        EXPECT_TRUE(enrolled.contains(event.userid()));
      }
      if (code == 0x2400) enrolled.erase(event.userid());
      if (code == 0x2600) enrolled.clear();
      if (code == 0x2000 || code == 0x2200 || code == 0x2400 || code == 0x2600) {
        EXPECT_EQ(event.changedondevice(), at_device && event.subcode() != 1);
      }
    }
  };
  // All are deleted at the terminal only as long as nobody is enrolled who is not of the site.
  for (int round = 0; round < 20 && !codes.contains(0x2600); ++round) {
    follow(Live(2'000), /*at_device=*/true);
  }
  for (int round = 0; round < 10; ++round) {
    follow(Live(2'000), /*at_device=*/true);
    ASSERT_EQ(Ids(), enrolled) << "round " << round;
    const std::string id = absl::StrCat(700 + round);
    UserInfo user = UserOf(id);
    *user.add_cards() = CardOf(static_cast<char>('a' + round));
    ASSERT_TRUE(Enroll({user}).ok());
    ASSERT_TRUE(Delete({*enrolled.begin()}).ok());
    follow(NewRecords(), /*at_device=*/false);
    if (round % 3 == 1) Restart();
    ASSERT_EQ(Ids(), enrolled) << "round " << round;
  }
  EXPECT_THAT(codes, IsSupersetOf({0x2000u, 0x2200u, 0x2400u, 0x2600u}));
}

TEST_F(UserServiceTest, WhatIsInjectedAsDoneAtTheTerminalIsDone) {
  EventLog event;
  event.set_eventcode(0x2000);
  event.set_userid("7");
  ASSERT_TRUE(terminal_->Record(event).ok());
  EXPECT_FALSE(terminal_->users().Has("7"));
  event.set_changedondevice(true);
  ASSERT_TRUE(terminal_->Record(event).ok());
  EXPECT_EQ(Get("7")->cards_size(), 1);
  const std::string card = Get("7")->cards(0).data();
  event.set_eventcode(0x2200);
  ASSERT_TRUE(terminal_->Record(event).ok());
  EXPECT_NE(Get("7")->cards(0).data(), card);
  event.set_eventcode(0x2400);
  ASSERT_TRUE(terminal_->Record(event).ok());
  EXPECT_FALSE(terminal_->users().Has("7"));
  ASSERT_TRUE(terminal_->Record(event).ok());  // not there any more
  event.clear_userid();
  event.set_eventcode(0x2600);
  ASSERT_TRUE(terminal_->Record(event).ok());
  EXPECT_THAT(Ids(), IsEmpty());
}

TEST_F(UserServiceTest, AVisitorsCredentialIsAnotherAfterAnUpdateAtTheTerminal) {
  std::map<std::string, std::string> before;
  const auto credential = [](const UserInfo& user) {
    return user.cards_size() > 0 ? user.cards(0).data() : user.pin();
  };
  int updates = 0;
  for (int i = 0; i < 20'000 && updates < 3; ++i) {
    const std::vector<EventLog> events = Live(1);
    const std::uint32_t code = events.at(0).eventcode();
    if (code != 0x2000 && code != 0x2200) continue;
    const std::string id = events[0].userid();
    const std::string now = credential(*Get(id));
    if (code == 0x2200) {
      ++updates;
      EXPECT_NE(now, before[id]);
    }
    before[id] = now;
  }
  EXPECT_EQ(updates, 3);
}

TEST_F(UserServiceTest, AnUpdateKeepsWhatItsMaskSays) {
  const Person& person = people_[3];
  const UserInfo before = MakeUserInfo(person);
  UserInfo update = UserOf(person.user_id, "Another Name");
  update.mutable_hdr()->set_updatemask(api::KEEP_ALL & ~api::KEEP_USER_NAME);
  ASSERT_TRUE(Update(update).ok());
  EXPECT_THAT(Changes(), ElementsAre(absl::StrCat("2200 ", person.user_id)));
  UserInfo wanted = before;
  wanted.set_name("Another Name");
  EXPECT_EQ(Get(person.user_id)->SerializeAsString(), wanted.SerializeAsString());

  update.set_name("");
  update.mutable_hdr()->set_updatemask(api::KEEP_USER_NAME);
  *update.add_cards() = CardOf('x');
  ASSERT_TRUE(Update(update).ok());
  const UserInfo after = *Get(person.user_id);
  EXPECT_EQ(after.name(), "Another Name");
  EXPECT_EQ(after.cards_size(), 1);
  EXPECT_EQ(after.hdr().numofcard(), 1);
  EXPECT_EQ(after.hdr().updatemask(), 0u);
  EXPECT_EQ(after.faces_size() + after.fingers_size(), 0);
  EXPECT_EQ(after.pin(), "");
  EXPECT_TRUE(after.has_setting());
}

TEST_F(UserServiceTest, AnUpdateEnrolsOnlyWhereNothingIsToBeKept) {
  UserInfo user = UserOf("7");
  user.mutable_hdr()->set_updatemask(api::KEEP_USER_CARD);
  EXPECT_EQ(Update(user).code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(NewCodes(), IsEmpty());
  user.mutable_hdr()->set_updatemask(api::KEEP_NONE);
  ASSERT_TRUE(Update(user).ok());
  EXPECT_THAT(Changes(), ElementsAre("2000 7"));
}

TEST_F(UserServiceTest, PartsAreSetAndRead) {
  ASSERT_TRUE(Enroll({UserOf("7")}).ok());
  NewRecords();
  api::SetCardRequest cards;
  cards.add_usercards()->set_userid("7");
  *cards.mutable_usercards(0)->add_cards() = CardOf('k');
  ASSERT_TRUE(Call<api::SetCardResponse>("gsdk.user.User/SetCard", cards).ok());
  api::SetFingerRequest fingers;
  fingers.add_userfingers()->set_userid("7");
  fingers.mutable_userfingers(0)->add_fingers()->add_templates(std::string(384, 'f'));
  fingers.mutable_userfingers(0)->mutable_fingers(0)->add_templates(std::string(384, 'g'));
  ASSERT_TRUE(Call<api::SetFingerResponse>("gsdk.user.User/SetFinger", fingers).ok());
  api::SetFaceRequest faces;
  faces.add_userfaces()->set_userid("7");
  faces.mutable_userfaces(0)->add_faces()->set_imagedata("bmp");
  ASSERT_TRUE(Call<api::SetFaceResponse>("gsdk.user.User/SetFace", faces).ok());
  api::SetAccessGroupRequest groups;
  groups.add_useraccessgroups()->set_userid("7");
  groups.mutable_useraccessgroups(0)->add_accessgroupids(4);
  ASSERT_TRUE(Call<api::SetAccessGroupResponse>("gsdk.user.User/SetAccessGroup", groups).ok());
  api::SetJobCodeRequest jobs;
  jobs.add_userjobcodes()->set_userid("7");
  jobs.mutable_userjobcodes(0)->add_jobcodes()->set_label("Welding");
  ASSERT_TRUE(Call<api::SetJobCodeResponse>("gsdk.user.User/SetJobCode", jobs).ok());
  EXPECT_THAT(Changes(), ElementsAre("2200 7", "2200 7", "2200 7", "2200 7", "2200 7"));

  Restart();
  const UserInfo user = *Get("7");
  EXPECT_EQ(user.name(), "Somebody");
  EXPECT_EQ(user.hdr().numofcard(), 1);
  EXPECT_EQ(user.hdr().numoffinger(), 1);
  EXPECT_EQ(user.hdr().numofface(), 1);
  const auto ask = [](auto request) {
    request.add_userids("7");
    return request;
  };
  EXPECT_EQ(Call<api::GetCardResponse>("gsdk.user.User/GetCard", ask(api::GetCardRequest()))
                ->usercards(0)
                .SerializeAsString(),
            cards.usercards(0).SerializeAsString());
  EXPECT_EQ(Call<api::GetFingerResponse>("gsdk.user.User/GetFinger", ask(api::GetFingerRequest()))
                ->userfingers(0)
                .SerializeAsString(),
            fingers.userfingers(0).SerializeAsString());
  EXPECT_EQ(Call<api::GetFaceResponse>("gsdk.user.User/GetFace", ask(api::GetFaceRequest()))
                ->userfaces(0)
                .SerializeAsString(),
            faces.userfaces(0).SerializeAsString());
  EXPECT_EQ(Call<api::GetAccessGroupResponse>("gsdk.user.User/GetAccessGroup",
                                              ask(api::GetAccessGroupRequest()))
                ->useraccessgroups(0)
                .SerializeAsString(),
            groups.useraccessgroups(0).SerializeAsString());
  EXPECT_EQ(
      Call<api::GetJobCodeResponse>("gsdk.user.User/GetJobCode", ask(api::GetJobCodeRequest()))
          ->userjobcodes(0)
          .SerializeAsString(),
      jobs.userjobcodes(0).SerializeAsString());
  api::GetPartialRequest partial = ask(api::GetPartialRequest());
  partial.set_infomask(api::USER_MASK_CARD | api::USER_MASK_JOB);
  const UserInfo part =
      Call<api::GetPartialResponse>("gsdk.user.User/GetPartial", partial)->users(0);
  EXPECT_EQ(part.hdr().id(), "7");
  EXPECT_EQ(part.cards_size() + part.jobcodes_size(), 2);
  EXPECT_EQ(part.name() + part.pin() + part.photo(), "");
  EXPECT_EQ(part.fingers_size() + part.faces_size() + part.accessgroupids_size(), 0);

  cards.mutable_usercards(0)->set_userid("nobody");
  EXPECT_EQ(Call<api::SetCardResponse>("gsdk.user.User/SetCard", cards).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(UserServiceTest, WhoIsNotValidIsNotLetIn) {
  ASSERT_TRUE(DeleteAll().ok());
  UserInfo user = UserOf("7");
  *user.add_cards() = CardOf('t');
  user.mutable_setting()->set_starttime(kStart + 100);
  user.mutable_setting()->set_endtime(kStart + 200);
  ASSERT_TRUE(Enroll({user}).ok());
  const auto codes = [&](std::int64_t time) {
    clock_.now_s = time;
    std::set<std::uint32_t> seen;
    for (const EventLog& event : Live(500)) {
      if (event.userid() != "7") continue;
      if (event.eventcode() == 0x1000) seen.insert(0x1000);
      if (event.eventcode() == 0x1900 && event.subcode() == 0x03) seen.insert(0x1900);
    }
    return seen;
  };
  EXPECT_THAT(codes(kStart + 99), ElementsAre(0x1900));
  EXPECT_TRUE(codes(kStart + 100).contains(0x1000));
  EXPECT_TRUE(codes(kStart + 200).contains(0x1000));
  EXPECT_THAT(codes(kStart + 201), ElementsAre(0x1900));
}

TEST_F(UserServiceTest, JobCodesAreOnEventsWhereTheTerminalAsksForThem) {
  ASSERT_TRUE(DeleteAll().ok());
  UserInfo welder = UserOf("7");
  *welder.add_cards() = CardOf('w');
  welder.add_jobcodes()->set_code(4'711);
  welder.add_jobcodes()->set_code(4'712);
  UserInfo other = UserOf("8");
  *other.add_cards() = CardOf('o');
  ASSERT_TRUE(Enroll({welder, other}).ok());
  for (const EventLog& event : Live(500)) EXPECT_EQ(event.jobcode(), 0u);
  gsdk::system::SetConfigRequest asks;
  asks.mutable_config()->set_usejobcode(true);
  ASSERT_TRUE(Call<gsdk::system::SetConfigResponse>("gsdk.system.System/SetConfig", asks).ok());
  std::set<std::uint32_t> codes;
  for (const EventLog& event : Live(500)) {
    if (event.eventcode() == 0x1000 && event.userid() == "7") {
      codes.insert(event.jobcode());
    } else {
      EXPECT_EQ(event.jobcode(), 0u) << event.ShortDebugString();
    }
  }
  EXPECT_THAT(codes, ElementsAre(4'711u, 4'712u));
}

TEST_F(UserServiceTest, WhatDoesNotFitIsRefusedInASentence) {
  std::vector<std::pair<UserInfo, std::string>> wrong;
  wrong.push_back({UserOf(""), "A user has no ID."});
  wrong.push_back({UserOf("0"), "0 is no user ID."});
  wrong.push_back({UserOf(std::string(33, '1')), "32 bytes at most; one has 33."});
  wrong.push_back({UserOf("a b"), "without spaces"});
  wrong.push_back({UserOf("7", std::string(49, 'n')), "has 49 characters; 48 fit."});
  const auto add = [&](const std::string& text) -> UserInfo& {
    wrong.push_back({UserOf("7"), text});
    return wrong.back().first;
  };
  UserInfo& cards = add("User 7: 9 cards were given; a user has 8 at most.");
  for (int i = 0; i < 9; ++i) *cards.add_cards() = CardOf(static_cast<char>(i));
  add("1 to 32 bytes; these have 33.").add_cards()->set_data(std::string(33, 'x'));
  UserInfo& fingers = add("11 fingers were given; a user has 10 at most.");
  for (int i = 0; i < 11; ++i) fingers.add_fingers()->add_templates("t");
  add("A finger has 1 or 2 templates, not 0.").add_fingers();
  add("384 bytes at most; one has 385.").add_fingers()->add_templates(std::string(385, 't'));
  UserInfo& faces = add("6 faces were given; a user has 5 at most.");
  for (int i = 0; i < 6; ++i) faces.add_faces();
  UserInfo& groups = add("17 access groups were given");
  for (std::uint32_t i = 0; i < 17; ++i) groups.add_accessgroupids(i);
  add("of job code 0 has 17 characters; 16 fit.").add_jobcodes()->set_label(std::string(17, 'j'));
  std::string emoji;
  for (int i = 0; i < 13; ++i) emoji += "\xF0\x9F\x94\x91";
  add("of job code 0 has 52 bytes; 48 fit.").add_jobcodes()->set_label(emoji);
  add("32 bytes at most; this has 33.").set_pin(std::string(33, 'p'));
  add("A photo has 16 KiB at most").set_photo(std::string(16 * 1024 + 1, 'p'));
  UserInfo& times = add("endTime is before startTime.");
  times.mutable_setting()->set_starttime(2);
  times.mutable_setting()->set_endtime(1);
  for (const auto& [user, text] : wrong) {
    const absl::Status status = Enroll({UserOf("8"), user});
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(status.message()), HasSubstr(text));
  }
  EXPECT_THAT(std::string(Enroll({UserOf("7"), UserOf("7")}).message()), HasSubstr("7 twice"));
  EXPECT_THAT(std::string(Delete({people_[0].user_id, people_[0].user_id}).message()),
              HasSubstr("twice"));
  EXPECT_EQ(Ids(), SiteIds());
  EXPECT_THAT(NewCodes(), IsEmpty());
  // 48 characters of three bytes each fit.
  std::string name;
  for (int i = 0; i < 48; ++i) name += "가";
  EXPECT_TRUE(Enroll({UserOf("7", name)}).ok());
}

TEST_F(UserServiceTest, OtherIdsThanNumbersNeedASetting) {
  gsdk::system::SetConfigRequest numbers_only;
  numbers_only.mutable_config();
  ASSERT_TRUE(
      Call<gsdk::system::SetConfigResponse>("gsdk.system.System/SetConfig", numbers_only).ok());
  for (const char* id : {"anna", "4294967296", "-1"}) {
    const absl::Status status = Enroll({UserOf(id)});
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << id;
    EXPECT_THAT(std::string(status.message()), HasSubstr("useAlphanumericID"));
  }
  EXPECT_TRUE(Enroll({UserOf("4294967295")}).ok());
}

TEST_F(UserServiceTest, AFullTerminalTakesNobodyMore) {
  const absl::Status filled = terminal_->Change([&]() -> absl::Status {
    for (std::uint32_t i = 0; i < kUsersMax - kPersonCount - 1; ++i) {
      const absl::Status saved = terminal_->users().Save(UserOf(absl::StrCat(1'000'000 + i)));
      if (!saved.ok()) return saved;
    }
    return absl::OkStatus();
  });
  ASSERT_TRUE(filled.ok()) << filled;
  const absl::Status status = Enroll({UserOf("7"), UserOf("8")});
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()), HasSubstr("holds 99999 of 100000 users; 2 more"));
  EXPECT_TRUE(Enroll({UserOf("7")}).ok());
  EXPECT_EQ(Enroll({UserOf("8")}).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(Enroll({UserOf("7", "Another")}, /*overwrite=*/true).ok());
  EXPECT_TRUE(Delete({people_[0].user_id}).ok());
  EXPECT_TRUE(Enroll({UserOf("8")}).ok());
}

TEST_F(UserServiceTest, WithoutItsRecordNothingChanges) {
  settings_.device_id = kDevice + 1;
  terminal_ = std::make_unique<Terminal>(settings_, *database_, clock_, images_, people_);
  // No ID is left for a record.
  constexpr std::uint32_t kLast = std::numeric_limits<std::uint32_t>::max();
  ASSERT_TRUE(database_->InTransaction([&] { return terminal_->Create(kLast); }).ok());
  EXPECT_EQ(Enroll({UserOf("7")}).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_FALSE(Delete({people_[0].user_id}).ok());
  EXPECT_FALSE(DeleteAll().ok());
  EXPECT_EQ(Ids(), SiteIds());
  EXPECT_EQ(Get("7").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(*terminal_->store().CountUsers(kDevice + 1), 0u);
}

TEST_F(UserServiceTest, TheCapabilitiesTellTheTruth) {
  gsdk::device::CapabilityInfo info;
  ASSERT_TRUE(info.ParseFromString(terminal_->identity().capability_info()));
  EXPECT_EQ(info.maxnumofuser(), kUsersMax);
  EXPECT_TRUE(info.alphanumericidsupported());
  EXPECT_TRUE(info.usernamesupported());
  EXPECT_TRUE(info.userphotosupported());
  EXPECT_TRUE(info.jobcodesupported());
  // Their scans need hardware.
  EXPECT_FALSE(info.cardsupported());
  EXPECT_FALSE(info.fingersupported());
  EXPECT_FALSE(info.facesupported());
  gsdk::device::DeviceCapability capability;
  ASSERT_TRUE(capability.ParseFromString(terminal_->identity().device_capability()));
  EXPECT_EQ(capability.maxusers(), kUsersMax);
  EXPECT_EQ(capability.maxcardsperuser(), kCardsPerUserMax);
  EXPECT_EQ(capability.maxfingerprintsperuser(), kFingersPerUserMax);
  EXPECT_EQ(capability.maxfacesperuser(), kFacesPerUserMax);
  EXPECT_TRUE(capability.updateusersupported());
}

}  // namespace
}  // namespace gatelog::sim
