// GetTNALog, GetJobCodeLog and GetTemperatureLog.

#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <gtest/gtest.h>

#include "api/gsdk/thermal_service.h"
#include "api/gsdk/tna_service.h"
#include "api/rpc/grpc_server.h"
#include "gsdk/event.pb.h"
#include "gsdk/thermal.grpc.pb.h"
#include "gsdk/tna.grpc.pb.h"
#include "tests/support/test_gateway.h"

namespace gatelog::api {
namespace {

namespace th = gsdk::thermal;
namespace tn = gsdk::tna;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr model::DeviceId kDevice = 541'000'001;

class LogProjectionTest : public ::testing::Test {
 protected:
  LogProjectionTest() {
    auto server = GrpcServer::Start({.address = {"127.0.0.1", 0}}, {&tna_, &thermal_});
    EXPECT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    channel_ = grpc::CreateChannel("127.0.0.1:" + std::to_string(server_->port()),
                                   grpc::InsecureChannelCredentials());
    gateway_.AddLinked(kDevice, 0);
  }
  ~LogProjectionTest() override { server_->Shutdown(std::chrono::milliseconds(100)); }

  // Records 1 to 20; each fifth is made by `change(event)`.
  template <typename Change>
  void Record(Change change) {
    gateway_.OnLoop([&] {
      auto& terminal = gateway_.terminals.at(kDevice);
      for (std::uint32_t id = 1; id <= 20; ++id) {
        gsdk::event::EventLog event;
        event.set_id(id);
        event.set_deviceid(kDevice);
        event.set_timestamp(1'000 + id);
        event.set_eventcode(0x1300);
        event.set_subcode(2);
        event.set_userid(id == 10 ? "" : "anna");
        if (id % 5 == 0) change(event);
        terminal.log[id] = event.SerializeAsString();
      }
      terminal.last = 20;
    });
  }

  template <typename Stub, typename Method, typename Request, typename Response>
  std::vector<std::uint32_t> Ids(Stub& stub, Method method, Request request, Response& response,
                                 std::uint32_t start, std::uint32_t max) {
    request.set_deviceid(kDevice);
    request.set_starteventid(start);
    request.set_maxnumoflog(max);
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    const grpc::Status status = (stub.*method)(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    std::vector<std::uint32_t> ids;
    for (const auto& record : RecordsOf(response)) ids.push_back(record.id());
    return ids;
  }

  static const auto& RecordsOf(const tn::GetTNALogResponse& reply) { return reply.tnaevents(); }
  static const auto& RecordsOf(const tn::GetJobCodeLogResponse& reply) {
    return reply.jobcodeevents();
  }
  static const auto& RecordsOf(const th::GetTemperatureLogResponse& reply) {
    return reply.temperatureevents();
  }

  testing::TestGateway gateway_;
  TnaService tna_{gateway_.loop, *gateway_.calls, *gateway_.access};
  ThermalService thermal_{gateway_.loop, *gateway_.calls, *gateway_.access};
  std::unique_ptr<GrpcServer> server_;
  std::shared_ptr<grpc::Channel> channel_;
};

TEST_F(LogProjectionTest, RecordsWithATnaKey) {
  Record([](gsdk::event::EventLog& event) { event.set_tnakey(tn::KEY_2); });
  const auto stub = tn::TNA::NewStub(channel_);
  tn::GetTNALogResponse reply;
  const auto ids = [&](std::uint32_t start, std::uint32_t max) {
    return Ids(*stub, &tn::TNA::Stub::GetTNALog, tn::GetTNALogRequest(), reply, start, max);
  };
  EXPECT_THAT(ids(0, 0), ElementsAre(5, 10, 15, 20));
  EXPECT_THAT(ids(10, 0), ElementsAre(10, 15, 20));
  EXPECT_THAT(ids(21, 0), IsEmpty());
  EXPECT_THAT(ids(6, 2), ElementsAre(10, 15));  // counted after selecting
  EXPECT_EQ(reply.tnaevents(0).userid(), "");
  EXPECT_EQ(reply.tnaevents(1).SerializeAsString(), [] {
    tn::TNALog record;
    record.set_id(15);
    record.set_timestamp(1'015);
    record.set_deviceid(kDevice);
    record.set_userid("anna");
    record.set_eventcode(0x1300);
    record.set_subcode(2);
    record.set_tnakey(tn::KEY_2);
    return record.SerializeAsString();
  }());
}

TEST_F(LogProjectionTest, RecordsWithAJobCode) {
  Record([](gsdk::event::EventLog& event) { event.set_jobcode(4'711); });
  const auto stub = tn::TNA::NewStub(channel_);
  tn::GetJobCodeLogResponse reply;
  const auto ids = [&](std::uint32_t start, std::uint32_t max) {
    return Ids(*stub, &tn::TNA::Stub::GetJobCodeLog, tn::GetJobCodeLogRequest(), reply, start, max);
  };
  EXPECT_THAT(ids(0, 0), ElementsAre(5, 10, 15, 20));
  EXPECT_THAT(ids(11, 1), ElementsAre(15));
  EXPECT_EQ(reply.jobcodeevents(0).jobcode(), 4'711u);
  EXPECT_EQ(reply.jobcodeevents(0).userid(), "anna");
}

TEST_F(LogProjectionTest, RecordsWithATemperatureNameNobodyByANumber) {
  Record([](gsdk::event::EventLog& event) { event.set_temperature(3'650); });
  const auto stub = th::Thermal::NewStub(channel_);
  th::GetTemperatureLogResponse reply;
  const auto ids = [&](std::uint32_t start, std::uint32_t max) {
    return Ids(*stub, &th::Thermal::Stub::GetTemperatureLog, th::GetTemperatureLogRequest(), reply,
               start, max);
  };
  EXPECT_THAT(ids(0, 0), ElementsAre(5, 10, 15, 20));
  EXPECT_EQ(reply.temperatureevents(0).userid(), "anna");
  EXPECT_EQ(reply.temperatureevents(1).userid(), "4294967295");
  EXPECT_EQ(reply.temperatureevents(1).temperature(), 3'650u);
  EXPECT_THAT(ids(20, 7), ElementsAre(20));
}

TEST_F(LogProjectionTest, RecordsWithoutAnyAreLeftOut) {
  Record([](gsdk::event::EventLog&) {});
  const auto stub = tn::TNA::NewStub(channel_);
  tn::GetJobCodeLogResponse reply;
  EXPECT_THAT(Ids(*stub, &tn::TNA::Stub::GetJobCodeLog, tn::GetJobCodeLogRequest(), reply, 0, 0),
              IsEmpty());
}

}  // namespace
}  // namespace gatelog::api
