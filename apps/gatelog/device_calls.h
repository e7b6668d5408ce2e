#pragma once

#include <CLI/CLI.hpp>

#include "apps/gatelog/session.h"

namespace gatelog::cli {

// `device accept`, `device pending` and `device search`.
void AddDeviceCallVerbs(CLI::App& noun, Session& session);

}  // namespace gatelog::cli
