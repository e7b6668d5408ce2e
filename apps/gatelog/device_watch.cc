#include "apps/gatelog/device_watch.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "apps/gatelog/failure.h"
#include "apps/gatelog/progress.h"
#include "apps/gatelog/proto_json.h"
#include "base/status_macros.h"

namespace gatelog::cli {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Clock = std::chrono::steady_clock;

constexpr milliseconds kReadInterval(500);
constexpr seconds kPlainInterval(5);
// A device that has just connected has not yet said what its log holds: no lag then means nothing.
constexpr seconds kUnknownLogPatience(3);
constexpr std::size_t kDefaultWidth = 100;
constexpr std::size_t kDefaultHeight = 24;

struct Size {
  std::size_t width = kDefaultWidth;
  std::size_t height = kDefaultHeight;
};

Size TerminalSize() {
  winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return {};
  return {size.ws_col, size.ws_row};
}

// Progress on standard error: redrawn in place on a terminal, else lines when there is something to
// say.
class ProgressView {
 public:
  explicit ProgressView(Session& session)
      : session_(session), terminal_(isatty(STDERR_FILENO) != 0) {}

  void Show(const std::vector<v1::Device>& devices, bool last) {
    const auto now = Clock::now();
    for (const v1::Device& device : devices) rates_.Read(device, now);
    if (terminal_) {
      Redraw(devices);
    } else if (last || !shown_at_ || now - *shown_at_ >= kPlainInterval) {
      shown_at_ = now;
      for (const std::string& line :
           ProgressLines(devices, rates_, kDefaultWidth, devices.size() + 1)) {
        session_.Say(line);
      }
    }
  }

 private:
  void Redraw(const std::vector<v1::Device>& devices) {
    const Size size = TerminalSize();
    const auto lines =
        ProgressLines(devices, rates_, size.width - 1, std::max<std::size_t>(size.height, 3) - 1);
    std::string text;
    if (drawn_ > 0) absl::StrAppend(&text, "\x1b[", drawn_, "A");
    for (const std::string& line : lines) absl::StrAppend(&text, "\r", line, "\x1b[K\n");
    text += "\x1b[J";
    drawn_ = lines.size();
    // Nothing is lost when progress cannot be shown.
    const absl::Status ignored = FileSink(STDERR_FILENO).Write(text);
  }

  Session& session_;
  const bool terminal_;
  RateMeter rates_;
  std::size_t drawn_ = 0;
  std::optional<Clock::time_point> shown_at_;
};

// Whether a device is done, also when its log has stayed unknown for a while: then it is empty.
class StoredCheck {
 public:
  bool AllStored(const std::vector<v1::Device>& devices) {
    const auto now = Clock::now();
    return std::ranges::count_if(devices, [&](const v1::Device& device) {
             return Stored(device, now);
           }) == static_cast<std::ptrdiff_t>(devices.size());
  }

 private:
  bool Stored(const v1::Device& device, Clock::time_point now) {
    if (!IsStored(device)) {
      unknown_since_.erase(device.device_id());
      return false;
    }
    if (!device.collected() || device.last_id() != 0) return true;
    const auto since = unknown_since_.try_emplace(device.device_id(), now).first->second;
    return now - since >= kUnknownLogPatience;
  }

  std::map<std::uint32_t, Clock::time_point> unknown_since_;
};

// Devices that differ from the last reading, as data on standard output.
class ChangeWriter {
 public:
  explicit ChangeWriter(Session& session)
      : writer_(session.LiveWriter({{}, FieldColumns(*v1::Device::descriptor())})) {}

  absl::Status Write(const std::vector<v1::Device>& devices) {
    for (const v1::Device& device : devices) {
      // A clock is measured again and again, which is no news.
      v1::Device news = device;
      news.clear_clock_drift();
      std::string bytes = news.SerializeAsString();
      std::string& last = last_[device.device_id()];
      if (bytes == last) continue;
      last = std::move(bytes);
      GATELOG_RETURN_IF_ERROR(writer_.Add({{}, ToJson(device)}));
    }
    return absl::OkStatus();
  }

 private:
  RecordWriter writer_;
  std::map<std::uint32_t, std::string> last_;
};

}  // namespace

absl::Status WatchDevices(Session& session, bool until_stored) {
  GATELOG_ASSIGN_OR_RETURN(Connection * gateway, session.gateway());
  const Interrupt::Watch watch(session.interrupt());
  ProgressView view(session);
  StoredCheck check;
  ChangeWriter changes(session);
  do {
    const auto response =
        gateway->Call(gateway->devices(), &v1::Devices::Stub::List, v1::ListRequest());
    if (session.interrupt().requested()) return absl::OkStatus();
    if (!response.ok()) return response.status();
    const std::vector<v1::Device> devices(response->devices().begin(), response->devices().end());
    if (devices.empty()) {
      return Failed("The gateway has no devices yet. Add one: gatelog device add ADDRESS.");
    }
    const bool done = until_stored && check.AllStored(devices);
    if (session.format() == Format::kTable) {
      view.Show(devices, done);
    } else {
      GATELOG_RETURN_IF_ERROR(changes.Write(devices));
    }
    if (done) return absl::OkStatus();
  } while (!session.interrupt().WaitFor(kReadInterval));
  return absl::OkStatus();
}

}  // namespace gatelog::cli
