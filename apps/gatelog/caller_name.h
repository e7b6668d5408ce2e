#pragma once

#include <string>

namespace gatelog::cli {

// Who runs this command, as far as this machine knows: "anna@gatehouse".
std::string CallerName();

}  // namespace gatelog::cli
