#include "device/terminal/fake_terminal.h"

#include <gtest/gtest.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <poll.h>

#include <array>
#include <asio/write.hpp>
#include <cstring>

#include "gsdk/device.pb.h"
#include "gsdk/event.pb.h"

namespace gatelog::terminal {
namespace {

using asio::ip::tcp;

constexpr int kWaitMs = 10'000;

}  // namespace

FakeTerminal::FakeTerminal(std::string key, const std::string& host)
    : acceptor_(context_, tcp::endpoint(asio::ip::make_address(host), 0)),
      socket_(context_),
      key_(std::move(key)) {
  hello_reply.set_protocol_version(kProtocolVersion);
  hello_reply.set_nonce("terminal's nonce");
  hello_reply.set_key_required(!key_.empty());
  v1::Identity& identity = *hello_reply.mutable_identity();
  identity.set_device_id(541000001);
  identity.set_model_name("FSF2-ODB");
  gsdk::device::CapabilityInfo info;
  info.set_type(gsdk::device::FACESTATION_F2);
  info.set_imagelogsupported(true);
  identity.set_capability_info(info.SerializeAsString());
  log_status = MakeLogStatus(1, 100);
}

ports::DeviceAddress FakeTerminal::address() const {
  const tcp::endpoint at = acceptor_.local_endpoint();
  return {"terminal", at.address().to_string(), at.port(), key_};
}

bool FakeTerminal::Wait(short events) {
  pollfd entry{socket_.native_handle(), events, 0};
  const bool ready = poll(&entry, 1, kWaitMs) == 1;
  EXPECT_TRUE(ready) << "the gateway did nothing for " << kWaitMs << " ms";
  return ready;
}

void FakeTerminal::Accept() {
  pollfd entry{acceptor_.native_handle(), POLLIN, 0};
  ASSERT_EQ(poll(&entry, 1, kWaitMs), 1) << "the gateway did not connect";
  socket_ = acceptor_.accept();
  caller_ = Role::kGateway;
  reader_ = FrameReader();
}

void FakeTerminal::Call(std::uint16_t port, const std::string& from) {
  const auto address = asio::ip::make_address(from);
  socket_ = tcp::socket(context_, tcp::endpoint(address, 0));
  caller_ = Role::kTerminal;
  const auto to = address.is_loopback() ? asio::ip::make_address("127.0.0.1") : address;
  asio::error_code error;
  socket_.connect({to, port}, error);
  EXPECT_FALSE(error) << error.message();
  reader_ = FrameReader();
}

Frame FakeTerminal::Receive() {
  std::array<char, 4096> buffer;
  while (true) {
    absl::StatusOr<std::optional<Frame>> frame = reader_.Next();
    EXPECT_TRUE(frame.ok()) << frame.status();
    if (!frame.ok()) return {};
    if (frame->has_value()) return **frame;
    if (!Wait(POLLIN)) return {};
    asio::error_code error;
    const std::size_t size = socket_.read_some(asio::buffer(buffer), error);
    if (error) return {};
    reader_.Append({buffer.data(), size});
  }
}

Frame FakeTerminal::ReceiveRequest() {
  while (true) {
    Frame frame = Receive();
    if (!frame.has_keep_alive()) return frame;
    Frame reply;
    *reply.mutable_keep_alive_reply()->mutable_log_status() = log_status;
    Send(reply);
  }
}

void FakeTerminal::Send(const Frame& frame) {
  std::string bytes;
  ASSERT_TRUE(AppendFrame(frame, bytes).ok());
  SendBytes(bytes);
}

void FakeTerminal::SendBytes(std::string_view bytes) {
  asio::error_code ignored;  // the gateway may have closed
  asio::write(socket_, asio::buffer(bytes), ignored);
}

void FakeTerminal::Close() { socket_.close(); }

bool FakeTerminal::SeesClose() {
  std::array<char, 4096> buffer;
  asio::error_code error;
  while (!error) {
    if (!Wait(POLLIN)) return false;
    socket_.read_some(asio::buffer(buffer), error);
  }
  return true;
}

v1::Hello FakeTerminal::ReceiveHello() {
  const Frame frame = Receive();
  EXPECT_TRUE(frame.has_hello()) << frame.ShortDebugString();
  gateway_nonce_ = frame.hello().nonce();
  return frame.hello();
}

void FakeTerminal::SendHelloReply() {
  Frame frame;
  *frame.mutable_hello_reply() = hello_reply;
  Send(frame);
}

v1::Authenticate FakeTerminal::ReceiveAuthenticate() {
  const Frame frame = Receive();
  EXPECT_TRUE(frame.has_authenticate()) << frame.ShortDebugString();
  return frame.authenticate();
}

void FakeTerminal::SendAuthenticateReply() {
  Frame frame;
  v1::AuthenticateReply& reply = *frame.mutable_authenticate_reply();
  if (!key_.empty()) {
    reply.set_proof(KeyProof(key_, Role::kTerminal, caller_, gateway_nonce_, hello_reply.nonce()));
  }
  *reply.mutable_log_status() = log_status;
  Send(frame);
}

void FakeTerminal::ShakeHands() {
  Accept();
  FinishHandshake();
}

void FakeTerminal::FinishHandshake() {
  ReceiveHello();
  SendHelloReply();
  ReceiveAuthenticate();
  SendAuthenticateReply();
}

std::string OtherAddress() {
  ifaddrs* all = nullptr;
  if (getifaddrs(&all) != 0) return {};
  std::string found;
  for (const ifaddrs* one = all; one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr == nullptr || one->ifa_addr->sa_family != AF_INET) continue;
    sockaddr_in address{};
    std::memcpy(&address, one->ifa_addr, sizeof(address));
    const asio::ip::address_v4 v4(ntohl(address.sin_addr.s_addr));
    if (!v4.is_loopback()) found = v4.to_string();
  }
  freeifaddrs(all);
  return found;
}

std::string MakeRecord(std::uint32_t id, std::uint32_t code) {
  gsdk::event::EventLog record;
  record.set_id(id);
  record.set_timestamp(1'700'000'000 + id);
  record.set_deviceid(541000001);
  record.set_eventcode(code);
  return record.SerializeAsString();
}

std::string MakeImage(std::uint32_t id) {
  gsdk::event::ImageLog image;
  image.set_id(id);
  image.set_timestamp(1'700'000'000 + id);
  image.set_jpgimage("\xFF\xD8\xFF\xD9");
  return image.SerializeAsString();
}

v1::LogStatus MakeLogStatus(std::uint32_t first, std::uint32_t last) {
  v1::LogStatus status;
  status.set_first_id(first);
  status.set_last_id(last);
  status.set_generation(77);
  return status;
}

Frame StatusFrame(std::uint32_t request_id, std::uint32_t first, std::uint32_t last) {
  Frame frame;
  frame.set_request_id(request_id);
  *frame.mutable_log_status() = MakeLogStatus(first, last);
  return frame;
}

Frame PushFrame(std::uint32_t id) {
  Frame frame;
  frame.mutable_push()->set_id(id);
  frame.mutable_push()->set_record(MakeRecord(id));
  return frame;
}

Frame MakeChunk(std::uint32_t request_id, std::uint32_t first, std::uint32_t last) {
  Frame frame;
  frame.set_request_id(request_id);
  for (std::uint32_t id = first; id <= last; ++id) {
    frame.mutable_log_chunk()->add_ids(id);
    frame.mutable_log_chunk()->add_records(MakeRecord(id));
  }
  return frame;
}

}  // namespace gatelog::terminal
