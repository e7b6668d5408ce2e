#include "device/terminal/tls_test_terminal.h"

#include <gtest/gtest.h>

#include <array>
#include <asio/write.hpp>
#include <utility>

#include "device/terminal/fake_terminal.h"

namespace gatelog::terminal {

using asio::ip::tcp;

TlsTestTerminal::TlsTestTerminal(const OwnCertificate& own, const OwnCertificate& gateway)
    : tls_(*MakeTerminalTls(own.certificate, own.key, *CertificateDer(gateway.certificate))),
      acceptor_(context_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)) {}

ports::DeviceAddress TlsTestTerminal::address() const {
  ports::DeviceAddress address;
  address.host = "127.0.0.1";
  address.port = acceptor_.local_endpoint().port();
  address.tls = true;
  return address;
}

std::string TlsTestTerminal::DigestOf(const OwnCertificate& own) {
  return CertificateDigest(*CertificateDer(own.certificate));
}

void TlsTestTerminal::Call(std::uint16_t port) {
  tcp::socket socket(context_);
  socket.connect({asio::ip::address_v4::loopback(), port});
  ShakeHands(std::move(socket), asio::ssl::stream_base::client);
}

void TlsTestTerminal::Accept() { ShakeHands(acceptor_.accept(), asio::ssl::stream_base::server); }

void TlsTestTerminal::ShakeHands(tcp::socket socket, asio::ssl::stream_base::handshake_type role) {
  stream_.emplace(std::move(socket), *tls_);
  asio::error_code error;
  stream_->handshake(role, error);
  ASSERT_FALSE(error) << error.message();
  ASSERT_TRUE(Receive().has_hello());
  Frame greeting;
  *greeting.mutable_hello_reply() = FakeTerminal().hello_reply;
  Send(greeting);
  if (!Receive().has_authenticate()) return;
  Frame proof;
  *proof.mutable_authenticate_reply()->mutable_log_status() = MakeLogStatus(1, 100);
  Send(proof);
}

Frame TlsTestTerminal::Receive() {
  std::array<char, 4096> buffer;
  while (true) {
    const absl::StatusOr<std::optional<Frame>> frame = reader_.Next();
    EXPECT_TRUE(frame.ok()) << frame.status();
    if (!frame.ok()) return {};
    if (frame->has_value()) return **frame;
    asio::error_code error;
    const std::size_t size = stream_->read_some(asio::buffer(buffer), error);
    if (error) return {};
    reader_.Append({buffer.data(), size});
  }
}

void TlsTestTerminal::Send(const Frame& frame) {
  std::string bytes;
  ASSERT_TRUE(AppendFrame(frame, bytes).ok());
  asio::error_code ignored;  // the gateway may have closed
  asio::write(*stream_, asio::buffer(bytes), ignored);
}

}  // namespace gatelog::terminal
