#pragma once

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace gatelog::store {

// Numbers as a JSON array, to be bound to json_each(?).
template <typename Numbers>
std::string JsonList(const Numbers& numbers) {
  return absl::StrCat("[", absl::StrJoin(numbers, ","), "]");
}

}  // namespace gatelog::store
