#include "bench/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>

namespace gatelog::bench {
namespace {

constexpr std::chrono::seconds kLineLimit{120};

[[noreturn]] void Fail(const std::string& name, const char* what) {
  std::fprintf(stderr, "%s %s\n", name.c_str(), what);
  std::exit(1);
}

}  // namespace

ChildProcess::ChildProcess(std::vector<std::string> command) : name_(command.front()) {
  std::array<int, 2> pipe{};
  if (pipe2(pipe.data(), O_CLOEXEC) != 0) Fail(name_, "cannot be started: no pipe.");
  std::vector<char*> arguments;
  for (std::string& part : command) arguments.push_back(part.data());
  arguments.push_back(nullptr);
  std::string among_servers = "/usr/sbin/" + name_;
  const pid_t parent = getpid();
  child_ = fork();
  if (child_ < 0) Fail(name_, "cannot be started: there can be no further process.");
  if (child_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    dup2(pipe[1], STDOUT_FILENO);
    dup2(pipe[1], STDERR_FILENO);
    execvp(arguments[0], arguments.data());
    execv(among_servers.c_str(), arguments.data());
    _exit(127);
  }
  close(pipe[1]);
  output_ = pipe[0];
}

ChildProcess::~ChildProcess() {
  close(output_);
  kill(child_, SIGTERM);
  waitpid(child_, nullptr, 0);
}

std::string ChildProcess::WaitForLine(std::string_view text) {
  const auto end = std::chrono::steady_clock::now() + kLineLimit;
  while (true) {
    for (std::size_t stop; (stop = unread_.find('\n')) != std::string::npos;) {
      std::string line = unread_.substr(0, stop);
      unread_.erase(0, stop + 1);
      if (line.find(text) != std::string::npos) return line;
    }
    pollfd wait{.fd = output_, .events = POLLIN, .revents = 0};
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        end - std::chrono::steady_clock::now());
    if (left.count() <= 0 || poll(&wait, 1, static_cast<int>(left.count())) <= 0) {
      Fail(name_, "was started and does not say that it is ready.");
    }
    std::array<char, 4'096> some{};
    const ssize_t size = read(output_, some.data(), some.size());
    if (size <= 0) Fail(name_, "is not installed (script/bootstrap bench), or ended by itself.");
    unread_.append(some.data(), static_cast<std::size_t>(size));
  }
}

}  // namespace gatelog::bench
