#include "tests/support/fake_terminals.h"

#include <algorithm>
#include <utility>

#include "tests/support/records.h"

namespace gatelog::testing {

using Terminal = FakeTerminals::Terminal;

class FakeLink final : public ports::DeviceLink {
 public:
  FakeLink(TimedExecutor& loop, Terminal& terminal, ports::DeviceLinkObserver& observer)
      : loop_(loop), terminal_(terminal), observer_(observer) {
    terminal_.link = this;
  }
  ~FakeLink() override { terminal_.link = nullptr; }

  const model::DeviceIdentity& identity() const override { return terminal_.identity; }

  void ArmPushes(ports::Reply<absl::StatusOr<model::LogStatus>> reply) override {
    armed_ = true;
    Answer(std::move(reply), Status());
  }

  void ReadLog(model::EventId from, std::uint32_t max,
               ports::Reply<absl::StatusOr<ports::LogPage>> reply) override {
    terminal_.largest_read = std::max(terminal_.largest_read, max);
    if (terminal_.reads_fail) {
      return Answer(std::move(reply), absl::InternalError("the flash is worn out"));
    }
    ports::LogPage page;
    for (auto record = terminal_.log.lower_bound(from);
         record != terminal_.log.end() && page.size() < max; ++record) {
      page.Append(record->first, record->second);
    }
    page.status = Status();
    Answer(std::move(reply), std::move(page));
  }

  void ReadImages(model::EventId from, std::uint32_t max,
                  ports::Reply<absl::StatusOr<std::vector<std::string>>> reply) override {
    if (!terminal_.images_answered) {
      unanswered_.emplace_back([reply = std::move(reply)] {});
      return;
    }
    std::vector<std::string> images;
    for (const std::string& image : terminal_.images) {
      if (model::ParseEventId(image) >= from && images.size() < max) images.push_back(image);
    }
    Answer(std::move(reply), std::move(images));
  }

  void ClearLog(model::EventId expected_last,
                ports::Reply<absl::StatusOr<model::LogStatus>> reply) override {
    if (expected_last != terminal_.last) {
      return Answer(std::move(reply), absl::FailedPreconditionError("the log went on"));
    }
    terminal_.log.clear();
    terminal_.images.clear();
    Answer(std::move(reply), Status());
  }

  void GetImageFilters(ports::Reply<absl::StatusOr<std::vector<std::string>>> reply) override {
    Answer(std::move(reply), terminal_.image_filters);
  }

  void SetImageFilters(std::vector<std::string> filters,
                       ports::Reply<absl::Status> reply) override {
    if (!terminal_.identity.image_logs) {
      return Answer(std::move(reply), absl::UnimplementedError("the device records no images"));
    }
    terminal_.image_filters = std::move(filters);
    Answer(std::move(reply), absl::OkStatus());
  }

  void Relink(const ports::Relinking& how,
              ports::Reply<absl::StatusOr<std::string>> reply) override {
    terminal_.relinked.push_back(how);
    const bool tls = how.to == ports::Relinking::To::kTls;
    Answer(std::move(reply), std::string(tls ? "certificate" : ""));
  }

  void Call(std::string_view method, std::string request,
            ports::Reply<absl::StatusOr<std::string>> reply) override {
    terminal_.calls.emplace_back(method);
    absl::StatusOr<std::string> response = absl::UnimplementedError("the terminal cannot do this");
    if (terminal_.service) response = terminal_.service(method, request);
    Answer(std::move(reply), std::move(response));
  }

  void Push(model::EventId id) {
    if (armed_) observer_.OnPush(id, terminal_.log.at(id));
  }
  void KeepAlive(Timestamp device_time) { observer_.OnStatus(Status(), device_time); }
  void Lose() { observer_.OnLost(absl::UnavailableError("the link broke")); }

