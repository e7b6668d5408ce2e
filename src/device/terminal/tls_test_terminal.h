#pragma once

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/ssl/context.hpp>
#include <asio/ssl/stream.hpp>
#include <memory>
#include <optional>
#include <string>

#include "device/terminal/frame_codec.h"
#include "device/terminal/tls_context.h"
#include "ports/device_address.h"

namespace gatelog::terminal {

// For tests: the terminal's end of a link over TLS, played by the test's thread; it shows `own` and
// takes the gateway that shows `gateway`. Waits end when the gateway gives up.
class TlsTestTerminal {
 public:
  TlsTestTerminal(const OwnCertificate& own, const OwnCertificate& gateway);

  // Over TLS.
  ports::DeviceAddress address() const;

  // Either, then the rest of the handshake as far as the gateway goes along.
  void Call(std::uint16_t port);
  void Accept();

  // What the gateway knows the terminal by that shows it.
  static std::string DigestOf(const OwnCertificate& own);

 private:
  void ShakeHands(asio::ip::tcp::socket socket, asio::ssl::stream_base::handshake_type role);
  Frame Receive();
  void Send(const Frame& frame);

  asio::io_context context_;
  std::unique_ptr<asio::ssl::context> tls_;
  asio::ip::tcp::acceptor acceptor_;
  std::optional<asio::ssl::stream<asio::ip::tcp::socket>> stream_;
  FrameReader reader_;
};

}  // namespace gatelog::terminal
