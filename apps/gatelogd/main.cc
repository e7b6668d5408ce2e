#include <google/protobuf/stubs/logging.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <string>

#include "apps/gatelogd/gateway.h"
#include "apps/gatelogd/options.h"
#include "base/log.h"

namespace {

// Blocks the signals that end the daemon, in this thread and all that it starts, so that one place
// waits for them.
sigset_t BlockEndingSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  return signals;
}

// Each device costs a descriptor.
void RaiseDescriptorLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace gatelog;
  const gatelogd::Invocation invocation = gatelogd::ParseCommandLine(argc, argv);
  if (!invocation.config) return invocation.exit_code;

  // Devices send texts that are not UTF-8; they must not fill the log. What matters of it is told
  // by whoever reads them.
  google::protobuf::SetLogHandler(nullptr);
  for (const std::string& name : config::UnknownVariables(environ)) {
    std::fprintf(stderr,
                 "gatelogd: The environment variable %s is no key of the configuration and is "
                 "ignored; 'gatelogd --print-config' shows the keys.\n",
                 name.c_str());
  }
  const sigset_t signals = BlockEndingSignals();
  RaiseDescriptorLimit();
  auto gateway = gatelogd::Gateway::Start(*invocation.config);
  if (!gateway.ok()) {
    std::fprintf(stderr, "gatelogd: %s\n", std::string(gateway.status().message()).c_str());
    return gateway.status().code() == absl::StatusCode::kInvalidArgument ? gatelogd::kExitUsage
                                                                         : gatelogd::kExitFailed;
  }
  std::printf("gatelogd: ready grpc=%s http=%s ca=%s\n", (*gateway)->grpc_address().c_str(),
              (*gateway)->http_address().c_str(), (*gateway)->ca_file().c_str());
  std::fflush(stdout);

  int signal = 0;
  sigwait(&signals, &signal);
  LogInfo("Stopping.", {{"signal", signal}});
  gateway->reset();
  LogInfo("Stopped.");
  return 0;
}
