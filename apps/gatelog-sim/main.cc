#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/signal_set.hpp>
#include <csignal>
#include <iostream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "apps/gatelog-sim/control_service.h"
#include "apps/gatelog-sim/fleet.h"
#include "apps/gatelog-sim/listener.h"
#include "apps/gatelog-sim/options.h"
#include "base/log.h"

namespace gatelog::sim {
namespace {

constexpr int kFailure = 1;

int Fail(const absl::Status& status) {
  std::cerr << "gatelog-sim: " << std::string(status.message()) << "\n";
  return kFailure;
}

std::string AddressOf(const Terminal& terminal, std::uint16_t port) {
  const std::uint32_t number = terminal.settings().number;
  return absl::StrCat("127.", number >> 16, ".", number >> 8 & 0xFF, ".", number & 0xFF, ":", port);
}

int Run(const Options& options) {
  SetLogLevel(options.verbose ? LogLevel::kDebug : LogLevel::kInfo);
  RaiseFileLimit();
  asio::io_context context(1);
  Fleet fleet(context, options);
  // The ports first: who is told late that one is taken has waited for the past in vain.
  auto listener = Listener::Open(context, options.port, fleet);
  if (!listener.ok()) return Fail(listener.status());
  auto control = ControlServer::Start(context, fleet, options.control_host, options.control_port);
  if (!control.ok()) return Fail(control.status());
  if (const absl::Status status = fleet.Open(); !status.ok()) {
    // Calls that came early are answered, otherwise the server would wait for them.
    std::thread stopper([&] {
      (*control)->Stop();
      asio::post(context, [&] { context.stop(); });
    });
    const auto work = asio::make_work_guard(context);
    context.run();
    stopper.join();
    return Fail(status);
  }
  asio::signal_set signals(context, SIGINT, SIGTERM);
  std::thread stopper;
  signals.async_wait([&](const std::error_code& error, int) {
    if (error) return;
    fleet.Stop();
    (*listener)->Stop();
    stopper = std::thread([&] {
      (*control)->Stop();
      asio::post(context, [&] { context.stop(); });
    });
  });
  (*listener)->Start();
  fleet.Start();
  std::cout << "gatelog-sim: ready devices=" << options.devices
            << " first=" << AddressOf(*fleet.terminals().front(), (*listener)->port())
            << " last=" << AddressOf(*fleet.terminals().back(), (*listener)->port())
            << " control=" << options.control_host << ":" << (*control)->port() << std::endl;
  const auto work = asio::make_work_guard(context);
  context.run();
  stopper.join();
  return 0;
}

}  // namespace
}  // namespace gatelog::sim

int main(int argc, char** argv) {
  const gatelog::sim::ParsedOptions parsed = gatelog::sim::ParseOptions(argc, argv);
  if (!parsed.options.has_value()) return parsed.exit_code;
  return gatelog::sim::Run(*parsed.options);
}
