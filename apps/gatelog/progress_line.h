#pragma once

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

namespace gatelog::cli {

// One line on the terminal that is written over; nothing where nobody watches.
class ProgressLineOnTerminal {
 public:
  ~ProgressLineOnTerminal() { Clear(); }

  void Show(const std::string& text) {
    constexpr std::chrono::milliseconds kBetween{200};
    const auto now = std::chrono::steady_clock::now();
    if (!terminal_ || now - shown_at_ < kBetween) return;
    shown_at_ = now;
    shown_ = true;
    std::cerr << "\r\x1b[K" << text << std::flush;
  }
  void ShowShare(const std::string& what, double done) {
    Show(absl::StrCat(what, " ", std::clamp(static_cast<int>(done * 100), 0, 100), "%"));
  }
  void Clear() {
    if (std::exchange(shown_, false)) std::cerr << "\r\x1b[K" << std::flush;
  }

 private:
  const bool terminal_ = isatty(STDERR_FILENO) != 0;
  bool shown_ = false;
  std::chrono::steady_clock::time_point shown_at_;
};

}  // namespace gatelog::cli
