#include "device/terminal/link_stream.h"

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <asio/experimental/as_tuple.hpp>
#include <asio/ssl/error.hpp>
#include <asio/ssl/stream.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>
#include <cstring>
#include <utility>

namespace gatelog::terminal {
namespace {

using asio::ip::tcp;

constexpr auto kAwaitTuple = asio::experimental::as_tuple(asio::use_awaitable);
constexpr std::size_t kTlsReadSize = 4 * 1024;  // bytes per connection

}  // namespace

struct LinkStream::Tls {
  Tls(tcp::socket socket, asio::ssl::context& context) : stream(std::move(socket), context) {
    // A connection that is silent keeps no buffers of OpenSSL's.
    SSL_set_mode(stream.native_handle(), SSL_MODE_RELEASE_BUFFERS);
  }

  asio::ssl::stream<tcp::socket> stream;
  std::array<char, kTlsReadSize> buffer;
  std::string_view unread;  // of `buffer`
  asio::error_code error;   // comes after `unread`
};

LinkStream::LinkStream(tcp::socket socket) : socket_(std::move(socket)) {
  asio::error_code ignored;
  socket_.non_blocking(true, ignored);
}

LinkStream::LinkStream(tcp::socket socket, asio::ssl::context& context)
    : socket_(socket.get_executor()), tls_(std::make_unique<Tls>(std::move(socket), context)) {}

LinkStream::LinkStream(LinkStream&& other) noexcept = default;
LinkStream::~LinkStream() = default;

asio::any_io_executor LinkStream::executor() { return socket_.get_executor(); }

tcp::socket& LinkStream::socket() { return tls_ ? tls_->stream.next_layer() : socket_; }

asio::awaitable<asio::error_code> LinkStream::HandshakeTls(
    asio::ssl::stream_base::handshake_type role) {
  const auto [error] = co_await tls_->stream.async_handshake(role, kAwaitTuple);
  co_return error;
}

std::string LinkStream::PeerCertificate() const {
  if (!tls_) return {};
  X509* certificate = SSL_get1_peer_certificate(tls_->stream.native_handle());
  if (certificate == nullptr) return {};
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned int size = 0;
  const bool done = X509_digest(certificate, EVP_sha256(), digest.data(), &size) == 1;
  X509_free(certificate);
  return done ? std::string(digest.begin(), digest.begin() + size) : std::string();
}

asio::awaitable<asio::error_code> LinkStream::WaitReadable() {
  if (!tls_) {
    const auto [error] = co_await socket_.async_wait(tcp::socket::wait_read, kAwaitTuple);
    co_return error;
  }
  if (tls_->unread.empty() && !tls_->error) {
    const auto [error, size] =
        co_await tls_->stream.async_read_some(asio::buffer(tls_->buffer), kAwaitTuple);
    tls_->unread = {tls_->buffer.data(), size};
    // Who closes without a farewell is gone all the same.
    tls_->error = error == asio::ssl::error::stream_truncated ? asio::error::eof : error;
  }
  co_return asio::error_code();
}

std::size_t LinkStream::ReadSome(asio::mutable_buffer buffer, asio::error_code& error) {
  if (!tls_) return socket_.read_some(buffer, error);
  error = {};
  const std::size_t size = std::min(buffer.size(), tls_->unread.size());
  if (size == 0) {
    error = tls_->error ? tls_->error : asio::error::would_block;
    return 0;
  }
  std::memcpy(buffer.data(), tls_->unread.data(), size);
  tls_->unread.remove_prefix(size);
  return size;
}

asio::awaitable<asio::error_code> LinkStream::Write(std::string_view bytes) {
  const auto buffer = asio::buffer(bytes.data(), bytes.size());
  if (tls_) {
    const auto [error, size] = co_await asio::async_write(tls_->stream, buffer, kAwaitTuple);
    co_return error;
  }
  const auto [error, size] = co_await asio::async_write(socket_, buffer, kAwaitTuple);
  co_return error;
}

void LinkStream::Close() {
  asio::error_code ignored;
  socket().close(ignored);
}

}  // namespace gatelog::terminal
