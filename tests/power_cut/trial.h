#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/power_cut/life.h"
#include "tests/support/disk_model.h"

namespace gatelog::power_cut {

// What a store may hold when it is opened after a cut.
struct Allowed {
  std::vector<Contents> contents;  // one of these, or
  bool in_doubt = false;           // anything whole that holds at least this much:
  std::uint64_t last_seq = 0;
  model::Incarnation incarnation = 0;  // that was handed out in cursors; 0: none was
  bool left_open = false;              // the store was open, and the lock file says so
};

// Opens the store on what a cut has left, with the real opening path, and checks it: it opens, its
// file and its rows are whole, it holds what is allowed and nothing twice, cursors handed out
// before still lead to all that follows them, and it takes more. The first fault in words; empty:
// none.
std::string TryImage(const testing::DiskImage& image, const Allowed& allowed, std::uint64_t seed,
                     const Settings& settings);

}  // namespace gatelog::power_cut
