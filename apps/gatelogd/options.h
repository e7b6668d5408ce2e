#pragma once

#include <optional>

#include "config/config.h"

namespace gatelog::gatelogd {

// What the command line asks for: a configuration to run with, or an exit code because everything
// is said already (help, the version, the sample configuration, or an error in one sentence on
// stderr).
struct Invocation {
  std::optional<config::Config> config;
  int exit_code = 0;
};

inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;

Invocation ParseCommandLine(int argc, char** argv);

}  // namespace gatelog::gatelogd
