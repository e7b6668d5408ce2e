#pragma once

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "device/terminal/frame_codec.h"
#include "ports/device_address.h"

namespace gatelog::terminal {

// For tests: the terminal's end of a link over a real loopback socket, played step by step by the
// test's thread. Each wait ends after a few seconds with a failed expectation.
class FakeTerminal {
 public:
  // Listens on `host`, an address of this machine.
  explicit FakeTerminal(std::string key = {}, const std::string& host = "127.0.0.1");

  ports::DeviceAddress address() const;

  void Accept();
  // Opens the connection itself instead, from `from`.
  void Call(std::uint16_t port, const std::string& from = "127.0.0.1");
  // The next frame from the gateway; an empty one when the gateway is gone.
  Frame Receive();
  // As Receive, past any number of keep-alives, which are answered.
  Frame ReceiveRequest();
  void Send(const Frame& frame);
  void SendBytes(std::string_view bytes);
  void Close();
  // Waits until the gateway has closed the connection; what it still sent is dropped.
  bool SeesClose();

  // Accepts and plays the terminal's part of a handshake.
  void ShakeHands();
  // The same on a connection that is there.
  void FinishHandshake();
  // The same in steps.
  v1::Hello ReceiveHello();
  void SendHelloReply();
  v1::Authenticate ReceiveAuthenticate();
  void SendAuthenticateReply();

  // What SendHelloReply and SendAuthenticateReply say; to be changed by tests before.
  v1::HelloReply hello_reply;
  v1::LogStatus log_status;

 private:
  bool Wait(short events);

  asio::io_context context_;
  asio::ip::tcp::acceptor acceptor_;
  asio::ip::tcp::socket socket_;
  std::string key_;
  std::string gateway_nonce_;
  Role caller_ = Role::kGateway;
  FrameReader reader_;
};

// An address of this machine that is not on loopback; empty if it has none.
std::string OtherAddress();

// An encoded EventLog.
std::string MakeRecord(std::uint32_t id, std::uint32_t code = 0x1300);
// An encoded ImageLog.
std::string MakeImage(std::uint32_t id);
v1::LogStatus MakeLogStatus(std::uint32_t first, std::uint32_t last);
Frame StatusFrame(std::uint32_t request_id, std::uint32_t first, std::uint32_t last);
Frame PushFrame(std::uint32_t id);
Frame MakeChunk(std::uint32_t request_id, std::uint32_t first, std::uint32_t last);

}  // namespace gatelog::terminal
