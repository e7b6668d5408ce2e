#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace gatelog::sim {

inline constexpr std::uint32_t kDevicesMax = 10'000;
inline constexpr double kRateMax = 1'000;  // events per second and terminal

struct Options {
  std::uint32_t devices = 4;
  std::uint32_t first_id = 541'000'001;
  std::uint32_t history = 10'000;   // records that a terminal without a log begins with
  double rate = 1;                  // events per second and terminal
  std::uint32_t capacity = 50'000;  // records that a log holds
  bool images = false;
  std::filesystem::path data_dir;
  std::uint64_t seed = 1;
  std::string control_host = "127.0.0.1";
  std::uint16_t control_port = 0;
  std::uint16_t port = 51211;
  std::uint16_t search_port = 51210;  // UDP; 0: searches get no answer
  std::string key;                    // raw bytes; empty: none
  bool calls_gateway = false;         // device to server; else the terminals wait to be called
  std::string gateway_host = "127.0.0.1";
  std::uint16_t gateway_port = 51212;
  std::uint16_t gateway_tls_port = 51213;
  bool verbose = false;
};

// The options, or the exit code when there is nothing to run: help was asked for (0), or a flag is
// wrong (2) and standard error says what.
struct ParsedOptions {
  std::optional<Options> options;
  int exit_code = 0;
};
ParsedOptions ParseOptions(int argc, const char* const* argv);

}  // namespace gatelog::sim
