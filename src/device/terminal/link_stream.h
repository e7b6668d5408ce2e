#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/buffer.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/ssl/context.hpp>
#include <asio/ssl/stream_base.hpp>
#include <memory>
#include <string>
#include <string_view>

namespace gatelog::terminal {

// The bytes of one connection between a gateway and a terminal, plain or over TLS; both sides use
// it. One reader and one writer at a time.
//
// Threads: the socket's executor, one thread. Awaiting objects keep the stream alive.
class LinkStream {
 public:
  explicit LinkStream(asio::ip::tcp::socket socket);
  // Over TLS, once HandshakeTls has succeeded. `context` need not outlive this.
  LinkStream(asio::ip::tcp::socket socket, asio::ssl::context& context);
  LinkStream(LinkStream&& other) noexcept;
  LinkStream& operator=(LinkStream&&) = delete;
  ~LinkStream();

  asio::any_io_executor executor();
  // The TCP connection below; what is to be read or written of a TLS stream is not there.
  asio::ip::tcp::socket& socket();
  bool tls() const { return tls_ != nullptr; }

  asio::awaitable<asio::error_code> HandshakeTls(asio::ssl::stream_base::handshake_type role);
  // SHA-256 of the certificate (DER) that the other side showed; empty if it showed none.
  std::string PeerCertificate() const;

  // Ends when bytes, the end of the stream or an error can be had from ReadSome.
  asio::awaitable<asio::error_code> WaitReadable();
  // Does not wait: would_block if there is nothing yet.
  std::size_t ReadSome(asio::mutable_buffer buffer, asio::error_code& error);
  // All of `bytes`, which must stay until then.
  asio::awaitable<asio::error_code> Write(std::string_view bytes);

  // Waits end with an error. Does no farewell of TLS: frames say by themselves that they are whole.
  void Close();

 private:
  struct Tls;

  asio::ip::tcp::socket socket_;  // of a plain stream
  std::unique_ptr<Tls> tls_;
};

}  // namespace gatelog::terminal
