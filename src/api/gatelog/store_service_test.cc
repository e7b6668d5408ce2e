#include "api/gatelog/store_service.h"

#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include "api/rpc/grpc_server.h"
#include "base/loop.h"
#include "base/worker.h"
#include "core/sealing/sealing.h"
#include "tests/support/fake_evidence.h"

namespace gatelog::api {
namespace {

namespace v1 = gatelog::v1;
using ::testing::HasSubstr;

class FakeCopy final : public ports::StoreCopy {
 public:
  explicit FakeCopy(std::string content) : content_(std::move(content)) {}
  std::uint64_t size() const override { return content_.size(); }
  absl::StatusOr<std::string> Read(std::size_t max) override {
    std::string part = content_.substr(at_, max);
    at_ += part.size();
    return part;
  }

 private:
  const std::string content_;
  std::size_t at_ = 0;
};

// A store whose copies and checks last until it is told to go on, or given up.
class FakeUpkeep final : public ports::StoreUpkeep {
 public:
  absl::StatusOr<ports::StoreReport> Check(const ports::CheckProgress& progress) override {
    while (hold && !given_up) {
      if (!progress("pages", 0.25)) break;
    }
    if (given_up) return absl::CancelledError("The check was given up.");
    if (!result.ok()) return result;
    return ports::StoreReport{.incarnation = 7, .events = 42};
  }
  absl::StatusOr<std::unique_ptr<ports::StoreCopy>> Copy(
      const ports::CopyProgress& progress) override {
    progress(1, 2);
    if (!result.ok()) return result;
    return std::make_unique<FakeCopy>(content);
  }
  void GiveUp() override {
    given_up = true;
    given_up.notify_all();
  }

  std::string content;
  absl::Status result;
  std::atomic<bool> hold = false;
  std::atomic<bool> given_up = false;
};

// Has one segment that may go.
class FakeRetention final : public ports::RetentionStore {
 public:
  absl::StatusOr<ports::Pruned> PreviewPrune(const ports::PruneLimits& limits) override {
    asked = limits;
    return there;
  }
  absl::StatusOr<Step> PruneSome(const ports::PruneLimits& limits, const std::string& by) override {
    asked = limits;
    who = by;
    const Step step{std::exchange(there, {}), !gone};
    gone = true;
    return step;
  }

