#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <atomic>
#include <memory>
#include <stop_token>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "api/rpc/grpc_status.h"
#include "base/executor.h"
#include "base/happens_before.h"

namespace gatelog::api {

// The sentences of calls and streams that the gateway cuts short.
inline constexpr char kStoppingMessage[] = "The gateway is stopping.";
inline constexpr char kDroppedMessage[] =
    "The link to the device was ended, or the gateway is stopping.";

namespace internal {

// One unary call. Keeps itself alive until gRPC is done with it.
template <typename Response>
class UnaryReactor final : public grpc::ServerUnaryReactor,
                           public std::enable_shared_from_this<UnaryReactor<Response>> {
 public:
  explicit UnaryReactor(Response* response) : response_(response) {}

  void KeepAlive() {
    self_ = this->shared_from_this();
    happens_before::Release(this);
  }
  bool finished() const { return finished_; }
  std::stop_token stop_token() const { return stop_.get_token(); }

  void FinishOnce(grpc::Status status) {
    if (!finished_.exchange(true)) Finish(std::move(status));
  }
  void ReplyOnce(Response response) {
    if (finished_.exchange(true)) return;
    *response_ = std::move(response);  // gRPC's until Finish, which only this thread may call now
    Finish(grpc::Status::OK);
  }

  // By the client, or because its deadline has passed or the server stops: whoever still works for
  // the call finds it finished.
  void OnCancel() override {
    happens_before::Acquire(this);
    FinishOnce({grpc::StatusCode::CANCELLED, "The call was cancelled."});
    stop_.request_stop();
    happens_before::Release(this);
  }
  void OnDone() override {
    happens_before::Acquire(this);
    auto last = std::move(self_);
  }

 private:
  Response* const response_;
  std::atomic<bool> finished_ = false;
  std::stop_source stop_;
  std::shared_ptr<UnaryReactor> self_;
};

}  // namespace internal

// The right to answer one unary call, exactly once: by Reply, by Finish, or, when it is destroyed
// unanswered because the gateway stops, by UNAVAILABLE. An answer after the client's cancel is
// dropped. Any thread, one at a time.
template <typename Response>
class UnaryCall {
 public:
  explicit UnaryCall(std::shared_ptr<internal::UnaryReactor<Response>> reactor)
      : reactor_(std::move(reactor)) {}
  UnaryCall(UnaryCall&& other) noexcept = default;
  UnaryCall& operator=(UnaryCall&&) = delete;
  ~UnaryCall() {
    if (reactor_) reactor_->FinishOnce({grpc::StatusCode::UNAVAILABLE, kDroppedMessage});
  }

  void Reply(Response response) {
    std::exchange(reactor_, nullptr)->ReplyOnce(std::move(response));
  }
  void Finish(grpc::Status status) {
    std::exchange(reactor_, nullptr)->FinishOnce(std::move(status));
  }
  void Finish(const absl::Status& status) { Finish(ToGrpcStatus(status)); }

  // OK with an empty response, or the error.
  void ReplyEmpty(const absl::Status& status) { status.ok() ? Reply(Response()) : Finish(status); }

  // Nobody waits for the answer any more.
  bool cancelled() const { return reactor_ == nullptr || reactor_->finished(); }
  // Requested as soon as nobody waits. Of a call that is not answered yet.
  std::stop_token stop_token() const { return reactor_->stop_token(); }

 private:
  std::shared_ptr<internal::UnaryReactor<Response>> reactor_;
};

// Answers from where it is: `work(UnaryCall<Response>)` runs at once, on gRPC's thread, and must
// not block.
template <typename Response, typename Work>
grpc::ServerUnaryReactor* StartCall(Response* response, Work work) {
  auto reactor = std::make_shared<internal::UnaryReactor<Response>>(response);
  reactor->KeepAlive();
  // gRPC keeps the reactor until OnDone, which cannot come before the method has returned it.
  internal::UnaryReactor<Response>* bare = reactor.get();
  work(UnaryCall<Response>(std::move(reactor)));
  return bare;
}

// Answers from the executor: `work(const Request&, UnaryCall<Response>)` runs on it, with a copy of
// the request, which gRPC frees as soon as the client cancels.
template <typename Request, typename Response, typename Work>
grpc::ServerUnaryReactor* StartCallOn(Executor& executor, const Request& request,
                                      Response* response, Work work) {
  return StartCall(response, [&](UnaryCall<Response> call) {
    executor.Post([request, call = std::move(call), work = std::move(work)]() mutable {
      if (!call.cancelled()) work(request, std::move(call));
    });
  });
}

}  // namespace gatelog::api
