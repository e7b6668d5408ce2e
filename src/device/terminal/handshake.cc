#include "device/terminal/handshake.h"

#include <array>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "device/terminal/link_codec.h"

namespace gatelog::terminal {
namespace {

constexpr std::size_t kHandshakeReadSize = 4 * 1024;

// A terminal may have been told to use TLS without the gateway hearing that it does.
constexpr std::string_view kMayUseTls =
    "; if the terminal uses TLS, add it as terminal://HOST:PORT?tls=1";

}  // namespace

Handshake::Handshake(LinkStream& stream, Role caller, std::string peer,
                     const TerminalOptions& options)
    : stream_(stream),
      caller_(caller),
      peer_(std::move(peer)),
      hint_(caller == Role::kGateway && !stream.tls() ? kMayUseTls : ""),
      options_(options) {}

asio::awaitable<absl::StatusOr<Frame>> Handshake::Exchange(const Frame& question) {
  std::string bytes;
  if (absl::Status status = AppendFrame(question, bytes); !status.ok()) co_return status;
  // No look at the error: a terminal may say why it refuses and close at once, and that is still
  // there to read.
  co_await stream_.Write(bytes);
  std::array<char, kHandshakeReadSize> buffer;
  while (true) {
    absl::StatusOr<std::optional<Frame>> frame = reader_.Next();
    if (!frame.ok()) {
      co_return PeerError(
          absl::StatusCode::kInternal,
          absl::StrCat("does not speak the terminal link: ", frame.status().message()));
    }
    if (frame->has_value()) co_return **std::move(frame);
    asio::error_code error = co_await stream_.WaitReadable();
    const std::size_t size = error ? 0 : stream_.ReadSome(asio::buffer(buffer), error);
    if (error == asio::error::would_block) continue;
    if (error) {
      co_return PeerError(absl::StatusCode::kUnavailable,
                          error == asio::error::eof
                              ? absl::StrCat("closed the connection during the handshake", hint_)
                              : absl::StrCat("broke the handshake off: ", error.message(), hint_));
    }
    reader_.Append({buffer.data(), size});
  }
}

asio::awaitable<absl::StatusOr<model::DeviceIdentity>> Handshake::Greet() {
  absl::StatusOr<std::string> nonce = MakeNonce();
  if (!nonce.ok()) co_return nonce.status();
  nonce_ = *std::move(nonce);
  Frame hello;
  hello.mutable_hello()->set_protocol_version(kProtocolVersion);
  hello.mutable_hello()->set_gateway(options_.gateway_name);
  hello.mutable_hello()->set_nonce(nonce_);
  const absl::StatusOr<Frame> answer = co_await Exchange(hello);
  if (!answer.ok()) co_return answer.status();
  const absl::StatusOr<v1::HelloReply> terminal = CheckHelloReply(*answer);
  if (!terminal.ok()) co_return terminal.status();
  terminal_nonce_ = terminal->nonce();
  key_required_ = terminal->key_required();
  absl::StatusOr<model::DeviceIdentity> identity = DecodeIdentity(terminal->identity());
  if (!identity.ok()) {
    co_return PeerError(absl::StatusCode::kInternal,
                        absl::StrCat("describes itself wrongly: ", identity.status().message()));
  }
  co_return identity;
}

asio::awaitable<absl::Status> Handshake::Prove(const std::string& key) {
  if (key_required_ && key.empty()) {
    co_return PeerError(absl::StatusCode::kPermissionDenied,
                        "requires a key and none was given; add it as "
                        "terminal://HOST:PORT?key=HEX, or accept its calls with --key HEX");
  }
  Frame authenticate;
  authenticate.mutable_authenticate();
  if (!key.empty()) {
    authenticate.mutable_authenticate()->set_proof(
        KeyProof(key, Role::kGateway, caller_, nonce_, terminal_nonce_));
  }
  const absl::StatusOr<Frame> answer = co_await Exchange(authenticate);
  if (!answer.ok()) co_return answer.status();
  if (answer->has_error()) co_return Refusal(answer->error());
  if (!answer->has_authenticate_reply()) {
    co_return PeerError(absl::StatusCode::kInternal, "answered the key with another frame");
  }
  const v1::AuthenticateReply& reply = answer->authenticate_reply();
  if (absl::Status status = CheckProof(key, reply); !status.ok()) co_return status;
  if (const auto log_status = DecodeLogStatus(reply.log_status()); !log_status.ok()) {
    co_return PeerError(absl::StatusCode::kInternal,
                        absl::StrCat("describes itself wrongly: ", log_status.status().message()));
  }
  co_return absl::OkStatus();
}

asio::awaitable<void> Handshake::Refuse(const absl::Status& reason) {
  Frame frame;
  frame.mutable_error()->set_code(v1::Error::NOT_ALLOWED);
  frame.mutable_error()->set_text(std::string(reason.message()));
  std::string bytes;
  if (AppendFrame(frame, bytes).ok()) co_await stream_.Write(bytes);
}

FrameReader Handshake::TakeReader() {
  reader_.set_frame_size_max(kFrameSizeMax);
  return std::move(reader_);
}

absl::StatusOr<v1::HelloReply> Handshake::CheckHelloReply(const Frame& frame) const {
  if (frame.has_error()) return Refusal(frame.error());
  if (!frame.has_hello_reply()) {
    return PeerError(absl::StatusCode::kInternal, "answered the greeting with another frame");
  }
  const v1::HelloReply& reply = frame.hello_reply();
  if (reply.protocol_version() != kProtocolVersion) {
    return PeerError(absl::StatusCode::kUnimplemented,
                     absl::StrCat("speaks version ", reply.protocol_version(),
                                  " of the terminal link; this gateway speaks ", kProtocolVersion));
  }
  if (reply.nonce().size() != kNonceSize) {
    return PeerError(
        absl::StatusCode::kInternal,
        absl::StrCat("sent a nonce of ", reply.nonce().size(), " bytes; ", kNonceSize, " are due"));
  }
  return reply;
}

absl::Status Handshake::CheckProof(const std::string& key,
                                   const v1::AuthenticateReply& reply) const {
  if (key.empty()) return absl::OkStatus();
  if (reply.proof().empty()) {
    return PeerError(absl::StatusCode::kPermissionDenied,
                     "did not prove that it knows the key; set the key on the terminal too");
  }
  const std::string expected = KeyProof(key, Role::kTerminal, caller_, nonce_, terminal_nonce_);
  if (!ProofMatches(reply.proof(), expected)) {
    return PeerError(absl::StatusCode::kPermissionDenied,
                     "has another key than the one given; it is not trusted");
  }
  return absl::OkStatus();
}

absl::Status Handshake::PeerError(absl::StatusCode code, std::string_view what) const {
  return absl::Status(code, absl::StrCat(peer_, " ", absl::string_view(what.data(), what.size())));
}

absl::Status Handshake::Refusal(const v1::Error& error) const {
  const absl::Status status = DecodeError(error);
  return PeerError(status.code(), absl::StrCat("refused the link: ", status.message()));
}

}  // namespace gatelog::terminal
