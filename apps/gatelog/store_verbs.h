#pragma once

#include "apps/gatelog/session.h"

namespace gatelog::cli {

// Verbs of the noun "store", each in a file of its own name.
void AddStoreVerify(CLI::App& noun, Session& session);
void AddStoreForget(CLI::App& noun, Session& session);
void AddStorePrune(CLI::App& noun, Session& session);

}  // namespace gatelog::cli
