#pragma once

#include <string>
#include <utility>
#include <vector>

#include "apps/gatelog/session.h"

namespace gatelog::cli {

// What a verb did or found, as data in the session's format, which is not the table; `csv` as in
// Layout.
absl::Status ShowObject(Session& session, const Json& json,
                        std::vector<std::pair<std::string, std::string>> csv);

// Verbs of the noun "store", each in a file of its own name.
void AddStoreVerify(CLI::App& noun, Session& session);
void AddStoreForget(CLI::App& noun, Session& session);
void AddStorePrune(CLI::App& noun, Session& session);

}  // namespace gatelog::cli
