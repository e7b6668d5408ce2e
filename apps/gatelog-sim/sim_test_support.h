#pragma once

#include <gtest/gtest.h>

#include <array>
#include <asio/buffer.hpp>
#include <asio/connect.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>
#include <asio/write.hpp>
#include <chrono>
#include <filesystem>
#include <functional>
#include <future>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "apps/gatelog-sim/fleet.h"
#include "apps/gatelog-sim/listener.h"
#include "apps/gatelog-sim/services/terminal_services.h"
#include "device/terminal/frame_codec.h"

// What the simulator's tests share: a folder, a running simulator, and a gateway's side of the
// link.
namespace gatelog::sim {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "gatelog-sim-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline Options QuietOptions(const std::filesystem::path& folder) {
  Options options;
  options.devices = 3;
  options.history = 0;
  options.rate = 0;
  options.data_dir = folder;
  options.port = 0;
  return options;
}

// A whole simulator but its control service, on a port of its own.
class RunningSim {
 public:
  explicit RunningSim(const Options& options) : fleet_(context_, options, MakeTerminalServices) {
    auto listener = Listener::Open(context_, 0, fleet_);
    EXPECT_TRUE(listener.ok()) << listener.status();
    listener_ = *std::move(listener);
    const absl::Status opened = fleet_.Open();
    EXPECT_TRUE(opened.ok()) << opened;
    const absl::Status started = listener_->Start();
    EXPECT_TRUE(started.ok()) << started;
    fleet_.Start();
    thread_ = std::thread([this] { context_.run(); });
  }
  ~RunningSim() {
    OnLoop([this] {
      fleet_.Stop();
      listener_->Stop();
    });
    work_.reset();
    thread_.join();
  }

  // Returns when `work` is done and the loop has also run what `work` cancelled or posted: what
  // that uses may be destroyed.
  void OnLoop(const std::function<void()>& work) {
    std::promise<void> done;
    asio::post(context_, [&] {
      work();
      asio::post(context_, [&done] { done.set_value(); });
    });
    done.get_future().wait();
  }

  std::uint32_t Record(std::uint32_t number, EventLog event) {
    std::uint32_t id = 0;
    OnLoop([&] {
      const auto recorded = fleet_.FindNumber(number)->Record(std::move(event));
      ASSERT_TRUE(recorded.ok()) << recorded.status();
      id = *recorded;
    });
    return id;
  }

  Fleet& fleet() { return fleet_; }
  asio::io_context& context() { return context_; }
  std::uint16_t port() const { return listener_->port(); }

 private:
  asio::io_context context_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_ =
      asio::make_work_guard(context_);
  Fleet fleet_;
  std::unique_ptr<Listener> listener_;
  std::thread thread_;
};

inline EventLog EventOf(std::uint32_t code, std::uint32_t sub_code = 0) {
  EventLog event;
  event.set_eventcode(code);
  event.set_subcode(sub_code);
  return event;
}

// A gateway's end of the link, blocking. A wait of more than ten seconds counts as the end of the
// connection.
class LinkClient {
 public:
  using Frame = terminal::Frame;

  LinkClient(std::uint16_t port, std::uint32_t number) : socket_(context_) {
    socket_.connect({asio::ip::address_v4(0x7F000000 + number), port});
    LimitWaits();
  }
  // Of a terminal that has called: the accepted socket, which is closed in the end.
  explicit LinkClient(int accepted) : socket_(context_) {
    socket_.assign(asio::ip::tcp::v4(), accepted);
    LimitWaits();
  }

  void SendBytes(std::string_view bytes) {
    std::error_code ignored;
    asio::write(socket_, asio::buffer(bytes.data(), bytes.size()), ignored);
  }
  void Send(const Frame& frame) {
    std::string bytes;
    ASSERT_TRUE(terminal::AppendFrame(frame, bytes).ok());
    SendBytes(bytes);
  }

  // nullopt: the terminal closed the connection.
  std::optional<Frame> Receive() {
    std::array<char, 65536> buffer;
    for (;;) {
      auto frame = reader_.Next();
      if (!frame.ok()) return std::nullopt;
      if (frame->has_value()) return **frame;
      const ssize_t size = ::recv(socket_.native_handle(), buffer.data(), buffer.size(), 0);
      if (size <= 0) return std::nullopt;
      reader_.Append({buffer.data(), static_cast<std::size_t>(size)});
    }
  }
  // The next frame that is no Push; pushed IDs are gathered.
  std::optional<Frame> ReceiveReply() {
    for (;;) {
      std::optional<Frame> frame = Receive();
      if (!frame.has_value() || !frame->has_push()) return frame;
      pushed.push_back(frame->push().id());
    }
  }

