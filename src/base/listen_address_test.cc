#include "base/listen_address.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace gatelog {
namespace {

using ::testing::HasSubstr;

TEST(ListenAddress, ReadsHostAndPort) {
  EXPECT_EQ(*ParseListenAddress("127.0.0.1:4000"), (ListenAddress{"127.0.0.1", 4000}));
  EXPECT_EQ(*ParseListenAddress("localhost:0"), (ListenAddress{"localhost", 0}));
  EXPECT_EQ(*ParseListenAddress("[::1]:4000"), (ListenAddress{"::1", 4000}));
  EXPECT_EQ(FormatListenAddress({"::1", 4000}), "[::1]:4000");
}

TEST(ListenAddress, RefusesWhatIsNone) {
  for (const char* text : {"", ":", "4000", ":4000", "host:", "host:65536", "host:-1", "host:4000x",
                           "::1:4000", "[]:1"}) {
    EXPECT_EQ(ParseListenAddress(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(ListenAddress, KnowsLoopback) {
  EXPECT_TRUE(IsLoopback({"127.0.0.3", 1}));
  EXPECT_TRUE(IsLoopback({"localhost", 1}));
  EXPECT_TRUE(IsLoopback({"::1", 1}));
  EXPECT_FALSE(IsLoopback({"0.0.0.0", 1}));
  EXPECT_FALSE(IsLoopback({"192.168.1.2", 1}));
}

TEST(ListenAddress, NamesTheAddressThatIsTaken) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in bound{};
  bound.sin_family = AF_INET;
  bound.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&bound), sizeof bound), 0);
  ASSERT_EQ(::listen(fd, 1), 0);
  socklen_t size = sizeof bound;
  ASSERT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size), 0);
  const ListenAddress address{"127.0.0.1", ntohs(bound.sin_port)};

  const absl::Status taken = CheckCanListen(address, "--grpc");
  EXPECT_EQ(taken.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(taken.message(), "Another process already listens on " + FormatListenAddress(address) +
                                 ". Stop it, or choose another address with --grpc.");
  ::close(fd);
  EXPECT_TRUE(CheckCanListen(address, "--grpc").ok());
}

TEST(ListenAddress, SaysWhenTheAddressIsNotOfThisMachine) {
  const absl::Status foreign = CheckCanListen({"192.0.2.1", 4000}, "--grpc");
  EXPECT_EQ(foreign.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(foreign.message()),
              HasSubstr("192.0.2.1:4000 is not an address of this machine"));
}

}  // namespace
}  // namespace gatelog
