#include "store/postgres/connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/support/postgres_server.h"

namespace gatelog::postgres {
namespace {

using testing::PostgresServer;

class ConnectionTest : public ::testing::Test {
 protected:
  const std::string url_ = PostgresServer::Shared().NewDatabase();
  std::unique_ptr<Connection> connection_ = *Connection::Open({.url = url_});
};

std::vector<Connection::Statement> Divide(const std::vector<int>& numbers) {
  std::vector<Connection::Statement> statements;
  for (const int number : numbers) {
    statements.push_back({"SELECT 12 / $1::bigint", Params().Add(number)});
  }
  return statements;
}

TEST_F(ConnectionTest, StatementsTogetherAnswerInTheirOrder) {
  const absl::StatusOr<std::vector<Result>> results = connection_->QueryTogether(Divide({1, 3, 4}));
  ASSERT_TRUE(results.ok()) << results.status();
  std::vector<std::int64_t> quotients;
  for (const Result& result : *results) quotients.push_back(result.Integer(0, 0));
  EXPECT_THAT(quotients, ::testing::ElementsAre(12, 4, 3));
  EXPECT_EQ(*connection_->QueryText("SHOW plan_cache_mode"), "force_custom_plan");
}

TEST_F(ConnectionTest, OneThatFailsAmongThemIsToldAndTheSessionGoesOn) {
  ASSERT_TRUE(connection_->Execute("SET plan_cache_mode = force_custom_plan").ok());
  const absl::StatusOr<std::vector<Result>> results = connection_->QueryTogether(Divide({1, 0, 4}));
  EXPECT_EQ(results.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(results.status().message()), ::testing::HasSubstr("division by zero"));
  EXPECT_EQ(*connection_->QueryText("SHOW plan_cache_mode"), "force_custom_plan");
  EXPECT_EQ(connection_->QueryTogether(Divide({6}))->front().Integer(0, 0), 2);
  EXPECT_FALSE(connection_->interrupted());
}

TEST_F(ConnectionTest, ThoseOfOneRoundTripStayPreparedUntilItsEnd) {
  for (std::size_t i = 0; i + 1 < Connection::kPreparedMax; ++i) {
    ASSERT_TRUE(connection_->Query(absl::StrCat("SELECT ", i)).ok());
  }
  const std::vector<Connection::Statement> statements = {{"SELECT 1001", {}}, {"SELECT 1002", {}}};
  const absl::StatusOr<std::vector<Result>> results = connection_->QueryTogether(statements);
  ASSERT_TRUE(results.ok()) << results.status();
  EXPECT_EQ((*results)[0].Integer(0, 0), 1001);
  EXPECT_EQ((*results)[1].Integer(0, 0), 1002);
}

TEST_F(ConnectionTest, AStopWhileTheyRunEndsThem) {
  std::stop_source stop;
  std::thread stopper([&] {
    const auto watcher = *Connection::Open({.url = url_});
    const std::string asleep = absl::StrCat(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND pid = ",
        connection_->backend_pid());
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (watcher->QueryInteger(asleep).value_or(0) == 0 &&
           std::chrono::steady_clock::now() < limit) {
      std::this_thread::yield();
    }
    stop.request_stop();
  });
  // Longer than any test may take.
  const std::vector<Connection::Statement> statements = {{"SELECT pg_sleep(3600)", {}},
                                                         {"SELECT 1", {}}};
  const absl::Status stopped = connection_->QueryTogether(statements, stop.get_token()).status();
  stopper.join();
  EXPECT_EQ(stopped.code(), absl::StatusCode::kCancelled) << stopped;
  EXPECT_TRUE(connection_->interrupted()) << "so that it is not used again";
  EXPECT_TRUE(connection_->alive());
}

TEST_F(ConnectionTest, AStopBeforeThemEndsThem) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(connection_->QueryTogether(Divide({1}), stop.get_token()).status().code(),
            absl::StatusCode::kCancelled);
}

TEST_F(ConnectionTest, ALostSessionIsToldFromOneThatFails) {
  const std::vector<Connection::Statement> statements = {
      {"SELECT pg_terminate_backend(pg_backend_pid())", {}}, {"SELECT 1", {}}};
  EXPECT_EQ(connection_->QueryTogether(statements).status().code(), absl::StatusCode::kUnavailable);
  EXPECT_FALSE(connection_->alive());
}

}  // namespace
}  // namespace gatelog::postgres
