#include "apps/gatelog/interrupt.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

namespace gatelog::cli {
namespace {

sigset_t HandledSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  return signals;
}

}  // namespace

Interrupt::Interrupt() {
  const sigset_t signals = HandledSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  thread_ = std::thread([this] { Run(); });
}

Interrupt::~Interrupt() {
  stopping_ = true;
  pthread_kill(thread_.native_handle(), SIGTERM);
  thread_.join();
}

bool Interrupt::WaitFor(std::chrono::milliseconds time) {
  const Watch watch(*this);
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, time, [this] { return requested_.load(); });
}

Interrupt::Call::Call(Interrupt& interrupt, grpc::ClientContext& context)
    : interrupt_(interrupt), context_(context), watch_(interrupt) {
  const std::lock_guard lock(interrupt_.mutex_);
  interrupt_.calls_.insert(&context_);
  if (interrupt_.requested_) context_.TryCancel();
}

Interrupt::Call::~Call() {
  const std::lock_guard lock(interrupt_.mutex_);
  interrupt_.calls_.erase(&context_);
}

void Interrupt::Run() {
  const sigset_t signals = HandledSignals();
  while (true) {
    int signal = 0;
    if (sigwait(&signals, &signal) != 0) continue;
    if (stopping_) return;
    OnSignal();
  }
}

void Interrupt::OnSignal() {
  const auto now = std::chrono::steady_clock::now();
  if (watchers_ == 0) _exit(kInterruptedExitCode);
  if (requested_) {
    if (now - requested_at_ > kSameInterrupt) _exit(kInterruptedExitCode);
    return;
  }
  requested_at_ = now;
  const std::lock_guard lock(mutex_);
  requested_ = true;
  for (grpc::ClientContext* call : calls_) call->TryCancel();
  changed_.notify_all();
}

}  // namespace gatelog::cli
