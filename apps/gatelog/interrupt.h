#pragma once

#include <grpcpp/client_context.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>

namespace gatelog::cli {

// Ctrl-C and SIGTERM. While nobody watches for them they end the program at once with
// kInterruptedExitCode; otherwise they cancel the running calls, end waiting, and whoever watches
// finishes in order. A second one ends at once, unless it comes within kSameInterrupt: wrappers
// pass on what the terminal has sent already. Make one, before any other thread is started.
class Interrupt {
 public:
  static constexpr int kInterruptedExitCode = 130;
  static constexpr std::chrono::seconds kSameInterrupt{1};

  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  bool requested() const { return requested_; }
  // Waits; true as soon as an interrupt has come.
  bool WaitFor(std::chrono::milliseconds time);

  // Promises that requested() is looked at soon.
  class Watch {
   public:
    explicit Watch(Interrupt& interrupt) : interrupt_(interrupt) { ++interrupt_.watchers_; }
    ~Watch() { --interrupt_.watchers_; }
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

   private:
    Interrupt& interrupt_;
  };

  // A call that an interrupt cancels.
  class Call {
   public:
    Call(Interrupt& interrupt, grpc::ClientContext& context);
    ~Call();
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

   private:
    Interrupt& interrupt_;
    grpc::ClientContext& context_;
    Watch watch_;
  };

 private:
  void Run();
  void OnSignal();

  std::atomic<bool> requested_ = false;
  std::atomic<bool> stopping_ = false;
  std::atomic<int> watchers_ = 0;
  std::chrono::steady_clock::time_point requested_at_;  // the signal thread's own
  // Plain standard types: a condition variable needs the lock itself.
  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<grpc::ClientContext*> calls_;  // by mutex_
  std::thread thread_;
};

}  // namespace gatelog::cli
