#include "api/gatelog/events_service.h"

#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/impl/codegen/client_unary_call.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "api/gatelog/devices_service.h"
#include "api/rpc/grpc_server.h"
#include "model/event_code.h"
#include "tests/support/records.h"
#include "tests/support/test_gateway.h"

namespace gatelog::api {
namespace {

using ::gatelog::testing::BatchMaker;
using ::gatelog::testing::Eventually;
using ::gatelog::testing::FakeTerminals;
using ::gatelog::testing::SomeEvent;
using ::gatelog::testing::TestGateway;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr model::DeviceId kDevice = 541'000'001;
constexpr model::DeviceId kOther = 541'000'002;
constexpr std::size_t kLargeUser = 3'900;  // bytes, of an event that is as large as events can be

class EventsServiceTest : public ::testing::Test {
 protected:
  EventsServiceTest() {
    auto server = GrpcServer::Start({.address = {"127.0.0.1", 0}}, {&events_, &devices_});
    EXPECT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    // With the default limits of clients.
    channel_ = grpc::CreateChannel("127.0.0.1:" + std::to_string(server_->port()),
                                   grpc::InsecureChannelCredentials());
    stub_ = v1::Events::NewStub(channel_);
    devices_stub_ = v1::Devices::NewStub(channel_);
  }
  ~EventsServiceTest() override {
    events_.Shutdown();
    server_->Shutdown(std::chrono::milliseconds(100));
  }

  template <typename Stub, typename Method, typename Request, typename Response>
  static grpc::Status Call(Stub& stub, Method method, const Request& request, Response& response) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    return (stub.*method)(&context, request, &response);
  }
  grpc::Status Query(const v1::QueryRequest& request, v1::QueryResponse& response) {
    return Call(*stub_, &v1::Events::Stub::Query, request, response);
  }

  // Stores a batch and tells followers.
  void Commit(const ports::Batch& batch) {
    const std::vector<ports::Batch> batches = {batch};
    const auto result = gateway_.store.Commit(batches);
    ASSERT_TRUE(result.ok() && result->at(0).ok());
    gateway_.reader.OnCommitted(gateway_.store.last_seq());
  }
  // Stores `count` events of a device that the store does not know yet.
  void Store(model::DeviceId device, int count, std::size_t user_size = 0) {
    BatchMaker maker(ports::LogState{.log_device = device});
    maker.OpenEpoch(1, 1);
    for (int i = 0; i < count; ++i) {
      model::Event event = SomeEvent(device, maker.next());
      if (user_size > 0) event.user_id = std::string(user_size, 'u');
      maker.Add(event);
    }
    Commit(maker.Make());
  }
  void StoreMore(model::DeviceId device, int count) {
    const auto states = gateway_.store.LoadLogStates();
    for (const ports::LogState& state : *states) {
      if (state.log_device == device) Commit(BatchMaker(state).AddSome(count).Make());
    }
  }

  struct Following {
    grpc::ClientContext context;
    std::unique_ptr<grpc::ClientReader<v1::FollowResponse>> reader;

    // Reads until `count` events came; the last response's cursor is in `cursor`.
    std::vector<std::uint64_t> Seqs(std::size_t count) {
      std::vector<std::uint64_t> seqs;
      v1::FollowResponse response;
      while (seqs.size() < count && reader->Read(&response)) {
        for (const v1::StoredEvent& event : response.events()) seqs.push_back(event.seq());
        cursor = response.cursor();
        ++responses;
      }
      return seqs;
    }

    std::string cursor;
    int responses = 0;
  };
  std::unique_ptr<Following> Follow(const std::string& cursor, const v1::Filter& filter = {}) {
    auto following = std::make_unique<Following>();
    following->context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    v1::FollowRequest request;
    request.set_cursor(cursor);
    *request.mutable_filter() = filter;
    following->reader = stub_->Follow(&following->context, request);
    following->reader->WaitForInitialMetadata();
    return following;
  }

