#include "device/terminal/terminal_searcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <array>
#include <asio/io_context.hpp>
#include <asio/ip/udp.hpp>
#include <memory>
#include <string>
#include <vector>

#include "base/loop.h"
#include "device/terminal/link_test_client.h"
#include "terminal/v1/search.pb.h"

namespace gatelog::terminal {
namespace {

using asio::ip::udp;
using std::chrono::milliseconds;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Found = absl::StatusOr<std::vector<ports::FoundDevice>>;

// Terminals on this host that hear the broadcast.
class Neighbours {
 public:
  Neighbours() : socket_(context_, udp::endpoint(udp::v4(), 0)) {}

  std::uint16_t port() const { return socket_.local_endpoint().port(); }

  v1::SearchQuery Receive() {
    pollfd entry{socket_.native_handle(), POLLIN, 0};
    EXPECT_EQ(poll(&entry, 1, 10'000), 1) << "no search came";
    std::array<char, 2'048> buffer;
    size_ = socket_.receive_from(asio::buffer(buffer), gateway_);
    v1::Datagram datagram;
    EXPECT_TRUE(datagram.ParseFromArray(buffer.data(), static_cast<int>(size_)));
    return datagram.query();
  }
  std::size_t received_size() const { return size_; }

  void Answer(const v1::SearchAnswer& answer) {
    v1::Datagram datagram;
    *datagram.mutable_answer() = answer;
    Send(datagram.SerializeAsString());
  }
  void Send(const std::string& bytes) { socket_.send_to(asio::buffer(bytes), gateway_); }

 private:
  asio::io_context context_;
  udp::socket socket_;
  udp::endpoint gateway_;
  std::size_t size_ = 0;
};

class TerminalSearcherTest : public ::testing::Test {
 protected:
  TerminalSearcherTest() { loop_.Start(); }
  ~TerminalSearcherTest() override {
    loop_.RunAndWait([this] { searcher_.reset(); });
    loop_.Stop();
  }

  Awaited<Found> Search(milliseconds time) {
    Awaited<Found> found;
    loop_.RunAndWait([&] { searcher_->Search(time, found.Reply()); });
    return found;
  }

  Neighbours neighbours_;
  Loop loop_;
  std::unique_ptr<TerminalSearcher> searcher_ =
      std::make_unique<TerminalSearcher>(loop_.context(), neighbours_.port());
};

TEST_F(TerminalSearcherTest, ShowsWhoAnswersTheQuestion) {
  Awaited<Found> found = Search(milliseconds(400));
  const v1::SearchQuery query = neighbours_.Receive();
  EXPECT_EQ(query.protocol_version(), kSearchVersion);
  EXPECT_EQ(query.nonce().size(), kSearchNonceSize);
  EXPECT_EQ(query.spread_ms(), 300u);
  EXPECT_GE(neighbours_.received_size(), kSearchQuerySizeMin);

  v1::SearchAnswer answer;
  answer.set_nonce(query.nonce());
  answer.set_device_id(541'000'001);
  answer.set_type(0x0A);
  answer.set_port(51'211);
  neighbours_.Answer(answer);
  neighbours_.Answer(answer);  // once more
  answer.set_device_id(541'000'002);
  answer.set_calls_gateway(true);
  answer.set_port(0);
  answer.set_tls(true);
  answer.set_gateway("127.0.0.1:51213" + std::string(100, 'x'));
  neighbours_.Answer(answer);
  answer.set_device_id(0);
  neighbours_.Answer(answer);
  answer.set_device_id(7);
  answer.set_port(70'000);
  neighbours_.Answer(answer);
  answer.set_port(1);
  answer.set_nonce(std::string(kSearchNonceSize, 'n'));
  neighbours_.Answer(answer);
  neighbours_.Send("no datagram of ours");

  const std::optional<Found> all = found.Wait();
  ASSERT_TRUE(all && all->ok());
  ASSERT_THAT(**all, SizeIs(2));
  const ports::FoundDevice& first = (**all)[0];
  EXPECT_EQ(first.id, 541'000'001u);
  EXPECT_EQ(first.type, 0x0Au);
  EXPECT_EQ(first.host, "127.0.0.1");
  EXPECT_EQ(first.port, 51'211);
  EXPECT_FALSE(first.calls_in || first.tls);
  const ports::FoundDevice& second = (**all)[1];
  EXPECT_EQ(second.id, 541'000'002u);
  EXPECT_TRUE(second.calls_in && second.tls);
  EXPECT_EQ(second.gateway, "127.0.0.1:51213" + std::string(49, 'x')) << "cut";
}

TEST_F(TerminalSearcherTest, FewSearchesAtATime) {
  std::vector<Awaited<Found>> searches;
  for (std::size_t i = 0; i < kSearchesMax; ++i) searches.push_back(Search(milliseconds(50)));
  const std::optional<Found> refused = Search(milliseconds(50)).Wait();
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status().code(), absl::StatusCode::kResourceExhausted);
  for (Awaited<Found>& search : searches) {
    const std::optional<Found> found = search.Wait();
    ASSERT_TRUE(found && found->ok());
    EXPECT_THAT(**found, IsEmpty());
  }
  EXPECT_TRUE(Search(milliseconds(1)).Wait()->ok());
}

}  // namespace
}  // namespace gatelog::terminal
