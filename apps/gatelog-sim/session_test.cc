#include "apps/gatelog-sim/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apps/gatelog-sim/sim_test_support.h"
#include "gsdk/device.pb.h"

namespace gatelog::sim {
namespace {

using Error = terminal::v1::Error;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

constexpr std::uint32_t kFirstId = 541000001;

class SessionTest : public ::testing::Test {
 protected:
  void Start(const std::function<void(Options&)>& change = [](Options&) {}) {
    Options options = QuietOptions(folder_.path());
    change(options);
    sim_.emplace(options);
  }
  LinkClient Connect(std::uint32_t number = 1) { return {sim_->port(), number}; }
  void Record(int count) {
    for (int i = 0; i < count; ++i) sim_->Record(1, EventOf(0x5000));
  }
  // The listener knows the peer to be gone a moment after it hung up.
  bool WaitUntilFree(std::uint32_t number) {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    bool free = false;
    while (!free && std::chrono::steady_clock::now() < limit) {
      sim_->OnLoop([&] { free = sim_->fleet().FindNumber(number)->session() == nullptr; });
    }
    return free;
  }

  TemporaryFolder folder_;
  std::optional<RunningSim> sim_;
};

TEST_F(SessionTest, TellsTheTerminalsApartByTheirAddress) {
  Start();
  for (std::uint32_t number = 1; number <= 3; ++number) {
    LinkClient client = Connect(number);
    const LinkClient::Frame hello = client.Hello();
    ASSERT_TRUE(hello.has_hello_reply()) << hello.ShortDebugString();
    const terminal::v1::Identity& identity = hello.hello_reply().identity();
    EXPECT_EQ(identity.device_id(), kFirstId + number - 1);
    EXPECT_FALSE(hello.hello_reply().key_required());
    gsdk::device::CapabilityInfo info;
    gsdk::device::DeviceCapability capability;
    ASSERT_TRUE(info.ParseFromString(identity.capability_info()));
    ASSERT_TRUE(capability.ParseFromString(identity.device_capability()));
    EXPECT_FALSE(info.imagelogsupported());
    EXPECT_EQ(capability.maxeventlogs(), 50'000u);
  }
  EXPECT_FALSE(Connect(4).Receive().has_value());
}

TEST_F(SessionTest, ASecondGatewayIsToldWhoHoldsTheTerminal) {
  Start();
  auto first = std::make_unique<LinkClient>(sim_->port(), 1);
  first->Open();
  LinkClient second = Connect();
  const LinkClient::Frame refusal = second.Hello();
  EXPECT_EQ(refusal.error().code(), Error::BUSY);
  // The address alone: the gateway says the rest in its own words.
  EXPECT_THAT(refusal.error().text(), MatchesRegex("127\\.0\\.0\\.1:[0-9]+"));
  EXPECT_FALSE(second.Receive().has_value());
  // The first is not disturbed, and when it goes the next may come.
  EXPECT_TRUE(first->Arm().has_log_status());
  first.reset();
  ASSERT_TRUE(WaitUntilFree(1));
  Connect().Open();
}

TEST_F(SessionTest, TwoThatGreetAtOnceCannotBothHoldIt) {
  Start();
  LinkClient first = Connect();
  LinkClient second = Connect();
  const LinkClient::Frame hello_first = first.Hello();
  const LinkClient::Frame hello_second = second.Hello();
  EXPECT_TRUE(second.Authenticate("", hello_second.hello_reply().nonce()).has_authenticate_reply());
  EXPECT_EQ(first.Authenticate("", hello_first.hello_reply().nonce()).error().code(), Error::BUSY);
}

TEST_F(SessionTest, AKeyMustBeProvenByBothSides) {
  Start([](Options& options) { options.key = "secret"; });
  {
    LinkClient client = Connect();
    const LinkClient::Frame hello = client.Hello();
    EXPECT_TRUE(hello.hello_reply().key_required());
    EXPECT_EQ(client.Authenticate("guess", hello.hello_reply().nonce()).error().code(),
              Error::NOT_AUTHENTICATED);
    EXPECT_FALSE(client.Receive().has_value());
  }
  {
    LinkClient client = Connect();
    client.Hello();
    EXPECT_EQ(client.Arm().error().code(), Error::NOT_AUTHENTICATED);
    EXPECT_FALSE(client.Receive().has_value());
  }
  // Somebody without the key does not keep the gateway out.
  LinkClient stranger = Connect();
  stranger.Hello();
  LinkClient client = Connect();
  const std::string nonce = client.Hello().hello_reply().nonce();
  const LinkClient::Frame reply = client.Authenticate("secret", nonce);
  EXPECT_EQ(reply.authenticate_reply().proof(),
            terminal::KeyProof("secret", terminal::Role::kTerminal, terminal::Role::kGateway,
                               std::string(terminal::kNonceSize, 'g'), nonce));
}

TEST_F(SessionTest, ReadsAscendingFromTheIdAskedFor) {
  Start();
  Record(50);
  LinkClient client = Connect();
  EXPECT_EQ(client.Open().last_id(), 50u);
  const std::vector<EventLog> events = client.ReadAll(31, 10);
  ASSERT_EQ(events.size(), 10u);
  for (std::uint32_t i = 0; i < 10; ++i) EXPECT_EQ(events[i].id(), 31 + i);
  EXPECT_EQ(client.ReadAll(0).size(), 50u);
  EXPECT_TRUE(client.ReadAll(51).empty());
}

TEST_F(SessionTest, BulkWaitsForCreditAndLetsTheRestPass) {
  Start([](Options& options) {
    options.devices = 1;
    options.history = 40'000;
  });
  LinkClient client = Connect();
  client.Open();
  client.Arm();
  client.Send(LinkClient::ReadLog(7, 1, kReadRecordsMax, 1));
  std::optional<LinkClient::Frame> chunk = client.ReceiveReply();
  ASSERT_TRUE(chunk.has_value() && chunk->has_log_chunk());
  EXPECT_FALSE(chunk->log_chunk().has_last());
  std::size_t records = static_cast<std::size_t>(chunk->log_chunk().ids_size());
  // Without credit no chunk comes, but what is short does.
  const std::uint32_t id = sim_->Record(1, EventOf(0x4000));
  client.Send(LinkClient::KeepAlive());
  const std::optional<LinkClient::Frame> alive = client.ReceiveReply();
  ASSERT_TRUE(alive.has_value() && alive->has_keep_alive_reply()) << alive->ShortDebugString();
  EXPECT_EQ(alive->keep_alive_reply().log_status().last_id(), id);
  EXPECT_THAT(client.pushed, ::testing::ElementsAre(id));
  while (!chunk->log_chunk().has_last()) {
    client.Send(LinkClient::Credit(7, 1));
    chunk = client.ReceiveReply();
    ASSERT_TRUE(chunk.has_value() && chunk->has_log_chunk());
    records += static_cast<std::size_t>(chunk->log_chunk().ids_size());
  }
  EXPECT_EQ(records, kReadRecordsMax);
  EXPECT_EQ(chunk->log_chunk().last().last_id(), id);
}

TEST_F(SessionTest, PushesOnlyWhenArmedAndWhatIsPushedCanBeRead) {
  Start();
  LinkClient client = Connect();
  client.Open();
  Record(1);
  EXPECT_EQ(client.Arm().log_status().last_id(), 1u);
  EXPECT_TRUE(client.pushed.empty());
  Record(3);
  std::vector<std::string> pushed;
  for (std::uint32_t id = 2; id <= 4; ++id) {
    const std::optional<LinkClient::Frame> push = client.Receive();
    ASSERT_TRUE(push.has_value() && push->has_push());
    EXPECT_EQ(push->push().id(), id);
    pushed.push_back(push->push().record());
  }
  std::vector<std::string> read;
  for (const EventLog& event : client.ReadAll(2)) read.push_back(event.SerializeAsString());
  EXPECT_EQ(read, pushed);
}

TEST_F(SessionTest, ClearsOnlyWhatTheGatewayKnows) {
  Start();
  Record(5);
  LinkClient client = Connect();
  client.Open();
  EXPECT_EQ(client.Clear(4).error().code(), Error::LOG_CHANGED);
  EXPECT_EQ(client.ReadAll(0).size(), 5u);
  const LinkClient::Frame cleared = client.Clear(5);
  EXPECT_EQ(cleared.log_status().first_id(), 6u);
  EXPECT_EQ(cleared.log_status().last_id(), 6u);
  const std::vector<EventLog> events = client.ReadAll(0);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].eventcode(), 0x4200u);
  EXPECT_EQ(events[0].deviceid(), kFirstId);
}

TEST_F(SessionTest, FactoryResetIsANewCounterAndEndsTheLink) {
  Start();
  Record(5);
  LinkClient client = Connect();
  const terminal::v1::LogStatus before = client.Open();
  sim_->OnLoop([&] { EXPECT_TRUE(sim_->fleet().FindNumber(1)->FactoryReset().ok()); });
  EXPECT_FALSE(client.Receive().has_value());
  LinkClient again = Connect();
  const terminal::v1::LogStatus after = again.Open();
  EXPECT_NE(after.generation(), before.generation());
  EXPECT_NE(after.generation(), 0u);
  EXPECT_EQ(after.last_id(), 1u);
  EXPECT_EQ(again.ReadAll(0)[0].eventcode(), 0x4502u);
}

TEST_F(SessionTest, TheClockJumpsAndSaysSo) {
  Start();
  LinkClient client = Connect();
  client.Open();
  sim_->OnLoop([&] {
    EXPECT_TRUE(sim_->fleet().FindNumber(1)->JumpClock(-3600).ok());
    EXPECT_FALSE(sim_->fleet().FindNumber(1)->JumpClock(-4'000'000'000).ok());
  });
  const std::vector<EventLog> events = client.ReadAll(0);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].eventcode(), 0x3200u);
  client.Send(LinkClient::KeepAlive());
  const std::int64_t device_s = client.ReceiveReply()->keep_alive_reply().clock_ms() / 1000;
  const std::int64_t host_s = std::chrono::duration_cast<std::chrono::seconds>(
                                  std::chrono::system_clock::now().time_since_epoch())
                                  .count();
  EXPECT_NEAR(static_cast<double>(device_s), static_cast<double>(host_s - 3600), 30);
  EXPECT_NEAR(events[0].timestamp(), static_cast<double>(host_s - 3600), 30);
}

TEST_F(SessionTest, AnImageIsTakenForEventsThatPassTheFilters) {
  Start([](Options& options) { options.images = true; });
  LinkClient client = Connect();
  client.Open();
  sim_->Record(1, EventOf(0x1900, 1));
  sim_->Record(1, EventOf(0x5000));
  LinkClient::Frame set;
  gsdk::event::ImageFilter filter;
  filter.set_eventcode(0x5000);
  filter.set_scheduleid(1);
  set.mutable_set_image_filters()->add_filters(filter.SerializeAsString());
  EXPECT_TRUE(client.Ask(set).has_done());
  LinkClient::Frame get;
  get.mutable_get_image_filters();
  EXPECT_EQ(client.Ask(get).image_filters().filters_size(), 1);
  sim_->Record(1, EventOf(0x1900, 1));
  sim_->Record(1, EventOf(0x5000));
  std::vector<bool> has_image;
  for (const EventLog& event : client.ReadAll(0)) has_image.push_back(event.hasimage());
  EXPECT_THAT(has_image, ::testing::ElementsAre(true, false, false, true));
  LinkClient::Frame read;
  read.mutable_read_images()->set_max_images(64);
  read.mutable_read_images()->set_credit(1);
  const LinkClient::Frame chunk = client.Ask(read);
  EXPECT_TRUE(chunk.image_chunk().last());
  ASSERT_EQ(chunk.image_chunk().images_size(), 2);
  gsdk::event::ImageLog image;
  ASSERT_TRUE(image.ParseFromString(chunk.image_chunk().images(1)));
  EXPECT_EQ(image.id(), 4u);
  EXPECT_EQ(image.eventcode(), 0x5000u);
  EXPECT_EQ(image.jpgimage().substr(0, 2), "\xFF\xD8");
}

TEST_F(SessionTest, FiltersThatCannotBeAreRefused) {
  Start([](Options& options) { options.images = true; });
  LinkClient client = Connect();
  client.Open();
  gsdk::event::ImageFilter filter;
  filter.set_eventcode(0x1000);
  LinkClient::Frame many;
  for (int i = 0; i < 33; ++i)
    many.mutable_set_image_filters()->add_filters(filter.SerializeAsString());
  EXPECT_EQ(client.Ask(many).error().code(), Error::INVALID);
  filter.set_scheduleid(2);
  LinkClient::Frame schedule;
  schedule.mutable_set_image_filters()->add_filters(filter.SerializeAsString());
  EXPECT_EQ(client.Ask(schedule).error().code(), Error::INVALID);
  LinkClient::Frame garbage;
  garbage.mutable_set_image_filters()->add_filters("\xFF");
  EXPECT_EQ(client.Ask(garbage).error().code(), Error::INVALID);
  EXPECT_TRUE(client.Arm().has_log_status());
}

TEST_F(SessionTest, AnEmptiedFilterListStaysEmptyAfterARestart) {
  const auto with_camera = [](Options& options) { options.images = true; };
  Start(with_camera);
  LinkClient::Frame get;
  get.mutable_get_image_filters();
  {
    LinkClient client = Connect();
    client.Open();
    EXPECT_GT(client.Ask(get).image_filters().filters_size(), 0);
    LinkClient::Frame set;
    set.mutable_set_image_filters();
    EXPECT_TRUE(client.Ask(set).has_done());
  }
  sim_.reset();
  Start(with_camera);
  LinkClient client = Connect();
  client.Open();
  EXPECT_EQ(client.Ask(get).image_filters().filters_size(), 0);
}

TEST_F(SessionTest, WithoutACameraThereAreNoImages) {
  Start();
  LinkClient client = Connect();
  client.Open();
  LinkClient::Frame read;
  read.mutable_read_images()->set_max_images(2);
  read.mutable_read_images()->set_credit(1);
  const LinkClient::Frame chunk = client.Ask(read);
  EXPECT_TRUE(chunk.image_chunk().last());
  EXPECT_EQ(chunk.image_chunk().images_size(), 0);
  LinkClient::Frame set;
  set.mutable_set_image_filters();
  EXPECT_EQ(client.Ask(set).error().code(), Error::UNSUPPORTED);
}

TEST_F(SessionTest, NonsenseIsAnsweredAndCostsNothing) {
  Start();
  using namespace std::string_literals;
  for (const std::string& bytes :
       {"\0\0\0\0"s, "\x06\0\0\0"s, "GET / HTTP/1.1\r\n\r\n"s, "\0\0\0\x05hello"s}) {
    LinkClient client = Connect();
    client.SendBytes(bytes);
    const std::optional<LinkClient::Frame> error = client.Receive();
    ASSERT_TRUE(error.has_value());
    EXPECT_EQ(error->error().code(), Error::INVALID);
    EXPECT_FALSE(client.Receive().has_value());
  }
  {
    LinkClient client = Connect();
    LinkClient::Frame hello;
    hello.mutable_hello()->set_protocol_version(2);
    client.Send(hello);
    EXPECT_EQ(client.Receive()->error().code(), Error::VERSION);
  }
  Connect().SendBytes("\0\0\1"s);  // a frame that never ends
  EXPECT_EQ(Connect().Open().last_id(), 0u);
}

TEST_F(SessionTest, RequestsThatCannotBeAreRefused) {
  Start();
  Record(3);
  LinkClient client = Connect();
  client.Open();
  client.Send(LinkClient::ReadLog(1, 0, 0, 1));
  EXPECT_EQ(client.ReceiveReply()->error().code(), Error::INVALID);
  client.Send(LinkClient::ReadLog(1, 0, kReadRecordsMax + 1, 1));
  EXPECT_EQ(client.ReceiveReply()->error().code(), Error::INVALID);
  client.Send(LinkClient::ReadLog(1, 0, 1, 0));
  EXPECT_EQ(client.ReceiveReply()->error().code(), Error::INVALID);
  EXPECT_EQ(client.Ask({}).error().code(), Error::UNSUPPORTED);
  // Credit for a read that has ended is no fault; the link still serves.
  client.Send(LinkClient::Credit(1, 1));
  EXPECT_EQ(client.ReadAll(0).size(), 3u);
}

TEST_F(SessionTest, TooMuchCreditEndsTheConnection) {
  Start([](Options& options) {
    options.devices = 1;
    options.history = 40'000;
  });
  LinkClient client = Connect();
  client.Open();
  client.Send(LinkClient::ReadLog(1, 0, kReadRecordsMax, 1));
  ASSERT_TRUE(client.ReceiveReply()->has_log_chunk());
  client.Send(LinkClient::Credit(1, 4'000'000'000));
  EXPECT_EQ(client.ReceiveReply()->error().code(), Error::INVALID);
  EXPECT_FALSE(client.Receive().has_value());
  ASSERT_TRUE(WaitUntilFree(1));
}

TEST_F(SessionTest, AGatewayThatDoesNotReadIsDisconnected) {
  Start();
  LinkClient client = Connect();
  client.Open();
  client.Arm();
  EventLog large = EventOf(0x1000);
  large.set_userid(std::string(3'000, 'u'));
  bool connected = true;
  // Far more than the bound and all that the kernel buffers.
  for (int i = 0; i < 20'000 && connected; ++i) {
    sim_->OnLoop([&] {
      Terminal& terminal = *sim_->fleet().FindNumber(1);
      ASSERT_TRUE(terminal.Record(large).ok());
      connected = terminal.session() != nullptr;
    });
  }
  EXPECT_FALSE(connected);
}

TEST_F(SessionTest, AHalfOpenLinkIsSilentAndThenGoesOn) {
  Start();
  LinkClient client = Connect();
  client.Open();
  client.Arm();
  const auto frozen = std::chrono::steady_clock::now();
  sim_->OnLoop(
      [&] { sim_->fleet().FindNumber(1)->session()->Freeze(std::chrono::milliseconds(300)); });
  Record(1);
  client.Send(LinkClient::KeepAlive());
  // It still holds the terminal.
  EXPECT_EQ(Connect().Hello().error().code(), Error::BUSY);
  ASSERT_TRUE(client.ReceiveReply()->has_keep_alive_reply());
  EXPECT_GE(std::chrono::steady_clock::now() - frozen, std::chrono::milliseconds(300));
  EXPECT_THAT(client.pushed, ::testing::ElementsAre(1u));
}

TEST_F(SessionTest, ASlowLinkDelaysEachFrame) {
  Start();
  LinkClient client = Connect();
  client.Open();
  sim_->OnLoop([&] { sim_->fleet().FindNumber(1)->link_delay_ms = 50; });
  const auto begun = std::chrono::steady_clock::now();
  for (int i = 0; i < 4; ++i) client.Send(LinkClient::KeepAlive());
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(client.ReceiveReply()->has_keep_alive_reply());
  EXPECT_GE(std::chrono::steady_clock::now() - begun, std::chrono::milliseconds(200));
}

TEST_F(SessionTest, ARestartingTerminalIsAwayAndComesBack) {
  Start();
  LinkClient client = Connect();
  client.Open();
  sim_->OnLoop([&] {
    Terminal& terminal = *sim_->fleet().FindNumber(1);
    EXPECT_TRUE(sim_->fleet().Reboot(terminal, std::chrono::milliseconds(200)).ok());
  });
  EXPECT_FALSE(client.Receive().has_value());
  bool back = false;
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!back && std::chrono::steady_clock::now() < limit) {
    sim_->OnLoop([&] { back = !sim_->fleet().FindNumber(1)->away; });
  }
  ASSERT_TRUE(back);
  LinkClient again = Connect();
  again.Open();
  const std::vector<EventLog> events = again.ReadAll(0);
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].eventcode(), 0x3000u);
  EXPECT_EQ(events[1].eventcode(), 0x3100u);
}

}  // namespace
}  // namespace gatelog::sim
