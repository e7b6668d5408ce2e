#pragma once

#include <algorithm>
#include <cstdint>
#include <set>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/repeated_ptr_field.h"

// Lists of messages with an ID, as settings keep them: ordered by it, each ID once.
namespace gatelog::sim {

// Puts `added` into `list`, each in the place of one with its ID. kInvalidArgument if an ID comes
// twice in `added`, kResourceExhausted if there would be more than `max`; the list may then have
// changed. `noun` is what they are called in the plural.
template <typename Message, typename IdOf>
absl::Status Merge(const google::protobuf::RepeatedPtrField<Message>& added, int max,
                   std::string_view noun, IdOf id_of,
                   google::protobuf::RepeatedPtrField<Message>& list) {
  std::set<std::uint32_t> seen;
  for (const Message& one : added) {
    const std::uint32_t id = id_of(one);
    if (!seen.insert(id).second) {
      return absl::InvalidArgumentError(absl::StrCat("ID ", id, " comes twice in one call."));
    }
    const auto there = std::find_if(list.begin(), list.end(),
                                    [&](const Message& other) { return id_of(other) == id; });
    *(there == list.end() ? list.Add() : &*there) = one;
  }
  if (list.size() > max) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "A terminal has room for ", max, " ", std::string(noun), ", not for ", list.size(), "."));
  }
  std::sort(list.begin(), list.end(),
            [&](const Message& a, const Message& b) { return id_of(a) < id_of(b); });
  return absl::OkStatus();
}

// Takes these out of the list. kNotFound if one is not there; the list may then have changed.
template <typename Message, typename IdOf>
absl::Status Remove(const google::protobuf::RepeatedField<std::uint32_t>& ids,
                    std::string_view noun, IdOf id_of,
                    google::protobuf::RepeatedPtrField<Message>& list) {
  // An ID that is given twice is taken once.
  for (const std::uint32_t id : std::set<std::uint32_t>(ids.begin(), ids.end())) {
    const auto there = std::find_if(list.begin(), list.end(),
                                    [&](const Message& one) { return id_of(one) == id; });
    if (there == list.end()) {
      return absl::NotFoundError(
          absl::StrCat("This terminal has no ", std::string(noun), " ", id, "."));
    }
    list.erase(there);
  }
  return absl::OkStatus();
}

}  // namespace gatelog::sim
