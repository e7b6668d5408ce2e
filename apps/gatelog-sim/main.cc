#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/signal_set.hpp>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "apps/gatelog-sim/caller.h"
#include "apps/gatelog-sim/control_service.h"
#include "apps/gatelog-sim/fleet.h"
#include "apps/gatelog-sim/listener.h"
#include "apps/gatelog-sim/options.h"
#include "apps/gatelog-sim/search_answers.h"
#include "apps/gatelog-sim/services/terminal_services.h"
#include "base/log.h"

namespace gatelog::sim {
namespace {

constexpr int kFailure = 1;

// While the past is written nobody is connected, and the file bears to be left at any moment.
void LeaveAtOnce(int) { std::_Exit(0); }

int Fail(const absl::Status& status) {
  std::cerr << "gatelog-sim: " << std::string(status.message()) << "\n";
  return kFailure;
}

std::string AddressOf(const Terminal& terminal, std::uint16_t port) {
  const std::uint32_t number = terminal.settings().number;
  return absl::StrCat("127.", number >> 16, ".", number >> 8 & 0xFF, ".", number & 0xFF, ":", port);
}

// Ends the loop once the control service has answered the calls that are open, for which it needs
// the loop.
std::thread StopLoopAfter(ControlServer& control, asio::io_context& context) {
  return std::thread([&] {
    control.Stop();
    asio::post(context, [&] { context.stop(); });
  });
}

void PrintReady(const Options& options, const Fleet& fleet, const Listener& listener,
                const ControlServer& control) {
  std::cout << "gatelog-sim: ready devices=" << options.devices
            << " first=" << AddressOf(*fleet.terminals().front(), listener.port())
            << " last=" << AddressOf(*fleet.terminals().back(), listener.port())
            << " control=" << options.control_host << ":" << control.port() << std::endl;
}

// Without it the terminals work all the same.
void AnswerSearches(const Options& options, SearchAnswers& answers) {
  if (options.search_port == 0) return;
  if (const absl::Status status = answers.Listen(options.search_port); !status.ok()) {
    std::cerr << "gatelog-sim: " << std::string(status.message()) << "\n";
  }
}

int Run(const Options& options) {
  SetLogLevel(options.verbose ? LogLevel::kDebug : LogLevel::kInfo);
  RaiseFileLimit();
  asio::io_context context(1);
  const auto work = asio::make_work_guard(context);
  Fleet fleet(context, options, MakeTerminalServices);
  // The ports first: who is told late that one is taken has waited for the past in vain.
  const auto listener = Listener::Open(context, options.port, fleet);
  if (!listener.ok()) return Fail(listener.status());
  const auto control =
      ControlServer::Start(context, fleet, options.control_host, options.control_port);
  if (!control.ok()) return Fail(control.status());
  Caller caller(context, fleet, options.seed);
  SearchAnswers answers(context, fleet, (*listener)->port(), options.seed);
  std::signal(SIGINT, LeaveAtOnce);
  std::signal(SIGTERM, LeaveAtOnce);
  absl::Status status = fleet.Open();
  if (status.ok()) status = (*listener)->Start();
  asio::signal_set signals(context);
  std::thread stopper;
  if (status.ok()) {
    signals.add(SIGINT);
    signals.add(SIGTERM);
    signals.async_wait([&](const std::error_code& error, int) {
      if (error) return;
      fleet.Stop();
      (*listener)->Stop();
      caller.Stop();
      answers.Stop();
      stopper = StopLoopAfter(**control, context);
    });
    fleet.Start();
    caller.Start();
    AnswerSearches(options, answers);
    PrintReady(options, fleet, **listener, **control);
  } else {
    stopper = StopLoopAfter(**control, context);
  }
  context.run();
  stopper.join();
  return status.ok() ? 0 : Fail(status);
}

}  // namespace
}  // namespace gatelog::sim

int main(int argc, char** argv) {
  // What goes wrong is said once and in a sentence of ours; who wants gRPC's own lines sets the
  // variable.
  ::setenv("GRPC_VERBOSITY", "NONE", 0);
  const gatelog::sim::ParsedOptions parsed = gatelog::sim::ParseOptions(argc, argv);
  if (!parsed.options.has_value()) return parsed.exit_code;
  return gatelog::sim::Run(*parsed.options);
}
