#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

namespace gatelog::bench {

// A server that a workload needs. It ends with the object, and with the process, however that ends.
// What goes wrong ends the program. One thread.
class ChildProcess {
 public:
  // The program is looked for as a shell does, and among the system's servers.
  explicit ChildProcess(std::vector<std::string> command);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  // Waits for a line of its output, or of its messages, that has the text, and returns it.
  std::string WaitForLine(std::string_view text);

 private:
  const std::string name_;
  pid_t child_ = 0;
  int output_ = -1;
  std::string unread_;
};

}  // namespace gatelog::bench