  TestGateway gateway_;
  EventsService events_{gateway_.reader};
  DevicesService devices_{gateway_.loop, *gateway_.fleet, gateway_.clock};
  std::unique_ptr<GrpcServer> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::Events::Stub> stub_;
  std::unique_ptr<v1::Devices::Stub> devices_stub_;
};

std::vector<std::uint64_t> Seqs(const v1::QueryResponse& response) {
  std::vector<std::uint64_t> seqs;
  for (const v1::StoredEvent& event : response.events()) seqs.push_back(event.seq());
  return seqs;
}

TEST_F(EventsServiceTest, QueryGoesThroughPagesInBothOrders) {
  Store(kDevice, 5);
  v1::QueryRequest request;
  request.set_page_size(2);
  v1::QueryResponse response;
  ASSERT_TRUE(Query(request, response).ok());
  EXPECT_THAT(Seqs(response), ElementsAre(1, 2));
  EXPECT_EQ(response.events(0).event(), SomeEvent(kDevice, 1).payload);
  EXPECT_EQ(response.events(0).log_device_id(), kDevice);
  request.set_page_token(response.next_page_token());
  ASSERT_TRUE(Query(request, response).ok());
  EXPECT_THAT(Seqs(response), ElementsAre(3, 4));
  request.set_page_token(response.next_page_token());
  ASSERT_TRUE(Query(request, response).ok());
  EXPECT_THAT(Seqs(response), ElementsAre(5));
  EXPECT_EQ(response.next_page_token(), "");

  request.clear_page_token();
  request.set_newest_first(true);
  ASSERT_TRUE(Query(request, response).ok());
  EXPECT_THAT(Seqs(response), ElementsAre(5, 4));
  StoreMore(kDevice, 3);  // does not disturb the pages
  request.set_page_token(response.next_page_token());
  ASSERT_TRUE(Query(request, response).ok());
  EXPECT_THAT(Seqs(response), ElementsAre(3, 2));
}

TEST_F(EventsServiceTest, QueryRefusesForeignTokensAndSizes) {
  Store(kDevice, 5);
  v1::QueryRequest request;
  request.set_page_size(2);
  v1::QueryResponse response;
  ASSERT_TRUE(Query(request, response).ok());
  request.set_page_token(response.next_page_token());
  v1::QueryRequest other = request;
  other.mutable_filter()->add_user_ids("anna");
  EXPECT_EQ(Query(other, response).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  other = request;
  other.set_newest_first(true);
  EXPECT_EQ(Query(other, response).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  other.set_page_token("garbage");
  EXPECT_EQ(Query(other, response).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  other = v1::QueryRequest();
  other.set_page_size(16'385);
  EXPECT_EQ(Query(other, response).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(EventsServiceTest, QueryKeepsPagesBelowWhatClientsReceive) {
  constexpr int kEvents = 3'000;
  Store(kDevice, kEvents, kLargeUser);
  v1::QueryRequest request;
  request.set_page_size(16'384);
  std::uint64_t expected = 1;
  int pages = 0;
  do {
    v1::QueryResponse response;
    const grpc::Status status = Query(request, response);
    ASSERT_TRUE(status.ok()) << status.error_message();
    for (const v1::StoredEvent& event : response.events()) ASSERT_EQ(event.seq(), expected++);
    request.set_page_token(response.next_page_token());
    ++pages;
  } while (!request.page_token().empty());
  EXPECT_EQ(expected, static_cast<std::uint64_t>(kEvents) + 1);
  EXPECT_GT(pages, 3);
}

// The filter goes through the same code as Follow's and Count's; the store sorts out.
TEST_F(EventsServiceTest, QueryFiltersByFieldsOfTheEvent) {
  Store(kDevice, 40);
  v1::QueryRequest request;
  request.mutable_filter()->add_categories("Door");
  request.mutable_filter()->set_first_id(11);
  request.mutable_filter()->set_last_id(30);
  v1::QueryResponse response;
  ASSERT_TRUE(Query(request, response).ok());
  std::vector<std::uint64_t> expected;
  for (model::EventId id = 11; id <= 30; ++id) {
    const model::Event event = SomeEvent(kDevice, id);
    if (model::EventCategory(event.code, event.sub_code) == "Door") expected.push_back(id);
  }
  EXPECT_EQ(Seqs(response), expected);
  EXPECT_FALSE(expected.empty());
  request.mutable_filter()->add_levels("nonsense");
  EXPECT_EQ(Query(request, response).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(EventsServiceTest, QueryGoesOnWhereTheStoreLooksAtFewEventsAtATime) {
  Store(kDevice, 100);
  gateway_.store.LookAtMost(9);
  v1::QueryRequest request;
  request.mutable_filter()->set_first_id(90);
  request.set_newest_first(true);
  request.set_page_size(4);
  std::vector<std::uint64_t> seqs;
  do {
    v1::QueryResponse response;
    ASSERT_TRUE(Query(request, response).ok());
    for (const std::uint64_t seq : Seqs(response)) seqs.push_back(seq);
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_THAT(seqs, ElementsAre(100, 99, 98, 97, 96, 95, 94, 93, 92, 91, 90));
}

TEST_F(EventsServiceTest, QueryRefusesBytesThatAreNoRequest) {
  grpc::ClientContext context;
  const grpc::Slice garbage("\xFF\xFF\xFF");
  const grpc::ByteBuffer request(&garbage, 1);
  grpc::ByteBuffer response;
  const grpc::internal::RpcMethod method("/gatelog.v1.Events/Query",
                                         grpc::internal::RpcMethod::NORMAL_RPC);
  const grpc::Status status = grpc::internal::BlockingUnaryCall<grpc::ByteBuffer, grpc::ByteBuffer>(
      channel_.get(), method, &context, request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(EventsServiceTest, CountAddsUp) {
  Store(kDevice, 100);
  Store(kOther, 50);
  v1::CountRequest request;
  v1::CountResponse response;
  ASSERT_TRUE(Call(*stub_, &v1::Events::Stub::Count, request, response).ok());
  ASSERT_EQ(response.rows_size(), 1);
  EXPECT_EQ(response.rows(0).events(), 150u);
  request.add_by(v1::COUNT_BY_CODE);
  request.mutable_filter()->add_log_device_ids(kOther);
  ASSERT_TRUE(Call(*stub_, &v1::Events::Stub::Count, request, response).ok());
  std::uint64_t events = 0;
  for (const v1::CountRow& row : response.rows()) events += row.events();
  EXPECT_EQ(events, 50u);
  EXPECT_EQ(response.rows_size(), 5);
  request.add_by(v1::COUNT_BY_CODE);
  EXPECT_EQ(Call(*stub_, &v1::Events::Stub::Count, request, response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

// A store whose reads last until they are stopped.
class EndlessStore final : public testing::MemoryStore {
 public:
  absl::StatusOr<ports::EventPage> Read(const ports::EventQuery& query) override {
    ++reading;
    if (Eventually([&] { return query.stop.stop_requested(); })) ++stopped;
    return absl::CancelledError("The read was given up.");
  }
  absl::StatusOr<std::vector<ports::EventCount>> Count(const ports::CountQuery& query) override {
    return Read({.stop = query.stop}).status();
  }

  std::atomic<int> reading = 0;
  std::atomic<int> stopped = 0;
};

// Counts take some of the readers alone; a page and a follower do not wait for them, and not too
// many wait.
TEST(EventsServiceStopTest, CountsLeaveReadersToOthers) {
  class CountsLast final : public testing::MemoryStore {
   public:
    absl::StatusOr<std::vector<ports::EventCount>> Count(const ports::CountQuery& query) override {
      ++counting;
      Eventually([&] { return query.stop.stop_requested(); });
      return absl::CancelledError("The read was given up.");
    }
    std::atomic<int> counting = 0;
  };
  CountsLast store;
  SystemClock clock;
  Worker readers(2);
  core::EventReader reader(store, readers, clock);
  EventsService service(reader);
  auto server = GrpcServer::Start({.address = {"127.0.0.1", 0}}, {&service});
  ASSERT_TRUE(server.ok()) << server.status();
  const auto stub = v1::Events::NewStub(grpc::CreateChannel(
      "127.0.0.1:" + std::to_string((*server)->port()), grpc::InsecureChannelCredentials()));
  constexpr int kCounts = 1 + kCountsMax;  // one that runs
  std::vector<grpc::ClientContext> contexts(kCounts);
  std::vector<std::thread> counts;
  std::atomic<int> ended = 0;
  for (int i = 0; i < kCounts; ++i) {
    counts.emplace_back([&, i] {
      v1::CountResponse response;
      const auto status = stub->Count(&contexts[static_cast<std::size_t>(i)], {}, &response);
      // Refused where the calls below were faster.
      const bool refused = status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED;
      if (refused || status.error_code() == grpc::StatusCode::CANCELLED) ++ended;
    });
    if (i == 0) {
      EXPECT_TRUE(Eventually([&] { return store.counting == 1; }));
    }
  }
  grpc::Status refused;
  EXPECT_TRUE(Eventually([&] {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(100));
    v1::CountResponse response;
    refused = stub->Count(&context, {}, &response);
    return refused.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED;
  }));
  EXPECT_THAT(refused.error_message(), HasSubstr("16 counts wait for the store already"));
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
  v1::QueryResponse page;
  EXPECT_TRUE(stub->Query(&context, {}, &page).ok());
  EXPECT_EQ(store.counting, 1);
  EXPECT_GE(service.counts_refused(), 1);
  EXPECT_EQ(service.reads_refused(), 0);
  for (grpc::ClientContext& one : contexts) one.TryCancel();
  for (std::thread& count : counts) count.join();
  EXPECT_EQ(ended, kCounts);
  service.Shutdown();
  (*server)->Shutdown(std::chrono::milliseconds(100));
}

// Each kind of read ends as soon as nobody waits for it.
TEST(EventsServiceStopTest, ReadsStopWithTheirCalls) {
  EndlessStore store;
  SystemClock clock;
  Worker readers(2);
  core::EventReader reader(store, readers, clock);
  EventsService service(reader);
  auto server = GrpcServer::Start({.address = {"127.0.0.1", 0}}, {&service});
  ASSERT_TRUE(server.ok()) << server.status();
  const auto stub = v1::Events::NewStub(grpc::CreateChannel(
      "127.0.0.1:" + std::to_string((*server)->port()), grpc::InsecureChannelCredentials()));
  {  // the deadline passes
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(100));
    v1::QueryResponse response;
    EXPECT_EQ(stub->Query(&context, v1::QueryRequest(), &response).error_code(),
              grpc::StatusCode::DEADLINE_EXCEEDED);
    EXPECT_TRUE(Eventually([&] { return store.stopped == 1; }));
  }
  {  // the client cancels
    grpc::ClientContext context;
    std::thread cancelling([&] {
      EXPECT_TRUE(Eventually([&] { return store.reading == 2; }));
      context.TryCancel();
    });
    v1::CountResponse response;
    EXPECT_EQ(stub->Count(&context, v1::CountRequest(), &response).error_code(),
              grpc::StatusCode::CANCELLED);
    cancelling.join();
    EXPECT_TRUE(Eventually([&] { return store.stopped == 2; }));
  }
  {  // a follower goes
    grpc::ClientContext context;
    const auto stream = stub->Follow(&context, v1::FollowRequest());
    EXPECT_TRUE(Eventually([&] { return store.reading == 3; }));
    context.TryCancel();
    v1::FollowResponse response;
    EXPECT_FALSE(stream->Read(&response));
    EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
    EXPECT_TRUE(Eventually([&] { return store.stopped == 3; }));
  }
  service.Shutdown();
  (*server)->Shutdown(std::chrono::milliseconds(100));
}

TEST_F(EventsServiceTest, FollowGivesThePastThenWhatComes) {
  Store(kDevice, 10);
  const auto following = Follow("");
  EXPECT_EQ(following->Seqs(10).back(), 10u);
  StoreMore(kDevice, 5);
  EXPECT_THAT(following->Seqs(5), ElementsAre(11, 12, 13, 14, 15));
  const auto resumed = Follow(following->cursor);
  StoreMore(kDevice, 1);
  EXPECT_THAT(resumed->Seqs(1), ElementsAre(16));
  EXPECT_EQ(events_.follow_streams(), 2u);
}

TEST_F(EventsServiceTest, FollowFromNowTellsItsCursorFirst) {
  Store(kDevice, 10);
  const auto following = Follow("now");
  v1::FollowResponse first;
  ASSERT_TRUE(following->reader->Read(&first));
  EXPECT_EQ(first.events_size(), 0);
  StoreMore(kDevice, 2);
  EXPECT_THAT(following->Seqs(2), ElementsAre(11, 12));
  EXPECT_THAT(Follow(first.cursor())->Seqs(2), ElementsAre(11, 12));
}

TEST_F(EventsServiceTest, FollowFilters) {
  Store(kDevice, 3);
  Store(kOther, 3);
  v1::Filter filter;
  filter.add_log_device_ids(kOther);
  EXPECT_THAT(Follow("", filter)->Seqs(3), ElementsAre(4, 5, 6));
}

// Messages are cut, and each can be resumed from.
TEST_F(EventsServiceTest, FollowCutsLargeBatches) {
  constexpr int kEvents = 3'000;
  Store(kDevice, kEvents, kLargeUser);
  const auto whole = Follow("");
  std::vector<std::uint64_t> seqs = whole->Seqs(kEvents);
  ASSERT_EQ(seqs.size(), static_cast<std::size_t>(kEvents));
  EXPECT_GT(whole->responses, 3);
  const auto part = Follow("");
  const std::size_t first = part->Seqs(1).size();
  ASSERT_LT(first, static_cast<std::size_t>(kEvents));
  EXPECT_EQ(Follow(part->cursor)->Seqs(1).front(), first + 1);
}

TEST_F(EventsServiceTest, FollowRefusesCursorsOfOtherStores) {
  const auto status = [&](const std::string& cursor) {
    const auto following = Follow(cursor);
    following->Seqs(1);
    return following->reader->Finish();
  };
  const grpc::Status foreign = status(model::FormatCursor({.incarnation = 77, .seq = 1}));
  EXPECT_EQ(foreign.error_code(), grpc::StatusCode::OUT_OF_RANGE);
  EXPECT_THAT(foreign.error_message(),
              HasSubstr(model::FormatCursor({gateway_.store.incarnation(), 0})));
  EXPECT_EQ(status("garbage").error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(EventsServiceTest, FollowEndsWithUnavailableAtShutdown) {
  const auto following = Follow("now");
  events_.Shutdown();
  following->Seqs(1);
  EXPECT_EQ(following->reader->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_TRUE(Eventually([&] { return events_.follow_streams() == 0; }));
}

TEST_F(EventsServiceTest, ListsGapsAndTotals) {
  BatchMaker maker(ports::LogState{.log_device = kDevice});
  maker.OpenEpoch(1, 1).AddSome(2).AddGap(3, model::GapReason::kOverwritten).AddSome(1);
  maker.AddGap(1, model::GapReason::kAbsent).AddSome(1).AddGap(2, model::GapReason::kCleared);
  Commit(maker.Make());
  v1::ListGapsRequest request;
  request.set_page_size(2);
  v1::ListGapsResponse response;
  ASSERT_TRUE(Call(*stub_, &v1::Events::Stub::ListGaps, request, response).ok());
  ASSERT_EQ(response.gaps_size(), 2);
  EXPECT_EQ(response.gaps(0).first_id(), 3u);
  EXPECT_EQ(response.gaps(0).last_id(), 5u);
  EXPECT_EQ(response.gaps(0).reason(), v1::GAP_REASON_OVERWRITTEN);
  request.set_page_token(response.next_page_token());
  ASSERT_TRUE(Call(*stub_, &v1::Events::Stub::ListGaps, request, response).ok());
  ASSERT_EQ(response.gaps_size(), 1);
  EXPECT_EQ(response.gaps(0).reason(), v1::GAP_REASON_CLEARED);
  EXPECT_EQ(response.next_page_token(), "");
  request.add_log_device_ids(kDevice);
  EXPECT_EQ(Call(*stub_, &v1::Events::Stub::ListGaps, request, response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);  // another question

  v1::GetTotalsResponse totals;
  ASSERT_TRUE(Call(*stub_, &v1::Events::Stub::GetTotals, v1::GetTotalsRequest(), totals).ok());
  EXPECT_EQ(totals.events(), 4u);
  EXPECT_EQ(totals.gaps(), 3u);
  EXPECT_EQ(totals.missing(), 6u);
  EXPECT_EQ(totals.epochs(), 1u);
  EXPECT_EQ(totals.last_seq(), 4u);
}

TEST_F(EventsServiceTest, SaysWhatTheStoreSays) {
  gateway_.store.FailAll(absl::UnavailableError("the disk failed"));
  v1::QueryResponse response;
  const grpc::Status status = Query({}, response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(status.error_message(), "the disk failed");
  v1::GetImageRequest image;
  v1::GetImageResponse none;
  EXPECT_EQ(Call(*stub_, &v1::Events::Stub::GetImage, image, none).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(EventsServiceTest, AddsListsAndRemovesDevices) {
  gateway_.AddTerminal(kDevice, 3);
  v1::AddRequest add;
  add.set_address(FakeTerminals::AddressOf(kDevice).host);
  v1::AddResponse added;
  const grpc::Status status = Call(*devices_stub_, &v1::Devices::Stub::Add, add, added);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(added.device().device_id(), kDevice);
  EXPECT_EQ(added.device().state(), v1::LINK_STATE_CONNECTED);
  EXPECT_TRUE(added.device().kept());
  EXPECT_TRUE(Eventually([&] {
    v1::ListResponse list;
    EXPECT_TRUE(Call(*devices_stub_, &v1::Devices::Stub::List, v1::ListRequest(), list).ok());
    return list.devices_size() == 1 && list.devices(0).stored() == 3 &&
           list.devices(0).next_id() == 4;
  }));
  v1::RemoveRequest remove;
  remove.set_device_id(kDevice);
  v1::RemoveResponse removed;
  EXPECT_TRUE(Call(*devices_stub_, &v1::Devices::Stub::Remove, remove, removed).ok());
  EXPECT_EQ(Call(*devices_stub_, &v1::Devices::Stub::Remove, remove, removed).error_code(),
            grpc::StatusCode::NOT_FOUND);
  add.set_address("nobody-there");
  EXPECT_EQ(Call(*devices_stub_, &v1::Devices::Stub::Add, add, added).error_code(),
            grpc::StatusCode::UNAVAILABLE);
  add.set_address("");
  EXPECT_EQ(Call(*devices_stub_, &v1::Devices::Stub::Add, add, added).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

}  // namespace
}  // namespace gatelog::api