  ports::Pruned there{.segments = 1,
                      .events = 5,
                      .images = 2,
                      .people = 4,
                      .bytes = 700,
                      .oldest = Timestamp(std::chrono::milliseconds(1'000)),
                      .newest = Timestamp(std::chrono::milliseconds(2'000))};
  std::atomic<bool> gone = false;  // orders what the caller reads below
  ports::PruneLimits asked;
  std::string who;
};

class StoreServiceTest : public ::testing::Test {
 protected:
  StoreServiceTest() {
    loop_.Start();
    auto server = GrpcServer::Start({.address = {"127.0.0.1", 0}}, {&service_});
    EXPECT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    stub_ = v1::Store::NewStub(grpc::CreateChannel("127.0.0.1:" + std::to_string(server_->port()),
                                                   grpc::InsecureChannelCredentials()));
    for (grpc::ClientContext* context : {&context_, &other_context_}) {
      context->set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    }
  }
  ~StoreServiceTest() override {
    service_.Shutdown();
    server_->Shutdown(std::chrono::milliseconds(100));
    loop_.Stop();
  }

  FakeUpkeep upkeep_;
  Worker worker_;
  testing::FakeEvidence evidence_;
  Loop loop_;
  core::Sealing sealing_{evidence_, worker_, loop_, evidence::SealKey::Make(), {}, {}};
  FakeRetention retention_store_;
  SystemClock clock_;
  core::Retention retention_{retention_store_, worker_, loop_, clock_, {.events_days = 30}};
  StoreService service_{upkeep_, worker_, loop_, sealing_, retention_};
  std::unique_ptr<GrpcServer> server_;
  std::unique_ptr<v1::Store::Stub> stub_;
  grpc::ClientContext context_;
  grpc::ClientContext other_context_;
};

TEST_F(StoreServiceTest, ABackupComesWholeAndInOrder) {
  for (std::size_t i = 0; i < 3 * kBackupChunkBytes + 17; ++i) {
    upkeep_.content.push_back(static_cast<char>(i * 31 % 251));
  }
  const auto stream = stub_->Backup(&context_, v1::BackupRequest());
  v1::BackupResponse message;
  std::string received;
  std::uint64_t end = 0;
  while (stream->Read(&message)) {
    EXPECT_EQ(end, 0u) << "a message after the last";
    received += message.data();
    if (message.has_end()) end = message.end().bytes();
  }
  const grpc::Status status = stream->Finish();
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(end, upkeep_.content.size());
  EXPECT_TRUE(received == upkeep_.content);
}

TEST_F(StoreServiceTest, ACopyThatFailsIsTheCallsError) {
  upkeep_.result = absl::ResourceExhaustedError("No space is left.");
  const auto stream = stub_->Backup(&context_, v1::BackupRequest());
  v1::BackupResponse message;
  while (stream->Read(&message)) EXPECT_TRUE(message.has_copying());
  const grpc::Status status = stream->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(status.error_message(), "No space is left.");
}

TEST_F(StoreServiceTest, OneCallAtATimeAndTheNextAfterIt) {
  upkeep_.hold = true;
  const auto first = stub_->Check(&context_, v1::CheckRequest());
  v1::CheckResponse message;
  ASSERT_TRUE(first->Read(&message));
  EXPECT_EQ(message.checking().part(), "pages");

  const auto second = stub_->Backup(&other_context_, v1::BackupRequest());
  v1::BackupResponse none;
  EXPECT_FALSE(second->Read(&none));
  const grpc::Status refused = second->Finish();
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(refused.error_message(), HasSubstr("Another backup or check"));

  upkeep_.hold = false;
  while (first->Read(&message)) {
  }
  EXPECT_TRUE(first->Finish().ok());
  EXPECT_EQ(message.report().events(), 42u);
}

TEST_F(StoreServiceTest, ACancelledCallIsGivenUp) {
  upkeep_.hold = true;
  const auto stream = stub_->Check(&context_, v1::CheckRequest());
  v1::CheckResponse message;
  ASSERT_TRUE(stream->Read(&message));
  context_.TryCancel();
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
  upkeep_.given_up.wait(false);  // the worker would be held for ever
}

TEST_F(StoreServiceTest, AStoppingGatewayWaitsForNoCheck) {
  upkeep_.hold = true;
  const auto stream = stub_->Check(&context_, v1::CheckRequest());
  v1::CheckResponse message;
  ASSERT_TRUE(stream->Read(&message));
  service_.Shutdown();
  while (stream->Read(&message)) {
  }
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(StoreServiceTest, PruningIsShownFirstAndThenDone) {
  v1::PruneRequest request;
  request.set_dry_run(true);
  request.set_images_before_ms(7'000);
  request.set_people_before_ms(6'000);
  request.set_requested_by("an operator");
  v1::PruneResponse response;
  ASSERT_TRUE(stub_->Prune(&context_, request, &response).ok());
  EXPECT_EQ(response.events(), 5u);
  EXPECT_FALSE(retention_store_.gone);
  EXPECT_EQ(retention_store_.asked.images_before, Timestamp(std::chrono::milliseconds(7'000)));
  EXPECT_EQ(retention_store_.asked.people_before, Timestamp(std::chrono::milliseconds(6'000)));
  EXPECT_TRUE(retention_store_.asked.events_before.has_value()) << "as configured";
  request.set_dry_run(false);
  request.set_events_days(0);
  ASSERT_TRUE(stub_->Prune(&other_context_, request, &response).ok());
  EXPECT_TRUE(retention_store_.gone);
  EXPECT_EQ(retention_store_.who, "an operator");
  EXPECT_FALSE(retention_store_.asked.events_before.has_value()) << "for ever";
  EXPECT_EQ(response.segments(), 1u);
  EXPECT_EQ(response.images(), 2u);
  EXPECT_EQ(response.people(), 4u);
  EXPECT_EQ(response.bytes(), 700u);
  EXPECT_EQ(response.oldest_arrival_ms(), 1'000);
  EXPECT_EQ(response.newest_arrival_ms(), 2'000);
}

TEST_F(StoreServiceTest, AUserIsForgottenOnce) {
  v1::ForgetRequest request;
  v1::ForgetResponse response;
  request.set_user_id("4711");
  request.set_requested_by("the works council");
  const grpc::Status status = stub_->Forget(&context_, request, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.events(), 3u);
}

TEST_F(StoreServiceTest, WhoeverIsToBeForgottenMustBeNamedAndKnown) {
  v1::ForgetRequest request;
  v1::ForgetResponse response;
  EXPECT_EQ(stub_->Forget(&context_, request, &response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  request.set_user_id("4712");
  EXPECT_EQ(stub_->Forget(&other_context_, request, &response).error_code(),
            grpc::StatusCode::NOT_FOUND);
}

}  // namespace
}  // namespace gatelog::api
