#include "device/terminal/terminal_searcher.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include <array>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/experimental/as_tuple.hpp>
#include <asio/ip/udp.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <cstring>
#include <limits>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "device/terminal/frame_codec.h"
#include "device/terminal/link_codec.h"
#include "terminal/v1/search.pb.h"

namespace gatelog::terminal {
namespace {

using asio::ip::udp;
using Reply = ports::Reply<absl::StatusOr<std::vector<ports::FoundDevice>>>;

constexpr auto kAwaitTuple = asio::experimental::as_tuple(asio::use_awaitable);

constexpr int kReceiveBuffer = 1024 * 1024;  // bytes, for answers that come at once
constexpr std::size_t kDatagramMax = 2 * 1024;
constexpr std::size_t kGatewayTextMax = 64;

// Of loopback, which has no interface that says so, and of every network that is up.
std::set<asio::ip::address_v4> BroadcastAddresses() {
  std::set<asio::ip::address_v4> addresses = {asio::ip::make_address_v4("127.255.255.255")};
  ifaddrs* all = nullptr;
  if (getifaddrs(&all) != 0) return addresses;
  for (const ifaddrs* one = all; one != nullptr; one = one->ifa_next) {
    const bool usable = one->ifa_addr != nullptr && one->ifa_addr->sa_family == AF_INET &&
                        (one->ifa_flags & IFF_UP) != 0 && (one->ifa_flags & IFF_BROADCAST) != 0 &&
                        one->ifa_broadaddr != nullptr;
    if (!usable) continue;
    sockaddr_in address{};
    std::memcpy(&address, one->ifa_broadaddr, sizeof(address));
    addresses.insert(asio::ip::address_v4(ntohl(address.sin_addr.s_addr)));
  }
  freeifaddrs(all);
  return addresses;
}

}  // namespace

class TerminalSearcher::Searching final : public std::enable_shared_from_this<Searching> {
 public:
  Searching(asio::io_context& context, Reply reply)
      : socket_(context), timer_(context), reply_(std::move(reply)) {}

  absl::Status Start(std::uint16_t port, std::chrono::milliseconds time,
                     absl::AnyInvocable<void()> ended) {
    ended_ = std::move(ended);
    if (absl::Status status = Ask(port, time); !status.ok()) return status;
    asio::co_spawn(socket_.get_executor(), Gather(shared_from_this()), asio::detached);
    timer_.expires_after(time);
    timer_.async_wait([self = shared_from_this()](const asio::error_code& error) {
      if (!error) self->Finish();
    });
    return absl::OkStatus();
  }

  void Close() {
    reply_ = nullptr;
    timer_.cancel();
    asio::error_code ignored;
    socket_.close(ignored);
  }

  Reply TakeReply() { return std::exchange(reply_, nullptr); }

 private:
  absl::Status Ask(std::uint16_t port, std::chrono::milliseconds time);
  static asio::awaitable<void> Gather(std::shared_ptr<Searching> self);
  void Note(std::string_view bytes, const udp::endpoint& from);
  void Finish();

  udp::socket socket_;
  asio::steady_timer timer_;
  Reply reply_;
  absl::AnyInvocable<void()> ended_;
  std::string nonce_;
  std::map<std::pair<model::DeviceId, std::string>, ports::FoundDevice> found_;
  std::uint64_t not_shown_ = 0;
};

absl::Status TerminalSearcher::Searching::Ask(std::uint16_t port, std::chrono::milliseconds time) {
  absl::StatusOr<std::string> nonce = MakeNonce();
  if (!nonce.ok()) return nonce.status();
  nonce_ = *std::move(nonce);
  v1::Datagram datagram;
  v1::SearchQuery& query = *datagram.mutable_query();
  query.set_protocol_version(kSearchVersion);
  query.set_nonce(nonce_);
  query.set_spread_ms(static_cast<std::uint32_t>(std::min(time * 3 / 4, kSearchSpreadMax).count()));
  query.set_padding(std::string(kSearchQuerySizeMin, '\0'));
  const std::string bytes = datagram.SerializeAsString();
  asio::error_code error;
  socket_.open(udp::v4(), error);
  if (!error) socket_.set_option(asio::socket_base::broadcast(true), error);
  if (!error) socket_.bind({udp::v4(), 0}, error);
  if (error) return absl::UnavailableError(absl::StrCat("cannot search: ", error.message()));
  asio::error_code ignored;
  socket_.set_option(asio::socket_base::receive_buffer_size(kReceiveBuffer), ignored);
  socket_.non_blocking(true, ignored);
  bool sent = false;
  for (const asio::ip::address_v4& address : BroadcastAddresses()) {
    socket_.send_to(asio::buffer(bytes), {address, port}, 0, error);
    sent = sent || !error;
  }
  if (sent) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("there is no network to search in: ", error.message()));
}

