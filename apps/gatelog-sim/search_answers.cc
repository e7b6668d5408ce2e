#include "apps/gatelog-sim/search_answers.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/experimental/as_tuple.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "apps/gatelog-sim/fleet.h"
#include "apps/gatelog-sim/linkage.h"
#include "apps/gatelog-sim/terminal.h"
#include "gsdk/device.pb.h"
#include "terminal/v1/search.pb.h"

namespace gatelog::sim {
namespace {

using asio::ip::udp;

constexpr auto kTuple = asio::experimental::as_tuple(asio::use_awaitable);
constexpr std::uint32_t kLoopback = 0x7F000000;  // 127.0.0.0
constexpr std::uint32_t kLoopbackMask = 0xFF000000;
constexpr std::size_t kDatagramMax = 2 * 1024;
constexpr std::size_t kQuerySizeMin = 256;  // bytes; less would make answers longer than the query
constexpr std::size_t kNonceSize = 16;
constexpr std::uint32_t kVersion = 1;
constexpr std::chrono::milliseconds kTick{5};
constexpr std::uint64_t kAnswerPurpose = 7;

// Sends from `own`, which is one of this host's.
void SendFrom(udp::socket& socket, std::uint32_t own, const std::string& bytes,
              const udp::endpoint& to) {
  iovec part{const_cast<char*>(bytes.data()), bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(in_pktinfo))> control{};
  msghdr message{};
  message.msg_name = const_cast<sockaddr*>(to.data());
  message.msg_namelen = static_cast<socklen_t>(to.size());
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = IPPROTO_IP;
  header->cmsg_type = IP_PKTINFO;
  header->cmsg_len = CMSG_LEN(sizeof(in_pktinfo));
  in_pktinfo info{};
  info.ipi_spec_dst.s_addr = htonl(own);
  std::memcpy(CMSG_DATA(header), &info, sizeof(info));
  // An answer that finds no room is lost, as any datagram may be.
  (void)sendmsg(socket.native_handle(), &message, MSG_DONTWAIT);
}

}  // namespace

SearchAnswers::SearchAnswers(asio::io_context& context, Fleet& fleet, std::uint16_t terminal_port,
                             std::uint64_t seed)
    : context_(context),
      fleet_(fleet),
      terminal_port_(terminal_port),
      random_(MixSeed(seed, kAnswerPurpose)),
      socket_(context) {}

absl::Status SearchAnswers::Listen(std::uint16_t port) {
  std::error_code error;
  socket_.open(udp::v4(), error);
  // Several simulators on one host each answer.
  if (!error) socket_.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) socket_.bind({udp::v4(), port}, error);
  if (error) {
    return absl::UnavailableError(absl::StrCat("The terminals do not answer searches: UDP port ",
                                               port, " cannot be used (", error.message(),
                                               "). Choose another with --search-port."));
  }
  asio::co_spawn(context_, TakeQueries(), asio::detached);
  return absl::OkStatus();
}

void SearchAnswers::Stop() {
  std::error_code ignored;
  socket_.close(ignored);
}

asio::awaitable<void> SearchAnswers::TakeQueries() {
  std::array<char, kDatagramMax> buffer;
  while (socket_.is_open()) {
    udp::endpoint from;
    const auto [error, size] =
        co_await socket_.async_receive_from(asio::buffer(buffer), from, kTuple);
    if (error || size < kQuerySizeMin || answering_ >= kSearchesAnswered ||
        (from.address().to_v4().to_uint() & kLoopbackMask) != kLoopback) {
      continue;
    }
    terminal::v1::Datagram datagram;
    if (!datagram.ParseFromArray(buffer.data(), static_cast<int>(size))) continue;
    const terminal::v1::SearchQuery& query = datagram.query();
    const std::chrono::milliseconds spread(query.spread_ms());
    if (query.protocol_version() != kVersion || query.nonce().size() != kNonceSize ||
        spread > kSearchSpreadMax) {
      continue;
    }
    ++answering_;
    asio::co_spawn(context_, AnswerForAll(query.nonce(), spread, from), asio::detached);
  }
}

asio::awaitable<void> SearchAnswers::AnswerForAll(std::string nonce,
                                                  std::chrono::milliseconds spread,
                                                  udp::endpoint gateway) {
  // The terminals take even turns, the first of them after a random part of a turn.
  const std::size_t count = fleet_.terminals().size();
  const double turn = static_cast<double>(spread.count()) / static_cast<double>(count);
  const double phase = random_.Fraction();
  const auto start = std::chrono::steady_clock::now();
  asio::steady_timer timer(context_);
  for (std::size_t done = 0; done < count && socket_.is_open();) {
    const std::chrono::duration<double, std::milli> passed =
        std::chrono::steady_clock::now() - start;
    while (done < count && (static_cast<double>(done) + phase) * turn <= passed.count()) {
      AnswerFor(*fleet_.terminals()[done], nonce, gateway);
      ++done;
    }
    timer.expires_after(kTick);
    co_await timer.async_wait(kTuple);
  }
  --answering_;
}

void SearchAnswers::AnswerFor(Terminal& terminal, const std::string& nonce,
                              const udp::endpoint& gateway) {
  const absl::StatusOr<Linkage> linkage = LinkageOf(terminal);
  if (terminal.away || !linkage.ok()) return;
  terminal::v1::Datagram datagram;
  terminal::v1::SearchAnswer& answer = *datagram.mutable_answer();
  answer.set_nonce(nonce);
  answer.set_device_id(terminal.id());
  gsdk::device::CapabilityInfo capability;
  if (capability.ParseFromString(terminal.identity().capability_info())) {
    answer.set_type(static_cast<std::uint32_t>(capability.type()));
  }
  answer.set_tls(UsesTls(*linkage));
  answer.set_calls_gateway(linkage->calls_gateway());
  if (linkage->calls_gateway()) {
    answer.set_gateway(
        absl::StrCat(linkage->gateway_host(), ":",
                     UsesTls(*linkage) ? linkage->gateway_tls_port() : linkage->gateway_port()));
  } else {
    answer.set_port(terminal_port_);
  }
  SendFrom(socket_, kLoopback + terminal.settings().number, datagram.SerializeAsString(), gateway);
}

}  // namespace gatelog::sim
