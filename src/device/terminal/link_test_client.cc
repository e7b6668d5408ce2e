#include "device/terminal/link_test_client.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace gatelog::terminal {

void RecordingObserver::OnPush(model::EventId id, std::string_view payload) {
  Note(absl::StrCat("push ", id, " of ", payload.size(), " bytes"));
}

void RecordingObserver::OnStatus(const model::LogStatus& status, Timestamp device_time) {
  Note(absl::StrCat("status ", status.first, "-", status.last, " generation ", status.generation,
                    " at ", device_time.time_since_epoch().count()));
}

void RecordingObserver::OnLost(const absl::Status& reason) {
  const std::lock_guard lock(mutex_);
  lost_ = reason;
  lines_.push_back("lost");
  changed_.notify_all();
}

void RecordingObserver::Note(std::string line) {
  const std::lock_guard lock(mutex_);
  lines_.push_back(std::move(line));
  changed_.notify_all();
}

std::vector<std::string> RecordingObserver::lines() const {
  const std::lock_guard lock(mutex_);
  return lines_;
}

bool RecordingObserver::WaitForLines(std::size_t count) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, std::chrono::seconds(10),
                           [this, count] { return lines_.size() >= count; });
}

absl::Status RecordingObserver::lost() const {
  const std::lock_guard lock(mutex_);
  return lost_;
}

LinkTestClient::LinkTestClient(TerminalOptions options, TerminalDialer::Security security)
    : dialer_(loop_.context(), std::move(options), std::move(security)) {
  loop_.Start();
}

LinkTestClient::~LinkTestClient() {
  loop_.RunAndWait([this] {
    attempt_.reset();
    link_.reset();
  });
  loop_.Stop();
}

void LinkTestClient::Dial(const ports::DeviceAddress& address) {
  loop_.RunAndWait([this, address] {
    auto keep = [this, reply = dialed_.Reply()](
                    absl::StatusOr<std::unique_ptr<ports::DeviceLink>> link) mutable {
      EXPECT_FALSE(dialing_) << "the reply came from inside Dial";
      if (link.ok()) link_ = *std::move(link);
      reply(link.status());
    };
    dialing_ = true;
    attempt_ = dialer_.Dial(address, observer, std::move(keep));
    dialing_ = false;
  });
}

absl::Status LinkTestClient::WaitForLink() {
  return dialed_.Wait().value_or(absl::UnknownError("no answer to Dial"));
}

void LinkTestClient::GiveUpDialing() {
  loop_.RunAndWait([this] { attempt_.reset(); });
}

void LinkTestClient::OnLoop(absl::AnyInvocable<void(ports::DeviceLink&)> work) {
  loop_.RunAndWait([this, &work] { work(*link_); });
}

void LinkTestClient::DestroyLink() {
  loop_.RunAndWait([this] { link_.reset(); });
}

}  // namespace gatelog::terminal
