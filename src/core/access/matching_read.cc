// LogAccess::ReadMatching: out of the store, or off the device.

#include <optional>
#include <utility>

#include "core/access/log_access.h"
#include "core/access/stored_log.h"
#include "core/collector/log_record.h"
#include "core/fleet/sure_reply.h"
#include "model/anchor.h"
#include "model/event.h"

namespace gatelog::core {
namespace {

constexpr std::uint32_t kShown = 1;  // record asked for to recognise the log by

// Whether the page, read from the newest stored record on, shows that the device holds this record
// and the log is the same.
bool IsSameLog(const StoredLog& stored, const ports::LogPage& page) {
  return !page.empty() && page[0].id == stored.newest.id &&
         page.status.generation == stored.generation &&
         model::SameRecord(stored.newest, AnchorOf(page[0]));
}

std::vector<std::string> Select(const ports::LogPage& page,
                                const std::vector<RecordFilter>& filters) {
  std::vector<std::string> selected;
  for (std::size_t i = 0; i < page.size(); ++i) {
    const absl::StatusOr<model::Event> event = model::ParseEvent(page[i].payload);
    if (event.ok() && MatchesAny(filters, *event)) selected.emplace_back(page[i].payload);
  }
  return selected;
}

}  // namespace

struct LogAccess::MatchingRead {
  model::DeviceId device;
  model::EventId from;
  std::optional<std::size_t> left;  // nothing: no bound
  std::vector<RecordFilter> filters;
  std::stop_token stop;
  OnRecords on_records;
  ports::Reply<absl::Status> done;
  std::unique_ptr<StoredLogReader> stored = nullptr;
  bool more_on_device = false;  // than was stored when the read began

  // Hands records over; whether to go on.
  bool Give(std::vector<std::string> records) {
    if (left && records.size() > *left) records.resize(*left);
    if (left) *left -= records.size();
    if (!records.empty() && !on_records(records)) return false;
    return left != 0 && !stop.stop_requested();
  }
};

void LogAccess::ReadMatching(model::DeviceId device, model::EventId from, std::uint32_t max,
                             std::vector<RecordFilter> filters, std::stop_token stop,
                             OnRecords on_records, ports::Reply<absl::Status> done) {
  auto read = std::make_shared<MatchingRead>(MatchingRead{
      device, from, max == 0 ? std::nullopt : std::optional<std::size_t>(max), std::move(filters),
      std::move(stop), std::move(on_records), std::move(done), nullptr});
  const absl::StatusOr<ports::DeviceLink*> link = fleet_.Link(device);
  const std::optional<StoredLog> stored = fleet_.FindStored(device);
  if (!link.ok() || !stored) return ReadFromDevice(std::move(read));
  using Page = absl::StatusOr<ports::LogPage>;
  ports::Reply<Page> on_page = [this, read, stored = *stored](Page page) {
    if (!page.ok()) return read->done(page.status());
    ReadFromStore(read, stored, *page);
  };
  (*link)->ReadLog(stored->newest.id, kShown, Timely(device, std::move(on_page)));
}

void LogAccess::ReadFromStore(std::shared_ptr<MatchingRead> read, const StoredLog& stored,
                              const ports::LogPage& shown) {
  // Records of an older epoch may still be on the device.
  const bool one_epoch = shown.status.first >= stored.epoch_first;
  if (!IsSameLog(stored, shown) || !one_epoch) return ReadFromDevice(std::move(read));
  read->more_on_device = shown.status.last > stored.newest.id;
  read->stored = std::make_unique<StoredLogReader>(read->device, stored.epoch, shown.status.first,
                                                   stored.newest.id, read->from, read->filters);
  NextStored(std::move(read));
}

void LogAccess::NextStored(std::shared_ptr<MatchingRead> read) {
  if (read->stored->done()) {
    ++answered_from_store_;
    if (!read->more_on_device) return read->done(absl::OkStatus());
    read->from = read->stored->next_id();
    return ReadFromDevice(std::move(read));
  }
  reader_.Post([this, read = std::move(read)](ports::EventStore& store) mutable {
    auto records = read->stored->Next(store, read->stop);
    loop_.Post([this, read = std::move(read), records = std::move(records)]() mutable {
      OnStored(std::move(read), std::move(records));
    });
  });
}

void LogAccess::OnStored(std::shared_ptr<MatchingRead> read,
                         absl::StatusOr<std::vector<std::string>> records) {
  if (!records.ok()) {
    if (read->stop.stop_requested()) return read->done(records.status());
    read->from = read->stored->next_id();
    return ReadFromDevice(std::move(read));
  }
  if (read->Give(*std::move(records))) return NextStored(std::move(read));
  ++answered_from_store_;
  read->done(absl::OkStatus());
}

void LogAccess::ReadFromDevice(std::shared_ptr<MatchingRead> read) {
  // The device is asked for everything: how far to read shows only on the way.
  constexpr std::uint32_t kAll = 0;
  const model::DeviceId device = read->device;
  const model::EventId from = read->from;
  ReadLog(
      device, from, kAll,
      [read](ports::LogPage& page) { return read->Give(Select(page, read->filters)); },
      [read](absl::Status status) { read->done(std::move(status)); });
}

}  // namespace gatelog::core
