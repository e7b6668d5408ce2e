#pragma once

#include <CLI/CLI.hpp>

#include "apps/gatelog/session.h"

namespace gatelog::cli {

// `device accept` and `device pending`: devices that call in.
void AddDeviceCallVerbs(CLI::App& noun, Session& session);

}  // namespace gatelog::cli
