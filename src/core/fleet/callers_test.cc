#include "core/fleet/callers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/fleet/fleet.h"
#include "tests/support/fake_terminals.h"
#include "tests/support/memory_store.h"
#include "tests/support/records.h"
#include "tests/support/virtual_time.h"

namespace gatelog::core {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using testing::FakeTerminals;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr model::DeviceId kDoor = 541'000'001;
constexpr model::DeviceId kGate = 541'000'002;
constexpr std::uint64_t kStepsMax = 100'000;

// Says where devices can call; nobody calls there.
class FakeListener final : public ports::DeviceListener {
 public:
  explicit FakeListener(Place at) : at_(at) {}

  void Listen(ports::CallGate&) override {}
  Place place() const override { return at_; }
  Counts counts() const override { return {}; }

  void set_place(Place at) { at_ = at; }

 private:
  Place at_;
};

// Terminals in memory that call a fleet, on time that passes when told to.
class CallersTest : public ::testing::Test {
 protected:
  CallersTest() {
    for (const model::DeviceId id : {kDoor, kGate}) terminals_.Add(id);
  }

  void Pass(milliseconds time) { ASSERT_TRUE(time_.RunUntil(time_.now() + time, kStepsMax)); }

  static Fleet::Options QuickOptions() {
    Fleet::Options options;
    options.devices_max = 2;
    options.ca_certificate = "ca";
    options.reconnect = {.delay_min = milliseconds(10), .delay_max = milliseconds(50)};
    return options;
  }
  std::unique_ptr<Fleet> MakeFleet() {
    auto fleet = std::make_unique<Fleet>(
        Fleet::Parts{
            loop_, worker_, time_, {{"terminal", &terminals_}}, store_, ingest_, live_, status_},
        QuickOptions());
    for (FakeListener* listener : {&plain_, &tls_}) fleet->callers().Listen(*listener);
    return fleet;
  }

  Callers& callers() { return fleet_->callers(); }

  absl::Status Accept(ports::AcceptFilter filter) {
    absl::Status result = absl::UnknownError("no reply");
    callers().SetFilter(std::move(filter),
                        [&result](absl::Status status) { result = std::move(status); });
    Pass(seconds(1));
    return result;
  }
  absl::Status AcceptDoor() { return Accept({.devices = {kDoor}}); }

  absl::Status Call(model::DeviceId id = kDoor, const std::string& host = "10.0.0.7") {
    absl::Status checked = terminals_.Call(id, callers(), host);
    Pass(seconds(1));
    return checked;
  }

  // Goes on trying.
  absl::Status KeepDialling(model::DeviceId id = kDoor) {
    absl::Status result = absl::UnknownError("no reply");
    fleet_->AddAsync({{.id = id, .address = FakeTerminals::AddressOf(id)}},
                     [&result](absl::Status status) { result = std::move(status); });
    Pass(seconds(1));
    return result;
  }

  absl::Status Relink(ports::Relinking::To to) {
    absl::Status result = absl::UnknownError("no reply");
    callers().Relink(kDoor, to, [&result](absl::Status status) { result = std::move(status); });
    Pass(seconds(1));
    return result;
  }

  void Record(model::DeviceId id) {
    terminals_.Record(id, testing::SomeEvent(id, 1));
    Pass(seconds(1));
  }

  std::vector<model::EventId> Stored() const {
    std::vector<model::EventId> ids;
    for (const ports::StoredEvent& stored : store_.events()) ids.push_back(stored.event.id);
    return ids;
  }

