#include "api/rpc/relayed_call.h"

#include <string_view>

namespace gatelog::api {
namespace {

// Headers that belong to one connection, which gRPC writes anew, as it does all that begin with
// "grpc-"; among these is the trailer with the details of a status.
constexpr std::string_view kOwnHeaders[] = {"te", "user-agent", "content-type", "host",
                                            "accept-encoding"};

std::string_view View(const grpc::string_ref& text) { return {text.data(), text.size()}; }
std::string Text(const grpc::string_ref& text) { return {text.data(), text.size()}; }

bool IsOwnHeader(std::string_view key) {
  if (key.starts_with(':') || key.starts_with("grpc-")) return true;
  for (const std::string_view own : kOwnHeaders) {
    if (key == own) return true;
  }
  return false;
}

}  // namespace

grpc::ServerGenericBidiReactor* RelayedCall::Start(grpc::GenericStub& stub, const std::string& path,
                                                   grpc::GenericCallbackServerContext& context) {
  auto* call = new RelayedCall(context);
  call->CopyMetadata();
  stub.PrepareBidiStreamingCall(&call->far_context_, path, grpc::StubOptions(), &call->far_);
  call->far_.AddHold();
  call->Hand();
  // In process, a response that is not awaited when the status is sent is lost.
  call->far_.StartRead(&call->response_);
  call->near_.StartRead(&call->request_);
  // From here on the call may end, but not before gRPC has been given the reactor.
  grpc::ServerGenericBidiReactor* near_end = &call->near_;
  call->Hand();
  call->far_.StartCall();
  return near_end;
}

void RelayedCall::CopyMetadata() {
  far_context_.set_deadline(near_context_.deadline());
  for (const auto& [key, value] : near_context_.client_metadata()) {
    if (!IsOwnHeader(View(key))) far_context_.AddMetadata(Text(key), Text(value));
  }
}

void RelayedCall::Cancel() {
  far_context_.TryCancel();
  Hand();
}

void RelayedCall::OnRequest(bool ok) {
  Hand();
  {
    MutexLock lock(mutex_);
    if (responses_ended_) return;  // nobody hears it any more
    ++uses_;
  }
  Hand();
  ok ? far_.StartWrite(&request_) : far_.StartWritesDone();
}

void RelayedCall::OnRequestWritten(bool ok) {
  request_.Clear();
  Hand();
  if (ok) near_.StartRead(&request_);
  Release();
}

void RelayedCall::OnHeaders(bool ok) {
  if (!ok) return;  // nor does the read succeed
  for (const auto& [key, value] : far_context_.GetServerInitialMetadata()) {
    if (!IsOwnHeader(View(key))) near_context_.AddInitialMetadata(Text(key), Text(value));
  }
  Hand();
  near_.StartSendInitialMetadata();  // a stream's headers say that it is in place
  bool waiting = false;
  {
    MutexLock lock(mutex_);
    headers_passed_ = true;
    waiting = response_waits_;
  }
  Hand();
  if (waiting) near_.StartWrite(&response_);
}

void RelayedCall::OnResponse(bool ok) {
  if (!ok) return EndResponses();
  {
    MutexLock lock(mutex_);
    response_waits_ = !headers_passed_;
    Hand();
    if (response_waits_) return;
  }
  near_.StartWrite(&response_);
}

void RelayedCall::OnResponseWritten(bool ok) {
  response_.Clear();
  Hand();
  if (ok) return far_.StartRead(&response_);
  far_context_.TryCancel();
  EndResponses();
}

void RelayedCall::EndResponses() {
  {
    MutexLock lock(mutex_);
    responses_ended_ = true;
  }
  Release();
}

void RelayedCall::Release() {
  {
    MutexLock lock(mutex_);
    Hand();
    if (--uses_ > 0) return;
  }
  Hand();
  far_.RemoveHold();
}

void RelayedCall::OnFarDone(const grpc::Status& status) {
  for (const auto& [key, value] : far_context_.GetServerTrailingMetadata()) {
    if (!IsOwnHeader(View(key))) near_context_.AddTrailingMetadata(Text(key), Text(value));
  }
  Hand();
  near_.Finish(status);  // the last thing: the call may be gone when it returns
}

}  // namespace gatelog::api
