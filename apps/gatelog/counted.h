#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "apps/gatelog/output.h"

namespace gatelog::cli {

// "1 record", "1,234 records"; nouns whose plural is an s.
inline std::string Counted(std::uint64_t count, const char* noun) {
  return absl::StrCat(FormatCount(count), " ", noun, count == 1 ? "" : "s");
}

}  // namespace gatelog::cli