 private:
  model::LogStatus Status() const {
    return {.first = terminal_.log.empty() ? 0 : terminal_.log.begin()->first,
            .last = terminal_.last,
            .generation = terminal_.generation};
  }

  // Later, and only if the link is still there.
  template <typename T, typename Value>
  void Answer(ports::Reply<T> reply, Value value) {
    if (!terminal_.answers) {
      unanswered_.emplace_back([reply = std::move(reply)] {});
      return;
    }
    loop_.Post([alive = std::weak_ptr<int>(alive_), reply = std::move(reply),
                value = std::move(value)]() mutable {
      if (alive.lock()) reply(std::move(value));
    });
  }

  TimedExecutor& loop_;
  Terminal& terminal_;
  ports::DeviceLinkObserver& observer_;
  bool armed_ = false;
  std::vector<Task> unanswered_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

Terminal& FakeTerminals::Add(model::DeviceId id) {
  auto terminal = std::make_unique<Terminal>();
  terminal->identity.id = id;
  terminal->identity.model_name = "Fake";
  terminal->identity.firmware_version = "1.0";
  terminal->identity.type = 0x0A;
  return *(terminals_[id] = std::move(terminal));
}

void FakeTerminals::Record(model::DeviceId id, model::Event event) {
  Terminal& terminal = at(id);
  event.id = ++terminal.last;
  if (event.device == 0) event.device = id;
  terminal.log[event.id] = Encoded(event).payload;
  if (terminal.link != nullptr) terminal.link->Push(event.id);
}

void FakeTerminals::ShowImage(model::DeviceId id, const model::Event& event) {
  std::vector<std::string>& images = at(id).images;
  const auto after = std::find_if(images.begin(), images.end(), [&](const std::string& image) {
    return model::ParseEventId(image) > event.id;
  });
  images.insert(after, EncodedImageOf(event));
}

void FakeTerminals::KeepAlive(model::DeviceId id, Timestamp device_time) {
  if (FakeLink* link = at(id).link) link->KeepAlive(device_time);
}

void FakeTerminals::Lose(model::DeviceId id) {
  if (FakeLink* link = at(id).link) link->Lose();
}

absl::Status FakeTerminals::Call(model::DeviceId id, ports::CallGate& gate, const std::string& host,
                                 bool tls) {
  Terminal& terminal = at(id);
  const ports::Caller caller{.identity = terminal.identity, .host = host, .tls = tls};
  if (absl::Status checked = gate.Check(caller).status(); !checked.ok()) return checked;
  gate.OnCalled(caller, [this, &terminal](ports::DeviceLinkObserver& observer) {
    return std::make_unique<FakeLink>(loop_, terminal, observer);
  });
  return absl::OkStatus();
}

ports::DeviceAddress FakeTerminals::AddressOf(model::DeviceId id) {
  ports::DeviceAddress address;
  address.host = "terminal-" + std::to_string(id);
  return address;
}

std::unique_ptr<ports::DeviceDialer::Attempt> FakeTerminals::Dial(
    const ports::DeviceAddress& address, ports::DeviceLinkObserver& observer,
    ports::Reply<absl::StatusOr<std::unique_ptr<ports::DeviceLink>>> reply) {
  class FakeAttempt final : public Attempt {
   public:
    std::shared_ptr<int> alive = std::make_shared<int>(0);
  };
  auto attempt = std::make_unique<FakeAttempt>();
  loop_.Post([this, address, &observer, alive = std::weak_ptr<int>(attempt->alive),
              reply = std::move(reply)]() mutable {
    if (!alive.lock()) return;
    for (auto& [id, terminal] : terminals_) {
      if (AddressOf(id).host != address.host || !terminal->reachable || terminal->link != nullptr)
        continue;
      if (!terminal->dials_answered) return;
      reply(std::make_unique<FakeLink>(loop_, *terminal, observer));
      return;
    }
    reply(absl::UnavailableError("nobody answers there"));
  });
  return attempt;
}

}  // namespace gatelog::testing
