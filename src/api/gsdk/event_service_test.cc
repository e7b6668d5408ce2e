#include "api/gsdk/event_service.h"

#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/impl/codegen/client_unary_call.h>
#include <gtest/gtest.h>

#include <thread>

#include "api/rpc/grpc_server.h"
#include "gatelog/internal/rpc_status.pb.h"
#include "tests/support/records.h"
#include "tests/support/test_gateway.h"

namespace gatelog::api {
namespace {

namespace ev = gsdk::event;
using ::gatelog::testing::Encoded;
using ::gatelog::testing::Eventually;
using ::gatelog::testing::SomeEvent;
using ::gatelog::testing::TestGateway;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr model::DeviceId kDevice = 541'000'001;
constexpr model::DeviceId kOther = 541'000'002;

class EventServiceTest : public ::testing::Test {
 protected:
  EventServiceTest() {
    auto server = GrpcServer::Start({.address = {"127.0.0.1", 0}}, {&service_});
    EXPECT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(-1);
    channel_ = grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(server_->port()),
                                         grpc::InsecureChannelCredentials(), arguments);
    stub_ = ev::Event::NewStub(channel_);
  }
  ~EventServiceTest() override {
    service_.Shutdown();
    server_->Shutdown(std::chrono::milliseconds(100));
  }

  // Calls a unary method: `Call(&Stub::GetLog, request, response)`.
  template <typename Method, typename Request, typename Response>
  grpc::Status Call(Method method, const Request& request, Response& response) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    return (stub_.get()->*method)(&context, request, &response);
  }

