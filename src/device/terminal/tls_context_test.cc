#include "device/terminal/tls_context.h"

#include <gtest/gtest.h>

#include <array>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <optional>
#include <string>
#include <utility>

#include "device/terminal/link_stream.h"

namespace gatelog::terminal {
namespace {

using asio::ip::tcp;

// A gateway whose certificate is its own CA, and a terminal that was given that.
struct Parties {
  OwnCertificate gateway = *MakeOwnCertificate("gateway");
  OwnCertificate terminal = *MakeOwnCertificate("terminal 541000001");
  std::unique_ptr<asio::ssl::context> gateway_tls =
      *MakeGatewayTls(gateway.certificate, gateway.key);
  std::unique_ptr<asio::ssl::context> terminal_tls =
      *MakeTerminalTls(terminal.certificate, terminal.key, *CertificateDer(gateway.certificate));
};

// Two ends of one connection over loopback, and what came of their handshakes.
class Connected {
 public:
  Connected(asio::ssl::context* client, asio::ssl::context* server) {
    tcp::acceptor acceptor(context_, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    tcp::socket near(context_);
    near.connect(acceptor.local_endpoint());
    tcp::socket far = acceptor.accept();
    client_.emplace(Stream(std::move(near), client));
    server_.emplace(Stream(std::move(far), server));
  }

  void ShakeHands() {
    asio::co_spawn(context_, Shake(*client_, asio::ssl::stream_base::client, client_error),
                   asio::detached);
    asio::co_spawn(context_, Shake(*server_, asio::ssl::stream_base::server, server_error),
                   asio::detached);
    context_.run_for(std::chrono::seconds(10));
    context_.restart();
  }

  // What arrives at the server of what the client sends, read in small pieces.
  std::string Send(const std::string& bytes) {
    std::string received;
    asio::co_spawn(context_, Write(*client_, bytes), asio::detached);
    asio::co_spawn(context_, Read(*server_, bytes.size(), received), asio::detached);
    context_.run_for(std::chrono::seconds(10));
    return received;
  }

  LinkStream& client() { return *client_; }
  LinkStream& server() { return *server_; }

  std::optional<asio::error_code> client_error;
  std::optional<asio::error_code> server_error;

 private:
  static LinkStream Stream(tcp::socket socket, asio::ssl::context* context) {
    return context == nullptr ? LinkStream(std::move(socket))
                              : LinkStream(std::move(socket), *context);
  }
  static asio::awaitable<void> Shake(LinkStream& stream,
                                     asio::ssl::stream_base::handshake_type role,
                                     std::optional<asio::error_code>& error) {
    error = co_await stream.HandshakeTls(role);
    if (*error) stream.Close();
  }
  static asio::awaitable<void> Write(LinkStream& stream, std::string bytes) {
    EXPECT_FALSE(co_await stream.Write(bytes));
    stream.Close();
  }
  static asio::awaitable<void> Read(LinkStream& stream, std::size_t size, std::string& received) {
    std::array<char, 7> piece;
    while (received.size() < size) {
      asio::error_code error = co_await stream.WaitReadable();
      const std::size_t got = error ? 0 : stream.ReadSome(asio::buffer(piece), error);
      if (error && error != asio::error::would_block) co_return;
      received.append(piece.data(), got);
    }
    EXPECT_FALSE(co_await stream.WaitReadable());
    asio::error_code end;
    stream.ReadSome(asio::buffer(piece), end);
    EXPECT_TRUE(end == asio::error::eof) << end.message();
  }

  asio::io_context context_;
  std::optional<LinkStream> client_;
  std::optional<LinkStream> server_;
};

std::string LongText() {
  std::string text;
  for (int i = 0; text.size() < 100'000; ++i) text += std::to_string(i);
  return text;
}

TEST(LinkStream, CarriesBytesWithAndWithoutTls) {
  Connected plain(nullptr, nullptr);
  EXPECT_EQ(plain.Send(LongText()), LongText());
  EXPECT_EQ(plain.server().PeerCertificate(), "");

  const Parties parties;
  Connected secure(parties.terminal_tls.get(), parties.gateway_tls.get());
  secure.ShakeHands();
  ASSERT_TRUE(secure.server_error && !*secure.server_error);
  EXPECT_EQ(secure.Send(LongText()), LongText());
}

TEST(TlsContext, TheGatewaySeesTheTerminalsCertificateWhoeverCalled) {
  const Parties parties;
  const std::string known = CertificateDigest(*CertificateDer(parties.terminal.certificate));
  Connected called(parties.terminal_tls.get(), parties.gateway_tls.get());
  called.ShakeHands();
  EXPECT_TRUE(called.client_error && !*called.client_error);
  EXPECT_EQ(called.server().PeerCertificate(), known);
  Connected dialled(parties.gateway_tls.get(), parties.terminal_tls.get());
  dialled.ShakeHands();
  EXPECT_TRUE(dialled.server_error && !*dialled.server_error);
  EXPECT_EQ(dialled.client().PeerCertificate(), known);
}

TEST(TlsContext, ATerminalTakesNoOtherGateway) {
  const Parties parties;
  const OwnCertificate other = *MakeOwnCertificate("gateway");
  const auto stranger = *MakeGatewayTls(other.certificate, other.key);
  Connected called(parties.terminal_tls.get(), stranger.get());
  called.ShakeHands();
  EXPECT_TRUE(called.client_error && *called.client_error);
  Connected dialled(stranger.get(), parties.terminal_tls.get());
  dialled.ShakeHands();
  EXPECT_TRUE(dialled.server_error && *dialled.server_error);
}

TEST(TlsContext, SaysWhatDoesNotFitTogether) {
  const Parties parties;
  EXPECT_EQ(MakeGatewayTls(parties.gateway.certificate, parties.terminal.key).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(MakeGatewayTls("nothing", "nothing").status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(
      MakeTerminalTls(parties.terminal.certificate, parties.terminal.key, "no CA").status().code(),
      absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(CertificateDer("nothing").status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace gatelog::terminal