  Frame Hello() {
    Frame hello;
    hello.mutable_hello()->set_protocol_version(1);
    hello.mutable_hello()->set_nonce(std::string(terminal::kNonceSize, 'g'));
    Send(hello);
    return ReceiveReply().value_or(Frame());
  }
  Frame Authenticate(const std::string& key, const std::string& terminal_nonce) {
    Frame authenticate;
    std::string proof;
    if (!key.empty()) {
      proof = terminal::KeyProof(key, terminal::Role::kGateway, terminal::Role::kGateway,
                                 std::string(terminal::kNonceSize, 'g'), terminal_nonce);
    }
    authenticate.mutable_authenticate()->set_proof(proof);
    Send(authenticate);
    return ReceiveReply().value_or(Frame());
  }
  // Up to the point where requests are taken.
  terminal::v1::LogStatus Open() {
    const Frame hello = Hello();
    EXPECT_TRUE(hello.has_hello_reply()) << hello.ShortDebugString();
    const Frame reply = Authenticate("", hello.hello_reply().nonce());
    EXPECT_TRUE(reply.has_authenticate_reply()) << reply.ShortDebugString();
    return reply.authenticate_reply().log_status();
  }

  Frame Ask(Frame request) {
    request.set_request_id(++last_request_);
    Send(request);
    return ReceiveReply().value_or(Frame());
  }
  Frame Arm() {
    Frame request;
    request.mutable_arm_pushes();
    return Ask(request);
  }
  Frame Clear(std::uint32_t expected_last_id) {
    Frame request;
    request.mutable_clear_log()->set_expected_last_id(expected_last_id);
    return Ask(request);
  }
  static Frame ReadLog(std::uint32_t request_id, std::uint32_t from, std::uint32_t max,
                       std::uint32_t credit) {
    Frame request;
    request.set_request_id(request_id);
    request.mutable_read_log()->set_from_id(from);
    request.mutable_read_log()->set_max_records(max);
    request.mutable_read_log()->set_credit(credit);
    return request;
  }
  static Frame Credit(std::uint32_t request_id, std::uint32_t chunks) {
    Frame request;
    request.set_request_id(request_id);
    request.mutable_credit()->set_chunks(chunks);
    return request;
  }
  static Frame KeepAlive() {
    Frame request;
    request.mutable_keep_alive();
    return request;
  }
  // Sends a call in parts of so many bytes; the whole answer, or the frame that came instead.
  struct Outcome {
    Frame last;
    std::string response;
    int parts = 0;
  };
  Outcome Call(const std::string& method, const std::string& request,
               std::size_t part_size = kCallPartBytesMax) {
    const std::uint32_t id = ++last_request_;
    std::size_t sent = 0;
    do {
      Frame part;
      part.set_request_id(id);
      if (sent == 0) part.mutable_call()->set_method(method);
      part.mutable_call()->set_request(request.substr(sent, part_size));
      sent += part_size;
      part.mutable_call()->set_more(sent < request.size());
      Send(part);
    } while (sent < request.size());
    Outcome outcome;
    do {
      outcome.last = ReceiveReply().value_or(Frame());
      outcome.response += outcome.last.answer().response();
      ++outcome.parts;
      if (outcome.last.has_answer()) {
        EXPECT_EQ(outcome.last.request_id(), id);
      }
    } while (outcome.last.answer().more());
    return outcome;
  }
  // A whole page, with credit for one chunk at a time.
  std::vector<EventLog> ReadAll(std::uint32_t from, std::uint32_t max = kReadRecordsMax) {
    std::vector<EventLog> events;
    const std::uint32_t request = ++last_request_;
    Send(ReadLog(request, from, max, 1));
    for (;;) {
      const std::optional<Frame> frame = ReceiveReply();
      if (!frame.has_value() || !frame->has_log_chunk()) {
        ADD_FAILURE() << "no chunk: " << (frame.has_value() ? frame->ShortDebugString() : "closed");
        return events;
      }
      for (const std::string& record : frame->log_chunk().records()) {
        events.emplace_back();
        EXPECT_TRUE(events.back().ParseFromString(record));
      }
      if (frame->log_chunk().has_last()) return events;
      Send(Credit(request, 1));
    }
  }

  std::vector<std::uint32_t> pushed;

 private:
  void LimitWaits() {
    const timeval limit{10, 0};
    ::setsockopt(socket_.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  }

  asio::io_context context_;
  asio::ip::tcp::socket socket_;
  terminal::FrameReader reader_;
  std::uint32_t last_request_ = 100;
};

}  // namespace gatelog::sim