  std::vector<LinkChange> Changes(model::DeviceId id = kDoor) {
    std::vector<LinkChange> changes;
    for (const StatusChange& change : watcher_->Take(1'000)) {
      if (change.device == id) changes.push_back(change.change);
    }
    return changes;
  }

  // As a gateway that is killed and started again.
  void Restart() {
    fleet_.reset();
    fleet_ = MakeFleet();
    callers().Start(*store_.LoadAcceptFilter(), *store_.LoadTrust());
    fleet_->Start(*store_.Load(), *store_.LoadLogStates(), *store_.ReadTotals());
    Pass(seconds(1));
  }

  testing::VirtualTime time_;
  testing::VirtualExecutor loop_{time_, [] { return milliseconds(0); }};
  testing::VirtualExecutor writer_{time_, [] { return milliseconds(1); }};
  testing::VirtualExecutor worker_{time_, [] { return milliseconds(1); }};
  testing::MemoryStore store_;
  FakeTerminals terminals_{loop_};
  LiveHub live_;
  StatusHub status_;
  std::shared_ptr<StatusSubscription> watcher_ = status_.Subscribe(0, [] {});
  Ingest ingest_{store_, writer_, loop_, {}};
  FakeListener plain_{FakeListener::Place{.port = 51212}};
  FakeListener tls_{FakeListener::Place{.port = 51213, .tls = true}};
  std::unique_ptr<Fleet> fleet_ = MakeFleet();
};

TEST_F(CallersTest, NobodyIsAcceptedAtFirst) {
  EXPECT_EQ(Call().code(), absl::StatusCode::kPermissionDenied);
  Pass(seconds(5));
  EXPECT_EQ(Call().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(fleet_->List(), IsEmpty());
  ASSERT_THAT(callers().pending(), SizeIs(1));
  const PendingDevice pending = callers().pending().front();
  EXPECT_EQ(pending.id, kDoor);
  EXPECT_EQ(pending.type, 0x0Au);
  EXPECT_EQ(pending.host, "10.0.0.7");
  EXPECT_EQ(pending.last_try, time_.Now() - seconds(1));
  EXPECT_THAT(Changes(), ElementsAre(LinkChange::kNotAllowed, LinkChange::kNotAllowed));
  EXPECT_EQ(callers().counts().not_allowed, 2u);
}

TEST_F(CallersTest, AnAcceptedDeviceIsLinkedCollectedAndListed) {
  Record(kDoor);
  ASSERT_FALSE(Call().ok());
  ASSERT_TRUE(AcceptDoor().ok());
  ASSERT_TRUE(Call().ok());
  EXPECT_THAT(callers().pending(), IsEmpty());
  EXPECT_THAT(Changes(), ElementsAre(LinkChange::kNotAllowed, LinkChange::kConnected));
  Record(kDoor);
  EXPECT_THAT(Stored(), ElementsAre(1, 2));
  const DeviceSnapshot door = *fleet_->Find(kDoor);
  EXPECT_EQ(door.state, LinkState::kConnected);
  EXPECT_EQ(door.address.host, "10.0.0.7");
  EXPECT_EQ(door.address.port, 0);
  EXPECT_TRUE(door.calls_in);
  EXPECT_TRUE(door.kept);
  EXPECT_FALSE(door.redialled);
  EXPECT_EQ(Call(kGate).code(), absl::StatusCode::kPermissionDenied);
}

TEST_F(CallersTest, WithAllowAllTheListDoesNotMatter) {
  ASSERT_TRUE(Accept({.all = true, .devices = {kDoor}}).ok());
  EXPECT_TRUE(Call(kDoor).ok());
  EXPECT_TRUE(Call(kGate).ok());
  EXPECT_THAT(fleet_->List(), SizeIs(2));
}

TEST_F(CallersTest, ALostLinkIsToldOnceAndTheDeviceStaysListed) {
  ASSERT_TRUE(AcceptDoor().ok());
  ASSERT_TRUE(Call().ok());
  terminals_.Lose(kDoor);
  Pass(seconds(60));
  EXPECT_EQ(fleet_->Find(kDoor)->state, LinkState::kDisconnected);
  EXPECT_TRUE(fleet_->Find(kDoor)->calls_in);
  ASSERT_TRUE(Call(kDoor, "10.0.0.8").ok());
  EXPECT_EQ(fleet_->Find(kDoor)->address.host, "10.0.0.8");
  EXPECT_THAT(Changes(), ElementsAre(LinkChange::kConnected, LinkChange::kDisconnected,
                                     LinkChange::kConnected));
}

TEST_F(CallersTest, DisconnectEndsTheLinkAndTheDeviceMayCallAgain) {
  ASSERT_TRUE(AcceptDoor().ok());
  ASSERT_TRUE(Call().ok());
  ASSERT_TRUE(fleet_->Disconnect({kDoor}).ok());
  EXPECT_EQ(terminals_.at(kDoor).link, nullptr);
  ASSERT_TRUE(Call().ok());
  EXPECT_EQ(fleet_->Find(kDoor)->state, LinkState::kConnected);
}

TEST_F(CallersTest, WhoIsNoLongerAcceptedLosesItsLink) {
  ASSERT_TRUE(Accept({.devices = {kDoor, kGate}}).ok());
  ASSERT_TRUE(Call(kDoor).ok());
  ASSERT_TRUE(Call(kGate).ok());
  ASSERT_TRUE(Accept({.devices = {kGate}}).ok());
  EXPECT_EQ(terminals_.at(kDoor).link, nullptr);
  EXPECT_NE(terminals_.at(kGate).link, nullptr);
  EXPECT_EQ(fleet_->Find(kDoor).status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(Changes(), ElementsAre(LinkChange::kConnected, LinkChange::kDisconnected));
  Restart();
  EXPECT_THAT(fleet_->List(), SizeIs(1));
}

TEST_F(CallersTest, AFilterThatCannotBeKeptIsNotInForce) {
  store_.FailAll(absl::UnavailableError("the disk is gone"));
  EXPECT_EQ(AcceptDoor(), absl::UnavailableError("the disk is gone"));
  EXPECT_FALSE(Call().ok());
  store_.FailAll(absl::OkStatus());
  EXPECT_EQ(Accept({.devices = {0}}).code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(CallersTest, ARestartKeepsFilterDevicesAndMonitoring) {
  ASSERT_TRUE(AcceptDoor().ok());
  ASSERT_TRUE(Call().ok());
  fleet_->SetMonitoring(kDoor, true, [](absl::Status status) { EXPECT_TRUE(status.ok()); });
  Pass(seconds(1));
  Restart();
  EXPECT_EQ(callers().filter(), ports::AcceptFilter({.devices = {kDoor}}));
  EXPECT_EQ(fleet_->Find(kDoor)->state, LinkState::kDisconnected);
  EXPECT_TRUE(fleet_->Find(kDoor)->calls_in);
  ASSERT_TRUE(Call().ok());
  EXPECT_TRUE(fleet_->Find(kDoor)->monitored);
  Record(kDoor);
  EXPECT_THAT(Stored(), ElementsAre(1));
}

TEST_F(CallersTest, ADeviceThatCouldNotBeSavedIsSavedWhenItCallsAgain) {
  ASSERT_TRUE(AcceptDoor().ok());
  store_.FailAll(absl::UnavailableError("the disk is full"));
  ASSERT_TRUE(Call().ok());
  store_.FailAll(absl::OkStatus());
  ASSERT_THAT(*store_.Load(), IsEmpty());
  terminals_.Lose(kDoor);
  ASSERT_TRUE(Call().ok());
  ASSERT_THAT(*store_.Load(), SizeIs(1));
  terminals_.Lose(kDoor);
  ASSERT_TRUE(Call(kDoor, "10.0.0.8").ok());
  EXPECT_EQ(store_.Load()->front().address.host, "10.0.0.8") << "and so is where it calls from";
}

TEST_F(CallersTest, ADeviceThatIsDialledAndCallsAtOnceHasOneLink) {
  ASSERT_TRUE(AcceptDoor().ok());
  terminals_.at(kDoor).dials_answered = false;
  ASSERT_TRUE(KeepDialling().ok());
  ASSERT_EQ(fleet_->Find(kDoor)->state, LinkState::kConnecting);
  ASSERT_TRUE(Call().ok());
  terminals_.at(kDoor).dials_answered = true;
  Record(kDoor);
  Pass(seconds(60));
  EXPECT_EQ(fleet_->Find(kDoor)->state, LinkState::kConnected);
  EXPECT_TRUE(fleet_->Find(kDoor)->calls_in);
  EXPECT_TRUE(fleet_->Find(kDoor)->redialled);
  EXPECT_THAT(Stored(), ElementsAre(1));
  EXPECT_THAT(Changes(), ElementsAre(LinkChange::kConnected));

  terminals_.Lose(kDoor);
  Pass(seconds(60));
  EXPECT_FALSE(fleet_->Find(kDoor)->calls_in) << "it was dialled again";
  EXPECT_THAT(Changes(), ElementsAre(LinkChange::kDisconnected, LinkChange::kConnected));
}

TEST_F(CallersTest, ACallOfALinkedDeviceChangesNothing) {
  ASSERT_TRUE(AcceptDoor().ok());
  ASSERT_TRUE(KeepDialling().ok());
  ASSERT_EQ(fleet_->Find(kDoor)->state, LinkState::kConnected);
  EXPECT_TRUE(Call().ok());
  EXPECT_FALSE(fleet_->Find(kDoor)->calls_in);
  EXPECT_EQ(callers().counts().superfluous, 1u);
  callers().OnCallFailed({.identity = terminals_.at(kDoor).identity, .host = "10.0.0.9"},
                         absl::PermissionDeniedError("another key"));
  EXPECT_THAT(Changes(), ElementsAre(LinkChange::kConnected));
  Record(kDoor);
  EXPECT_THAT(Stored(), ElementsAre(1));
}

TEST_F(CallersTest, ADeviceThatCallsStaysLinkedWhenItIsRegistered) {
  ASSERT_TRUE(AcceptDoor().ok());
  ASSERT_TRUE(Call().ok());
  ASSERT_TRUE(KeepDialling().ok());
  EXPECT_THAT(Changes(), ElementsAre(LinkChange::kConnected));
  EXPECT_TRUE(fleet_->Find(kDoor)->calls_in);
  ASSERT_TRUE(Accept({}).ok());
  Pass(seconds(60));
  EXPECT_FALSE(fleet_->Find(kDoor)->calls_in) << "dialled instead";
  EXPECT_EQ(fleet_->Find(kDoor)->state, LinkState::kConnected);
}

TEST_F(CallersTest, AFailedCallIsToldAsAnAttemptThatFailed) {
  ASSERT_TRUE(AcceptDoor().ok());
  callers().OnCallFailed({.identity = terminals_.at(kDoor).identity, .host = "10.0.0.9"},
                         absl::PermissionDeniedError("another key"));
  EXPECT_THAT(fleet_->List(), IsEmpty());
  EXPECT_THAT(Changes(), ElementsAre(LinkChange::kCannotConnect));
  ASSERT_THAT(callers().pending(), SizeIs(1)) << "nobody else says that it calls";
  EXPECT_EQ(callers().pending().front().id, kDoor);
  EXPECT_EQ(callers().pending().front().reason, "another key");
  ASSERT_TRUE(KeepDialling().ok());
  EXPECT_THAT(callers().pending(), IsEmpty()) << "it is linked, by whatever way";
}

TEST_F(CallersTest, WhoKeepsCallingInVainIsNotToldAtEveryCall) {
  ASSERT_TRUE(AcceptDoor().ok());
  for (int i = 0; i < 60; ++i) {
    ports::Caller caller{.identity = terminals_.at(kDoor).identity, .host = "10.0.0.9"};
    callers().OnCallFailed(caller, absl::PermissionDeniedError("another key"));
    caller.identity.id = kGate;
    EXPECT_FALSE(callers().Check(caller).ok());
  }
  EXPECT_EQ(callers().counts().not_allowed, 60u);
  EXPECT_THAT(Changes(kDoor), ElementsAre(LinkChange::kCannotConnect));
  for (model::DeviceId id = 1; id <= 200; ++id) {
    ports::Caller stranger;
    stranger.identity.id = id;
    EXPECT_FALSE(callers().Check(stranger).ok());
  }
  EXPECT_THAT(watcher_->Take(1'000), SizeIs(::testing::Le(kCallNoticesMax)));
  Pass(seconds(1));
  callers().OnCallFailed({.identity = terminals_.at(kDoor).identity, .host = "10.0.0.9"},
                         absl::PermissionDeniedError("another key"));
  EXPECT_THAT(Changes(kDoor), ElementsAre(LinkChange::kCannotConnect));
}

TEST_F(CallersTest, NoMoreDevicesThanAGatewayCanHave) {
  ASSERT_TRUE(Accept({.all = true}).ok());
  for (model::DeviceId id = 1; id <= 2; ++id) {
    terminals_.Add(id);
    EXPECT_TRUE(Call(id).ok());
  }
  EXPECT_EQ(Call(kDoor).code(), absl::StatusCode::kResourceExhausted);
  ASSERT_THAT(callers().pending(), SizeIs(1));
  EXPECT_EQ(callers().pending().front().reason, "the gateway has 2 devices already");
  EXPECT_THAT(Changes(), ElementsAre(LinkChange::kCannotConnect));
  EXPECT_TRUE(fleet_->Disconnect({1}).ok());
  EXPECT_TRUE(Call(1).ok()) << "it has its place already";
}

TEST_F(CallersTest, ThePendingListHasAnEnd) {
  for (model::DeviceId id = 1; id <= kPendingMax + 2; ++id) {
    ports::Caller caller;
    caller.identity.id = id;
    EXPECT_FALSE(callers().Check(caller).ok());
    Pass(milliseconds(1));
  }
  EXPECT_THAT(callers().pending(), SizeIs(kPendingMax));
  EXPECT_EQ(callers().pending().front().id, 3u) << "those who called longest ago are forgotten";
  EXPECT_EQ(callers().counts().pending_forgotten, 2u);
}

TEST_F(CallersTest, WhatDevicesProveThemselvesByIsKept) {
  EXPECT_EQ(callers().FindTrust(kDoor), ports::DeviceTrust({.id = kDoor}));
  ports::DeviceAddress address = FakeTerminals::AddressOf(kDoor);
  address.key = "sixteen bytes ok";
  fleet_->AddAsync({{.id = kDoor, .address = address}}, [](absl::Status) {});
  Pass(seconds(1));
  EXPECT_EQ(callers().FindTrust(kDoor).key, "sixteen bytes ok") << "of the address it is kept with";
  ASSERT_TRUE(KeepDialling().ok());
  EXPECT_EQ(callers().FindTrust(kDoor).key, "sixteen bytes ok") << "registered again without it";

  const ports::DeviceTrust trust{.id = kDoor, .key = "another key, too", .certificate = "digest"};
  callers().Change({.keys = {{kDoor, trust.key}}, .certificates = {{kDoor, trust.certificate}}},
                   [](absl::Status status) { EXPECT_TRUE(status.ok()); });
  Pass(seconds(1));
  EXPECT_EQ(callers().FindTrust(kDoor), trust);
  Restart();
  EXPECT_EQ(callers().FindTrust(kDoor), trust);
}

TEST_F(CallersTest, ChangesThatAreAskedForAtATimeDoNotUndoEachOther) {
  int answered = 0;
  const auto ok = [&answered](absl::Status status) {
    EXPECT_TRUE(status.ok()) << status;
    ++answered;
  };
  callers().Change({.add = {kDoor}, .keys = {{kDoor, "the key of a door"}}}, ok);
  callers().Change({.add = {kGate}}, ok);
  callers().Change({.certificates = {{kDoor, "digest"}}}, ok);
  Pass(seconds(1));
  EXPECT_EQ(answered, 3);
  const ports::AcceptFilter both{.devices = {kDoor, kGate}};
  const ports::DeviceTrust trust{kDoor, "the key of a door", "digest"};
  EXPECT_EQ(callers().filter(), both);
  EXPECT_EQ(callers().FindTrust(kDoor), trust);
  Restart();
  EXPECT_EQ(callers().filter(), both);
  EXPECT_EQ(callers().FindTrust(kDoor), trust);
}

TEST_F(CallersTest, AKeyAndACertificateThatComeAtATimeAreBothKept) {
  ASSERT_TRUE(KeepDialling().ok());
  callers().Relink(kDoor, ports::Relinking::To::kTls,
                   [](absl::Status status) { EXPECT_TRUE(status.ok()); });
  callers().Change({.keys = {{kDoor, "the key of a door"}}},
                   [](absl::Status status) { EXPECT_TRUE(status.ok()); });
  Pass(seconds(1));
  const ports::DeviceTrust trust{kDoor, "the key of a door", "certificate"};
  EXPECT_EQ(callers().FindTrust(kDoor), trust);
  Restart();
  EXPECT_EQ(callers().FindTrust(kDoor), trust);
}

TEST_F(CallersTest, ADeviceThatIsToUseTlsIsKnownByItsCertificateFromThenOn) {
  using To = ports::Relinking::To;
  EXPECT_EQ(Relink(To::kTls).code(), absl::StatusCode::kNotFound);
  ASSERT_TRUE(KeepDialling().ok());
  ASSERT_TRUE(Relink(To::kTls).ok());
  const ports::Relinking told = terminals_.at(kDoor).relinked.back();
  EXPECT_EQ(told.ca_certificate, "ca");
  EXPECT_EQ(told.tls_port, 51213);
  EXPECT_EQ(callers().FindTrust(kDoor).certificate, "certificate");
  terminals_.Lose(kDoor);
  Pass(seconds(1));
  EXPECT_TRUE(fleet_->Find(kDoor)->address.tls) << "it was dialled so";
  Restart();
  EXPECT_TRUE(fleet_->Find(kDoor)->address.tls);
  EXPECT_EQ(callers().FindTrust(kDoor).certificate, "certificate");

  EXPECT_EQ(Relink(To::kPlain).code(), absl::StatusCode::kFailedPrecondition)
      << "there would be nothing left to know it by";
  EXPECT_EQ(callers().FindTrust(kDoor).certificate, "certificate");
  EXPECT_THAT(terminals_.at(kDoor).relinked, SizeIs(1));
  callers().Change({.keys = {{kDoor, "sixteen bytes ok"}}},
                   [](absl::Status status) { EXPECT_TRUE(status.ok()); });
  Pass(seconds(1));
  ASSERT_TRUE(Relink(To::kPlain).ok());
  const ports::DeviceTrust plain{.id = kDoor, .key = "sixteen bytes ok"};
  EXPECT_EQ(callers().FindTrust(kDoor), plain);
  Restart();
  EXPECT_FALSE(fleet_->Find(kDoor)->address.tls);
  EXPECT_EQ(callers().FindTrust(kDoor), plain);
}

TEST_F(CallersTest, ADeviceThatIsToBeCalledAgainIsNotListedAsOneThatCalls) {
  using To = ports::Relinking::To;
  ASSERT_TRUE(AcceptDoor().ok());
  ASSERT_TRUE(Call().ok());
  ASSERT_TRUE(Relink(To::kServerToDevice).ok());
  terminals_.Lose(kDoor);
  Pass(seconds(1));
  EXPECT_THAT(fleet_->List(), IsEmpty());
  Restart();
  EXPECT_THAT(fleet_->List(), IsEmpty());
}

TEST_F(CallersTest, NoDeviceIsSentWhereItsCallReachesNobody) {
  using To = ports::Relinking::To;
  ASSERT_TRUE(KeepDialling().ok());
  for (const ports::DeviceListener::Place& nowhere :
       {ports::DeviceListener::Place{.port = 0},
        ports::DeviceListener::Place{.port = 51212, .loopback_only = true},
        ports::DeviceListener::Place{.port = 51212, .tls = true}}) {
    plain_.set_place(nowhere);
    EXPECT_EQ(Relink(To::kDeviceToServer).code(), absl::StatusCode::kFailedPrecondition);
  }
  EXPECT_THAT(terminals_.at(kDoor).relinked, IsEmpty());
  EXPECT_TRUE(Relink(To::kServerToDevice).ok()) << "it calls nobody then";
  plain_.set_place({.port = 51212});
  EXPECT_TRUE(Relink(To::kDeviceToServer).ok());
}

TEST_F(CallersTest, ADeviceThatCallsIsToldToUseTlsOnlyWhereItCanCallSo) {
  using To = ports::Relinking::To;
  ASSERT_TRUE(AcceptDoor().ok());
  ASSERT_TRUE(Call(kDoor, "10.0.0.7").ok());
  tls_.set_place({.port = 51213, .tls = true, .loopback_only = true});
  const absl::Status refused = Relink(To::kTls);
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("device.listen_tls = \"0.0.0.0:51213\""));
  EXPECT_THAT(terminals_.at(kDoor).relinked, IsEmpty());
  ASSERT_TRUE(fleet_->Disconnect({kDoor}).ok());
  ASSERT_TRUE(Call(kDoor, "127.0.0.1").ok());
  EXPECT_TRUE(Relink(To::kTls).ok()) << "from this machine it can";
}

TEST_F(CallersTest, WhoWaitsForARelinkedDeviceHearsThatItsLinkIsGone) {
  using To = ports::Relinking::To;
  ASSERT_TRUE(KeepDialling().ok());
  terminals_.at(kDoor).answers = false;
  std::optional<absl::Status> lost;
  callers().Relink(kDoor, To::kDeviceToServer, [&lost](absl::Status status) { lost = status; });
  terminals_.Lose(kDoor);
  Pass(seconds(1));
  ASSERT_TRUE(lost);
  EXPECT_EQ(lost->code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(terminals_.at(kDoor).relinked.size(), 1u);
}

}  // namespace
}  // namespace gatelog::core
