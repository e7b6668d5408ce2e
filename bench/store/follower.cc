#include "bench/store/follower.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "gatelog/v1/events.grpc.pb.h"

namespace gatelog::bench {
namespace {

[[noreturn]] void Fail(const std::string& what) {
  std::fprintf(stderr, "Following a gateway: %s\n", what.c_str());
  std::exit(1);
}

std::string GatewayProgram() {
  return std::filesystem::canonical("/proc/self/exe").parent_path().parent_path() / "bin/gatelogd";
}

// The word behind `name` in the line by which the gateway says that it is ready.
std::string WordAfter(const std::string& line, const std::string& name) {
  const std::size_t begin = line.find(name);
  if (begin == std::string::npos) Fail("the gateway does not say where it is.");
  const std::size_t from = begin + name.size();
  return line.substr(from, line.find(' ', from) - from);
}

}  // namespace

Follower::Follower(const std::string& data_directory)
    : gateway_({GatewayProgram(), "--data-dir", data_directory, "--grpc", "127.0.0.1:0", "--http",
                "127.0.0.1:0"}) {
  const std::string ready = gateway_.WaitForLine("gatelogd: ready ");
  std::ifstream file(WordAfter(ready, "ca="));
  grpc::SslCredentialsOptions tls;
  tls.pem_root_certs.assign(std::istreambuf_iterator<char>(file), {});
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  channel_ =
      grpc::CreateCustomChannel(WordAfter(ready, "grpc="), grpc::SslCredentials(tls), arguments);
}

double Follower::Follow(std::uint64_t events) {
  const auto stub = v1::Events::NewStub(channel_);
  grpc::ClientContext context;
  const auto start = std::chrono::steady_clock::now();
  const auto stream = stub->Follow(&context, v1::FollowRequest());
  v1::FollowResponse batch;  // the same for all, so that its memory is used again
  std::uint64_t due = 1;
  while (due <= events) {
    if (!stream->Read(&batch)) Fail(stream->Finish().error_message());
    for (const v1::StoredEvent& event : batch.events()) {
      if (event.seq() != due++) Fail("an event is missing, or comes twice.");
    }
  }
  const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start;
  context.TryCancel();
  return passed.count();
}

}  // namespace gatelog::bench
