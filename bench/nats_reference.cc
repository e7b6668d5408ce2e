#include "bench/nats_reference.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "bench/child_process.h"

namespace gatelog::bench {
namespace {

constexpr std::uint64_t kMessages = 4'000'000;
constexpr std::uint64_t kAtATime = 1'000;  // in one write
// So far the publisher is ahead at most: the server drops a subscriber that is behind by more.
constexpr std::uint64_t kAheadMax = 500'000;

[[noreturn]] void Fail(const char* what) {
  std::fprintf(stderr, "The reference run of nats-server: %s\n", what);
  std::exit(1);
}

// A client of the server's text protocol.
class Session {
 public:
  explicit Session(std::uint16_t port) : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      Fail("it takes no connection.");
    }
    Send("CONNECT {\"verbose\":false,\"pedantic\":false}\r\n");
  }
  ~Session() { close(socket_); }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void Send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) Fail("it closed a connection.");
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  std::string_view Receive() {
    const ssize_t size = recv(socket_, buffer_.data(), buffer_.size(), 0);
    if (size <= 0) Fail("it closed a connection.");
    return {buffer_.data(), static_cast<std::size_t>(size)};
  }
  // Returns when the server has done everything up to here.
  void Settle() {
    Send("PING\r\n");
    std::string received;
    while (received.find("PONG\r\n") == std::string::npos) received += Receive();
  }

 private:
  const int socket_;
  std::vector<char> buffer_ = std::vector<char>(1 << 18);
};

// Takes messages out of what the server sends, as a client has to: each begins with a line that
// names its subject, subscription and size.
class MessageReader {
 public:
  // Returns how many messages ended in these bytes.
  std::uint64_t Take(std::string_view bytes) {
    std::uint64_t messages = 0;
    while (!bytes.empty()) {
      if (payload_left_ > 0) {
        const std::size_t taken = std::min(payload_left_, bytes.size());
        payload_.append(bytes.substr(0, taken));
        bytes.remove_prefix(taken);
        payload_left_ -= taken;
        if (payload_left_ > 0) break;
        if (!payload_.ends_with("\r\n")) Fail("a message does not end where it should.");
        payload_.clear();
        ++messages;
        continue;
      }
      const std::size_t end = bytes.find('\n');
      line_.append(bytes.substr(0, end));
      if (end == std::string_view::npos) break;
      bytes.remove_prefix(end + 1);
      if (line_.starts_with("MSG ")) {
        payload_left_ = std::strtoul(line_.c_str() + line_.rfind(' '), nullptr, 10) + 2;
      }
      line_.clear();
    }
    return messages;
  }

 private:
  std::string line_;
  std::string payload_;
  std::size_t payload_left_ = 0;  // with the end of the line after it
};

}  // namespace

double NatsDeliveriesPerSecond() {
  ChildProcess server({"nats-server", "-a", "127.0.0.1", "-p", "-1"});
  const std::string line = server.WaitForLine("Listening for client connections on ");
  const auto port = static_cast<std::uint16_t>(std::stoi(line.substr(line.rfind(':') + 1)));
  server.WaitForLine("Server is ready");
  const std::string payload(40, 'x');
  const std::string published = "PUB a 40\r\n" + payload + "\r\n";
  Session subscriber(port);
  subscriber.Send("SUB a 1\r\n");
  subscriber.Settle();

  std::atomic<std::uint64_t> delivered = 0;
  const auto start = std::chrono::steady_clock::now();
  std::thread publishing([&] {
    Session publisher(port);
    publisher.Settle();
    std::string some;
    for (std::uint64_t i = 0; i < kAtATime; ++i) some += published;
    for (std::uint64_t sent = 0; sent < kMessages; sent += kAtATime) {
      for (auto seen = delivered.load(); sent - std::min(sent, seen) > kAheadMax;
           seen = delivered.load()) {
        delivered.wait(seen);
      }
      publisher.Send(some);
    }
    publisher.Settle();
  });
  MessageReader reader;
  while (delivered.load() < kMessages) {
    delivered.fetch_add(reader.Take(subscriber.Receive()));
    delivered.notify_one();
  }
  const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start;
  publishing.join();
  return static_cast<double>(kMessages) / passed.count();
}

}  // namespace gatelog::bench
