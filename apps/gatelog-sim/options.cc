#include "apps/gatelog-sim/options.h"

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <limits>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace gatelog::sim {
namespace {

constexpr int kUsageError = 2;
constexpr std::uint32_t kCapacityMin = 100;
constexpr std::uint32_t kCapacityMax = 100'000'000;
constexpr std::uint32_t kCapacityDefault = 50'000;
constexpr std::uint32_t kHistoryMax = 10'000'000;
constexpr std::size_t kKeySizeMin = 16;  // bytes, as the terminal link has it
constexpr std::size_t kKeySizeMax = 64;
constexpr char kServerToDevice[] = "server-to-device";
constexpr char kDeviceToServer[] = "device-to-server";

std::filesystem::path DefaultDataDir() {
  if (const char* data = std::getenv("XDG_DATA_HOME"); data != nullptr && *data == '/') {
    return std::filesystem::path(data) / "gatelog-sim";
  }
  const char* home = std::getenv("HOME");
  return std::filesystem::path(home != nullptr && *home != '\0' ? home : ".") /
         ".local/share/gatelog-sim";
}

// "127.0.0.1:4100", "localhost:4100", ":4100" or "4100". Loopback only, because the control has no
// other protection.
std::string ParseControl(const std::string& text, Options& options) {
  const std::size_t colon = text.rfind(':');
  std::string host = colon == std::string::npos ? "" : text.substr(0, colon);
  std::uint32_t port = 0;
  if (!absl::SimpleAtoi(colon == std::string::npos ? text : text.substr(colon + 1), &port) ||
      port > 65535) {
    return absl::StrCat("--control ", text, " is no address; give one like 127.0.0.1:4100.");
  }
  if (host.empty() || host == "localhost") host = "127.0.0.1";
  unsigned rest = 0;
  if (std::sscanf(host.c_str(), "127.%u.%u.%u", &rest, &rest, &rest) != 3 && host != "[::1]") {
    return absl::StrCat("--control ", text, " is not on this host's loopback; use 127.0.0.1.");
  }
  options.control_host = host;
  options.control_port = static_cast<std::uint16_t>(port);
  return "";
}

// "127.0.0.1:51212", ":51212" or "51212". Loopback only, as everything that the simulator does.
std::string ParseGateway(const std::string& text, Options& options) {
  Options parsed;
  if (std::string wrong = ParseControl(text, parsed);
      !wrong.empty() || parsed.control_port == 0 || parsed.control_host == "[::1]") {
    return absl::StrCat("--gateway ", text,
                        " is no IPv4 address on this host's loopback; give one like "
                        "127.0.0.1:51212.");
  }
  options.gateway_host = parsed.control_host;
  options.gateway_port = parsed.control_port;
  return "";
}

std::string ParseKey(const std::string& text, Options& options) {
  const bool hex = absl::c_all_of(
      text, [](char c) { return absl::ascii_isxdigit(static_cast<unsigned char>(c)); });
  if (!hex || text.size() % 2 != 0 || text.size() < 2 * kKeySizeMin ||
      text.size() > 2 * kKeySizeMax) {
    return absl::StrCat("--key wants ", kKeySizeMin, " to ", kKeySizeMax,
                        " bytes as hexadecimal digits, two for each byte.");
  }
  options.key = absl::HexStringToBytes(text);
  return "";
}

// What CLI11 cannot check by itself; empty if all is well.
std::string CheckTogether(const Options& options) {
  if (!std::isfinite(options.rate)) return "--rate wants a number.";
  if (options.first_id > std::numeric_limits<std::uint32_t>::max() - options.devices) {
    return "--first-id is too high for so many devices.";
  }
  return "";
}

// How terminals and gateways find each other.
void AddLinkOptions(CLI::App& app, Options& options, std::string& mode, std::string& gateway) {
  app.add_option("--search-port", options.search_port,
                 "UDP port where gateways search for terminals; 0: they find none")
      ->capture_default_str();
  app.add_option("--mode", mode,
                 "server-to-device: terminals wait for a gateway; device-to-server: they call one")
      ->check(CLI::IsMember({kServerToDevice, kDeviceToServer}))
      ->capture_default_str();
  app.add_option("--gateway", gateway,
                 "Where terminals call in with --mode device-to-server (127.0.0.1:51212)");
}

}  // namespace

ParsedOptions ParseOptions(int argc, const char* const* argv) {
  Options options;
  options.data_dir = DefaultDataDir();
  std::string data_dir;
  std::string control;
  std::string key;
  std::string mode = kServerToDevice;
  std::string gateway;
  std::string family = "terminal";
  CLI::App app("Virtual access-control terminals: device number k answers on 127.0.0.k.",
               "gatelog-sim");
  app.footer(
      "Example: three terminals with a long past, pictures and five events a second each:\n"
      "  gatelog-sim --devices 3 --history 200000 --images --rate 5\n\n"
      "The logs survive a restart. Remove the data folder to begin anew.");
  app.add_option("--devices", options.devices, "How many terminals")
      ->check(CLI::Range(1u, kDevicesMax))
      ->capture_default_str();
  app.add_option("--first-id", options.first_id, "ID of the first; the others follow")
      ->check(CLI::Range(1u, std::numeric_limits<std::uint32_t>::max()))
      ->capture_default_str();
  app.add_option("--history", options.history, "Records that a new terminal's log begins with")
      ->check(CLI::Range(0u, kHistoryMax))
      ->capture_default_str();
  app.add_option("--rate", options.rate, "New events per second and terminal")
      ->check(CLI::Range(0.0, kRateMax))
      ->capture_default_str();
  CLI::Option* capacity = app.add_option("--capacity", options.capacity,
                                         "Records that a log holds before it overwrites the oldest "
                                         "(50000, or twice the history if that is more)")
                              ->check(CLI::Range(kCapacityMin, kCapacityMax));
  app.add_flag("--images", options.images, "Terminals have cameras and keep image logs");
  app.add_option("--data-dir", data_dir, "Folder of the logs (" + options.data_dir.string() + ")");
  app.add_option("--seed", options.seed, "Another seed is another site with other events")
      ->capture_default_str();
  app.add_option("--control", control,
                 "Loopback address of the control service; port 0 picks one (127.0.0.1:0)");
  app.add_option("--port", options.port, "TCP port of every terminal; 0 picks one")
      ->capture_default_str();
  app.add_option("--key", key,
                 "Secret shared with the gateway, 16 to 64 bytes in hexadecimal; none if absent");
  AddLinkOptions(app, options, mode, gateway);
  app.add_option("--family", family, "Kind of device: terminal")->capture_default_str();
  app.add_flag("-v,--verbose", options.verbose, "Tell of connections on standard error");
  const auto usage_error = [](const std::string& sentence) {
    std::cerr << "gatelog-sim: " << sentence << " See gatelog-sim --help.\n";
    return ParsedOptions{std::nullopt, kUsageError};
  };
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp& help) {
    return {std::nullopt, app.exit(help)};
  } catch (const CLI::ParseError& error) {
    return usage_error(std::string(error.what()) + ".");
  }
  if (family != "terminal")
    return usage_error("--family " + family + " is not simulated; only terminal is.");
  if (!data_dir.empty()) options.data_dir = data_dir;
  if (capacity->empty()) options.capacity = std::max(kCapacityDefault, 2 * options.history);
  std::string wrong = CheckTogether(options);
  if (wrong.empty() && !control.empty()) wrong = ParseControl(control, options);
  if (wrong.empty() && app.count("--key") > 0) wrong = ParseKey(key, options);
  options.calls_gateway = mode == kDeviceToServer;
  if (wrong.empty() && !gateway.empty()) wrong = ParseGateway(gateway, options);
  if (!wrong.empty()) return usage_error(wrong);
  return {options, 0};
}

}  // namespace gatelog::sim