  std::vector<std::uint32_t> GetLog(std::uint32_t start, std::uint32_t max,
                                    model::DeviceId device = kDevice) {
    ev::GetLogRequest request;
    request.set_deviceid(device);
    request.set_starteventid(start);
    request.set_maxnumoflog(max);
    ev::GetLogResponse response;
    const grpc::Status status = Call(&ev::Event::Stub::GetLog, request, response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return Ids(response.events());
  }

  template <typename Records>
  static std::vector<std::uint32_t> Ids(const Records& records) {
    std::vector<std::uint32_t> ids;
    for (const auto& record : records) ids.push_back(record.id());
    return ids;
  }

  std::vector<std::uint32_t> Filtered(const std::vector<ev::EventFilter>& filters,
                                      std::uint32_t start = 0, std::uint32_t max = 0) {
    ev::GetLogWithFilterRequest request;
    request.set_deviceid(kDevice);
    request.set_starteventid(start);
    request.set_maxnumoflog(max);
    for (const ev::EventFilter& filter : filters) *request.add_filters() = filter;
    ev::GetLogWithFilterResponse response;
    const grpc::Status status = Call(&ev::Event::Stub::GetLogWithFilter, request, response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return Ids(response.events());
  }

  grpc::Status Enable(model::DeviceId device) {
    ev::EnableMonitoringRequest request;
    request.set_deviceid(device);
    ev::EnableMonitoringResponse response;
    return Call(&ev::Event::Stub::EnableMonitoring, request, response);
  }

  // A subscription that is in place when this returns.
  struct Subscription {
    grpc::ClientContext context;
    std::unique_ptr<grpc::ClientReader<ev::EventLog>> reader;

    std::uint32_t Next() {
      ev::EventLog event;
      return reader->Read(&event) ? event.id() : 0;
    }
  };
  std::unique_ptr<Subscription> Subscribe(const ev::SubscribeRealtimeLogRequest& request) {
    auto subscription = std::make_unique<Subscription>();
    subscription->context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    subscription->reader = stub_->SubscribeRealtimeLog(&subscription->context, request);
    subscription->reader->WaitForInitialMetadata();
    return subscription;
  }

  static model::Event Event(std::uint32_t timestamp, std::uint32_t code, const char* user,
                            std::uint32_t tna_key = 0) {
    model::Event event;
    event.timestamp = timestamp;
    event.code = code;
    event.user_id = user;
    event.tna_key = tna_key;
    return event;
  }

  TestGateway gateway_;
  EventService service_{gateway_.loop, *gateway_.fleet, *gateway_.access, gateway_.live};
  std::unique_ptr<GrpcServer> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<ev::Event::Stub> stub_;
};

TEST_F(EventServiceTest, GetLogPagesInclusivelyAndAscending) {
  gateway_.AddLinked(kDevice, 10);
  EXPECT_THAT(GetLog(0, 3), ElementsAre(1, 2, 3));
  EXPECT_THAT(GetLog(4, 3), ElementsAre(4, 5, 6));
  EXPECT_THAT(GetLog(8, 0), ElementsAre(8, 9, 10));
  EXPECT_THAT(GetLog(11, 5), IsEmpty());
  EXPECT_EQ(GetLog(0, 0).size(), 10u);
}

TEST_F(EventServiceTest, GetLogFillsPagesOverSeveralReads) {
  constexpr int kRecords = 40'000;
  gateway_.AddLinked(kDevice, kRecords);
  EXPECT_EQ(GetLog(1, 16'384).size(), 16'384u);
  const std::vector<std::uint32_t> most = GetLog(3, 39'000);
  ASSERT_EQ(most.size(), 39'000u);
  EXPECT_EQ(most.front(), 3u);
  EXPECT_EQ(most.back(), 39'002u);
  EXPECT_TRUE(std::is_sorted(most.begin(), most.end()));
  EXPECT_EQ(GetLog(0, 0).size(), static_cast<std::size_t>(kRecords));
}

TEST_F(EventServiceTest, GetLogHandsOnTheBytesOfTheDevice) {
  gateway_.AddLinked(kDevice, 3);
  ev::GetLogRequest request;
  request.set_deviceid(kDevice);
  ev::GetLogResponse response;
  ASSERT_TRUE(Call(&ev::Event::Stub::GetLog, request, response).ok());
  ASSERT_EQ(response.events_size(), 3);
  EXPECT_EQ(response.events(1).SerializeAsString(), SomeEvent(kDevice, 2).payload);
}

TEST_F(EventServiceTest, NamesDevicesThatAreUnknownOrNotConnected) {
  ev::GetLogRequest request;
  request.set_deviceid(7);
  ev::GetLogResponse response;
  EXPECT_EQ(Call(&ev::Event::Stub::GetLog, request, response).error_code(),
            grpc::StatusCode::NOT_FOUND);
  gateway_.AddLinked(kDevice, 1);
  gateway_.OnLoop([&] {
    gateway_.terminals.at(kDevice).reachable = false;
    gateway_.terminals.Lose(kDevice);
  });
  request.set_deviceid(kDevice);
  EXPECT_EQ(Call(&ev::Event::Stub::GetLog, request, response).error_code(),
            grpc::StatusCode::UNAVAILABLE);
}

TEST_F(EventServiceTest, RefusesBytesThatAreNoRequest) {
  grpc::ClientContext context;
  const grpc::Slice garbage("\xFF\xFF\xFF");
  const grpc::ByteBuffer request(&garbage, 1);
  grpc::ByteBuffer response;
  const grpc::internal::RpcMethod method("/gsdk.event.Event/GetLog",
                                         grpc::internal::RpcMethod::NORMAL_RPC);
  const grpc::Status status = grpc::internal::BlockingUnaryCall<grpc::ByteBuffer, grpc::ByteBuffer>(
      channel_.get(), method, &context, request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_message(), "The request is not an encoded gsdk.event.GetLogRequest.");
}

TEST_F(EventServiceTest, FiltersMatchAllOfTheirFieldsAndAnyOfThem) {
  gateway_.AddLinked(kDevice, 0);
  gateway_.Record(kDevice, Event(100, 0x1300, "anna", 1));
  gateway_.Record(kDevice, Event(200, 0x1300, "ben"));
  gateway_.Record(kDevice, Event(300, 0x5000, ""));
  gateway_.Record(kDevice, Event(400, 0x1300, "anna"));
  ev::EventFilter anna;
  anna.set_userid("anna");
  ev::EventFilter door;
  door.set_eventcode(0x5000);
  ev::EventFilter anna_early = anna;
  anna_early.set_endtime(100);  // inclusive
  ev::EventFilter late;
  late.set_starttime(300);  // inclusive
  ev::EventFilter key;
  key.set_tnakey(gsdk::tna::KEY_1);
  EXPECT_THAT(Filtered({}), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(Filtered({ev::EventFilter()}), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(Filtered({anna}), ElementsAre(1, 4));
  EXPECT_THAT(Filtered({anna, door}), ElementsAre(1, 3, 4));
  EXPECT_THAT(Filtered({anna_early}), ElementsAre(1));
  EXPECT_THAT(Filtered({late}), ElementsAre(3, 4));
  EXPECT_THAT(Filtered({key}), ElementsAre(1));
  EXPECT_THAT(Filtered({anna}, 2), ElementsAre(4));
}

TEST_F(EventServiceTest, AFilteredReadCountsWhatItReturns) {
  gateway_.AddLinked(kDevice, 0);
  gateway_.OnLoop([&] {
    for (int i = 0; i < 50'000; ++i) {
      gateway_.terminals.Record(kDevice, Event(100, i % 10'000 == 0 ? 0x5000 : 0x1300, "x"));
    }
  });
  ev::EventFilter rare;
  rare.set_eventcode(0x5000);
  EXPECT_THAT(Filtered({rare}, 0, 4), ElementsAre(1, 10'001, 20'001, 30'001));
  EXPECT_THAT(Filtered({rare}, 30'001, 10), ElementsAre(30'001, 40'001));
}

TEST_F(EventServiceTest, RefusesMoreThan32Filters) {
  ev::GetLogWithFilterRequest request;
  for (int i = 0; i < 33; ++i) request.add_filters();
  ev::GetLogWithFilterResponse response;
  EXPECT_EQ(Call(&ev::Event::Stub::GetLogWithFilter, request, response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(EventServiceTest, FiltersOfLaterVersionsHoldOrAreRefused) {
  gateway_.AddLinked(kDevice, 0);
  for (const bool at_device : {false, true, false}) {
    model::Event event = Event(1'000, 0x2000, "anna");
    event.changed_on_device = at_device;
    gateway_.Record(kDevice, event);
  }
  ev::EventFilter filter;
  filter.set_ondevice(true);
  EXPECT_THAT(Filtered({filter}), ElementsAre(2));
  filter.set_ondevice(false);
  EXPECT_THAT(Filtered({filter}), ElementsAre(1, 3));
  filter.set_floorindex(0);
  ev::GetLogWithFilterRequest request;
  request.set_deviceid(kDevice);
  *request.add_filters() = filter;
  ev::GetLogWithFilterResponse response;
  EXPECT_EQ(Call(&ev::Event::Stub::GetLogWithFilter, request, response).error_code(),
            grpc::StatusCode::UNIMPLEMENTED);
}

TEST_F(EventServiceTest, GetImageLogStartsAtTheFirstImageFromAnId) {
  gateway_.AddTerminal(kDevice, 9);
  gateway_.OnLoop([&] {
    for (const model::EventId id : {2u, 5u, 8u}) {
      ev::ImageLog image;
      image.set_id(id);
      image.set_jpgimage("\xFF\xD8 and so on");
      gateway_.terminals.at(kDevice).images.push_back(image.SerializeAsString());
    }
  });
  gateway_.OnLoop(
      [&] { gateway_.fleet->Connect(testing::FakeTerminals::AddressOf(kDevice), [](auto) {}); });
  ASSERT_TRUE(
      Eventually([&] { return gateway_.Find(kDevice).state == core::LinkState::kConnected; }));
  ev::GetImageLogRequest request;
  request.set_deviceid(kDevice);
  gateway_.OnLoop([&] { gateway_.terminals.at(kDevice).images.push_back("\x08\x09 garbage"); });
  request.set_starteventid(3);
  ev::GetImageLogResponse response;
  grpc::Status status;
  status = Call(&ev::Event::Stub::GetImageLog, request, response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_THAT(Ids(response.imageevents()), ElementsAre(5, 8));
  request.set_starteventid(0);
  request.set_maxnumoflog(2);
  status = Call(&ev::Event::Stub::GetImageLog, request, response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_THAT(Ids(response.imageevents()), ElementsAre(2, 5));
}

TEST_F(EventServiceTest, SetImageFilterReplacesTheListAndChecksIt) {
  gateway_.AddLinked(kDevice, 1);
  ev::SetImageFilterRequest request;
  request.set_deviceid(kDevice);
  ev::ImageFilter* filter = request.add_filters();
  filter->set_eventcode(0x1300);
  filter->set_scheduleid(1);
  ev::SetImageFilterResponse response;
  EXPECT_EQ(Call(&ev::Event::Stub::SetImageFilter, request, response).error_code(),
            grpc::StatusCode::UNIMPLEMENTED);  // no camera
  gateway_.OnLoop([&] { gateway_.terminals.at(kDevice).identity.image_logs = true; });
  EXPECT_TRUE(Call(&ev::Event::Stub::SetImageFilter, request, response).ok());
  ev::GetImageFilterRequest ask;
  ask.set_deviceid(kDevice);
  ev::GetImageFilterResponse told;
  ASSERT_TRUE(Call(&ev::Event::Stub::GetImageFilter, ask, told).ok());
  ASSERT_EQ(told.filters_size(), 1);
  EXPECT_EQ(told.filters(0).eventcode(), 0x1300u);

  filter->set_scheduleid(2);  // whether there is one the device knows
  EXPECT_TRUE(Call(&ev::Event::Stub::SetImageFilter, request, response).ok());
  filter->set_eventcode(0x1'0000);
  EXPECT_EQ(Call(&ev::Event::Stub::SetImageFilter, request, response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  filter->set_eventcode(0x1300);
  for (int i = 0; i < 32; ++i) request.add_filters();
  EXPECT_EQ(Call(&ev::Event::Stub::SetImageFilter, request, response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  request.clear_filters();
  EXPECT_TRUE(Call(&ev::Event::Stub::SetImageFilter, request, response).ok());
  ASSERT_TRUE(Call(&ev::Event::Stub::GetImageFilter, ask, told).ok());
  EXPECT_EQ(told.filters_size(), 0);
}

TEST_F(EventServiceTest, ClearLogStoresThenClears) {
  gateway_.AddLinked(kDevice, 5);
  ev::ClearLogRequest request;
  request.set_deviceid(kDevice);
  ev::ClearLogResponse response;
  const grpc::Status status = Call(&ev::Event::Stub::ClearLog, request, response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_THAT(GetLog(0, 0), IsEmpty());
  EXPECT_EQ(gateway_.store.events().size(), 5u);
}

TEST_F(EventServiceTest, MultiCallsHandleEachDeviceOnceAndListTheFailures) {
  gateway_.AddLinked(kDevice, 1);
  ev::EnableMonitoringMultiRequest request;
  ev::EnableMonitoringMultiResponse response;
  EXPECT_TRUE(Call(&ev::Event::Stub::EnableMonitoringMulti, request, response).ok());  // nobody
  for (const model::DeviceId id : {kDevice, kDevice}) request.add_deviceids(id);
  EXPECT_TRUE(Call(&ev::Event::Stub::EnableMonitoringMulti, request, response).ok());
  for (const model::DeviceId id : {7u, 8u, 7u}) request.add_deviceids(id);
  const grpc::Status status = Call(&ev::Event::Stub::EnableMonitoringMulti, request, response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(status.error_message(), "2 of 3 devices failed");
  gatelog::internal::RpcStatus details;
  ASSERT_TRUE(details.ParseFromString(status.error_details()));
  EXPECT_EQ(details.code(), status.error_code());
  EXPECT_EQ(details.message(), status.error_message());
  ASSERT_EQ(details.details_size(), 1);
  gsdk::err::MultiErrorResponse errors;
  ASSERT_TRUE(details.details(0).UnpackTo(&errors));
  ASSERT_EQ(errors.deviceerrors_size(), 2);
  EXPECT_EQ(errors.deviceerrors(0).deviceid(), 7u);
  EXPECT_EQ(errors.deviceerrors(0).code(), 5);
  EXPECT_EQ(errors.deviceerrors(1).deviceid(), 8u);
  EXPECT_TRUE(gateway_.Find(kDevice).monitored);
}

TEST_F(EventServiceTest, SubscriptionsAndMonitoringComeInEitherOrder) {
  gateway_.AddLinked(kDevice, 2);
  const auto before = Subscribe({});
  gateway_.Record(kDevice, Event(1, 0x1300, "unseen"));
  ASSERT_TRUE(Enable(kDevice).ok());
  ASSERT_TRUE(Enable(kDevice).ok());
  const auto after = Subscribe({});
  gateway_.Record(kDevice, Event(2, 0x1300, "seen"));
  EXPECT_EQ(before->Next(), 4u);
  EXPECT_EQ(after->Next(), 4u);

  // A device that comes later.
  gateway_.AddLinked(kOther, 1);
  ASSERT_TRUE(Enable(kOther).ok());
  gateway_.Record(kOther, Event(3, 0x1300, "seen"));
  EXPECT_EQ(before->Next(), 2u);
  EXPECT_EQ(after->Next(), 2u);
}

TEST_F(EventServiceTest, ALiveEventCanAlreadyBeRead) {
  gateway_.AddLinked(kDevice, 2);
  ASSERT_TRUE(Enable(kDevice).ok());
  const auto subscription = Subscribe({});
  gateway_.Record(kDevice, Event(1, 0x1300, "anna"));
  const std::uint32_t id = subscription->Next();
  EXPECT_THAT(GetLog(id, 1), ElementsAre(id));
}

TEST_F(EventServiceTest, SubscriptionsFilterByDeviceAndCode) {
  gateway_.AddLinked(kDevice, 0);
  gateway_.AddLinked(kOther, 0);
  ASSERT_TRUE(Enable(kDevice).ok());
  ASSERT_TRUE(Enable(kOther).ok());
  ev::SubscribeRealtimeLogRequest request;
  request.add_deviceids(kDevice);
  request.add_eventcodes(0x5000);
  const auto subscription = Subscribe(request);
  gateway_.Record(kOther, Event(1, 0x5000, ""));
  gateway_.Record(kDevice, Event(1, 0x1300, "anna"));
  gateway_.Record(kDevice, Event(1, 0x5000, ""));
  EXPECT_EQ(subscription->Next(), 2u);
}

TEST_F(EventServiceTest, ASubscriptionSurvivesAReconnect) {
  gateway_.AddLinked(kDevice, 0);
  ASSERT_TRUE(Enable(kDevice).ok());
  const auto subscription = Subscribe({});
  gateway_.OnLoop([&] { gateway_.terminals.Lose(kDevice); });
  ASSERT_TRUE(
      Eventually([&] { return gateway_.Find(kDevice).state == core::LinkState::kConnected; }));
  ASSERT_TRUE(Eventually([&] {
    gateway_.Record(kDevice, Event(1, 0x1300, "anna"));
    return gateway_.live.published() > 0;
  }));
  EXPECT_GT(subscription->Next(), 0u);
}

// A client that does not read loses the newest events, which is counted, and holds up nobody.
TEST_F(EventServiceTest, ASlowSubscriberDropsAndIsCounted) {
  gateway_.AddLinked(kDevice, 0);
  ASSERT_TRUE(Enable(kDevice).ok());
  ev::SubscribeRealtimeLogRequest small;
  small.set_queuesize(1);
  const auto slow = Subscribe(small);
  ev::SubscribeRealtimeLogRequest large;
  large.set_queuesize(65'536);
  const auto fast = Subscribe(large);
  constexpr std::uint32_t kEvents = 30'000;
  std::thread reading([&] {
    for (std::uint32_t id = 1; id <= kEvents; ++id) ASSERT_EQ(fast->Next(), id);
  });
  gateway_.OnLoop([&] {
    for (std::uint32_t i = 0; i < kEvents; ++i)
      gateway_.terminals.Record(kDevice, Event(1, 0x1300, "anna"));
  });
  reading.join();
  const std::uint64_t dropped = gateway_.live.dropped();
  EXPECT_GT(dropped, 0u);
  // What was not dropped arrives, in order.
  std::uint32_t last = 0;
  for (std::uint64_t i = 0; i < kEvents - dropped; ++i) {
    const std::uint32_t id = slow->Next();
    ASSERT_GT(id, last);
    last = id;
  }
}

TEST_F(EventServiceTest, ManySubscribersGetEverything) {
  gateway_.AddLinked(kDevice, 0);
  ASSERT_TRUE(Enable(kDevice).ok());
  ev::SubscribeRealtimeLogRequest large;
  large.set_queuesize(65'536);
  std::vector<std::unique_ptr<Subscription>> subscriptions;
  for (int i = 0; i < 8; ++i) subscriptions.push_back(Subscribe(large));
  for (int round = 0; round < 20; ++round) {
    gateway_.OnLoop([&] {
      for (int i = 0; i < 50; ++i) gateway_.terminals.Record(kDevice, Event(1, 0x1300, "anna"));
    });
  }
  for (const auto& subscription : subscriptions) {
    for (std::uint32_t id = 1; id <= 1'000; ++id) ASSERT_EQ(subscription->Next(), id);
  }
}

TEST_F(EventServiceTest, StreamsEndWithCancelledAndUnavailable) {
  const auto cancelled = Subscribe({});
  cancelled->context.TryCancel();
  EXPECT_EQ(cancelled->Next(), 0u);
  EXPECT_EQ(cancelled->reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_TRUE(Eventually([&] { return gateway_.live.subscribers() == 0; }));

  const auto open = Subscribe({});
  service_.Shutdown();
  EXPECT_EQ(open->Next(), 0u);
  EXPECT_EQ(open->reader->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  const auto late = Subscribe({});
  EXPECT_EQ(late->Next(), 0u);
  EXPECT_EQ(late->reader->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

// Calls that a device never answers do not hold up the server's end.
TEST_F(EventServiceTest, ShutdownCancelsCallsUnderWay) {
  gateway_.AddLinked(kDevice, 1);
  gateway_.OnLoop([&] { gateway_.terminals.at(kDevice).answers = false; });
  grpc::Status status;
  std::thread calling([&] {
    ev::GetLogRequest request;
    request.set_deviceid(kDevice);
    ev::GetLogResponse response;
    status = Call(&ev::Event::Stub::GetLog, request, response);
  });
  ASSERT_TRUE(Eventually([&] {
    std::uint32_t asked = 0;
    gateway_.OnLoop([&] { asked = gateway_.terminals.at(kDevice).largest_read; });
    return asked > 0;
  }));
  const auto start = std::chrono::steady_clock::now();
  server_->Shutdown(std::chrono::milliseconds(50));
  calling.join();
  EXPECT_FALSE(status.ok());
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

}  // namespace
}  // namespace gatelog::api