asio::awaitable<void> TerminalSearcher::Searching::Gather(std::shared_ptr<Searching> self) {
  std::array<char, kDatagramMax> buffer;
  while (self->socket_.is_open()) {
    udp::endpoint from;
    const auto [error, size] =
        co_await self->socket_.async_receive_from(asio::buffer(buffer), from, kAwaitTuple);
    // That nobody listens at one address says nothing of the others.
    if (!error) self->Note({buffer.data(), size}, from);
  }
}

void TerminalSearcher::Searching::Note(std::string_view bytes, const udp::endpoint& from) {
  v1::Datagram datagram;
  if (!datagram.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return;
  const v1::SearchAnswer& answer = datagram.answer();
  if (!datagram.has_answer() || answer.nonce() != nonce_ || answer.device_id() == 0 ||
      answer.port() > std::numeric_limits<std::uint16_t>::max()) {
    return;
  }
  ports::FoundDevice device{.id = answer.device_id(),
                            .type = answer.type(),
                            .host = from.address().to_string(),
                            .port = static_cast<std::uint16_t>(answer.port()),
                            .calls_in = answer.calls_gateway(),
                            .tls = answer.tls(),
                            .gateway = CutText(answer.gateway(), kGatewayTextMax),
                            .uses_dhcp = answer.uses_dhcp()};
  const std::pair key(device.id, device.host);
  if (found_.size() >= kFoundMax && !found_.contains(key)) {
    ++not_shown_;
    return;
  }
  found_[key] = std::move(device);
}

void TerminalSearcher::Searching::Finish() {
  if (!reply_) return;  // it was closed at this moment
  std::vector<ports::FoundDevice> devices;
  for (auto& [key, device] : found_) devices.push_back(std::move(device));
  if (not_shown_ > 0) {
    LogWarn("More devices answered a search than are shown.",
            {{"shown", devices.size()}, {"not_shown", not_shown_}});
  }
  Reply reply = TakeReply();
  Close();
  ended_();
  reply(std::move(devices));
}

TerminalSearcher::TerminalSearcher(asio::io_context& context, std::uint16_t port)
    : context_(context), port_(port) {}

TerminalSearcher::~TerminalSearcher() {
  for (const auto& search : searches_) search->Close();
}

void TerminalSearcher::Search(std::chrono::milliseconds time, Reply reply) {
  if (searches_.size() >= kSearchesMax) {
    asio::post(context_, [reply = std::move(reply)]() mutable {
      reply(absl::ResourceExhaustedError(
          absl::StrCat(kSearchesMax, " searches are under way already")));
    });
    return;
  }
  const auto search = std::make_shared<Searching>(context_, std::move(reply));
  const absl::Status started = search->Start(
      port_, time, [this, weak = std::weak_ptr(search)] { searches_.erase(weak.lock()); });
  if (started.ok()) {
    searches_.insert(search);
    return;
  }
  asio::post(context_, [search, started, failed = search->TakeReply()]() mutable {
    search->Close();
    failed(started);
  });
}

}  // namespace gatelog::terminal
