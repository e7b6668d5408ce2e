#include "apps/gatelog/event_export.h"

#include <chrono>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "apps/gatelog/backup_file.h"
#include "apps/gatelog/counted.h"
#include "apps/gatelog/event_pages.h"
#include "apps/gatelog/export_view.h"
#include "apps/gatelog/failure.h"
#include "apps/gatelog/progress_line.h"
#include "base/status_macros.h"

namespace gatelog::cli {
namespace {

constexpr std::uint32_t kTnaKeyMax = 16;
constexpr std::chrono::milliseconds kRetryInterval(1'000);
constexpr std::chrono::minutes kRetryTime(10);

class NewFileSink final : public Sink {
 public:
  explicit NewFileSink(BackupFile& file) : file_(file) {}
  absl::Status Write(std::string_view text) override { return file_.Write(text); }

 private:
  BackupFile& file_;
};

// One `event export`.
class Export {
 public:
  Export(Session& session, Connection& gateway, const v1::Filter& filter,
         const ExportOptions& options, Sink& sink)
      : session_(session),
        options_(options),
        zone_(session.named_zone()),
        format_(session.format() == Format::kTable ? Format::kCsv : session.format()),
        pages_(session, gateway, filter, false, 0),
        writer_(options.punches ? PunchLayout() : ExportLayout(), {format_, false, false}, sink) {}

  // `last_seq` is the newest event's when it began: how far it is shows by that.
  absl::Status Run(std::uint64_t last_seq) {
    while (true) {
      GATELOG_ASSIGN_OR_RETURN(const v1::QueryResponse page, NextPage());
      if (page.events().empty()) break;
      for (const v1::StoredEvent& event : page.events()) GATELOG_RETURN_IF_ERROR(Add(event));
      const std::uint64_t seq = page.events(page.events_size() - 1).seq();
      line_.ShowShare(absl::StrCat("Exported ", Things(), ","),
                      last_seq == 0 ? 0 : static_cast<double>(seq) / static_cast<double>(last_seq));
    }
    line_.Clear();
    return writer_.Finish();
  }

  std::size_t count() const { return writer_.count(); }
  std::string Things() const {
    if (!options_.punches) return Counted(count(), "event");
    return absl::StrCat(FormatCount(count()), count() == 1 ? " punch" : " punches");
  }

 private:
  absl::Status Add(const v1::StoredEvent& event) {
    if (options_.punches) {
      const std::optional<Record> record = PunchRecord(event, zone_);
      return record ? writer_.Add(*record) : absl::OkStatus();
    }
    return writer_.Add(format_ == Format::kCsv ? ExportRecord(event, zone_)
                                               : ExportObject(event, zone_));
  }

  // A gateway that is away for a while is asked again.
  absl::StatusOr<v1::QueryResponse> NextPage() {
    const auto end = std::chrono::steady_clock::now() + kRetryTime;
    bool told = false;
    while (true) {
      absl::StatusOr<v1::QueryResponse> page = pages_.Next();
      const bool away = ExitCodeOf(page.status()) == kExitUnreachable && began_;
      if (session_.interrupt().requested()) return Interrupted();
      if (page.ok() || !away || std::chrono::steady_clock::now() > end) {
        began_ = began_ || page.ok();
        return page;
      }
      line_.Clear();
      if (!told) session_.Say("The gateway is away. The export goes on when it is back.");
      told = true;
      if (session_.interrupt().WaitFor(kRetryInterval)) return Interrupted();
    }
  }

  Session& session_;
  const ExportOptions& options_;
  const NamedZone zone_;
  const Format format_;
  EventPages pages_;
  RecordWriter writer_;
  ProgressLineOnTerminal line_;
  bool began_ = false;
};

absl::Status CheckOptions(const v1::Filter& filter, const ExportOptions& options) {
  if (options.tna_only && !options.punches) return UsageError("--tna-only goes with --punches.");
  const bool codes = filter.event_codes_size() > 0 || filter.code_pairs_size() > 0 ||
                     filter.categories_size() > 0 || filter.levels_size() > 0;
  if (options.punches && codes) {
    return UsageError("--punches says which events; leave out --code, --category and --level.");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ExportEvents(Session& session, v1::Filter filter, const ExportOptions& options) {
  GATELOG_RETURN_IF_ERROR(CheckOptions(filter, options));
  if (options.punches) {
    for (const std::uint32_t code : PunchCodes()) filter.add_event_codes(code);
  }
  if (options.tna_only && filter.tna_keys_size() == 0) {
    for (std::uint32_t key = 1; key <= kTnaKeyMax; ++key) filter.add_tna_keys(key);
  }
  const Interrupt::Watch watch(session.interrupt());
  GATELOG_ASSIGN_OR_RETURN(Connection * gateway, session.gateway());
  GATELOG_ASSIGN_OR_RETURN(
      const v1::GetTotalsResponse totals,
      gateway->Call(gateway->events(), &v1::Events::Stub::GetTotals, v1::GetTotalsRequest()));
  if (options.file.empty()) {
    Export whole(session, *gateway, filter, options, session.out());
    return whole.Run(totals.last_seq());
  }
  GATELOG_ASSIGN_OR_RETURN(BackupFile file, BackupFile::Make(options.file));
  NewFileSink sink(file);
  Export whole(session, *gateway, filter, options, sink);
  GATELOG_RETURN_IF_ERROR(whole.Run(totals.last_seq()));
  GATELOG_RETURN_IF_ERROR(file.Complete());
  GATELOG_RETURN_IF_ERROR(file.TakeName());
  session.Say(absl::StrCat(options.file, " holds ", whole.Things(),
                           ". It names people: keep it where only you can read it."));
  return absl::OkStatus();
}

}  // namespace gatelog::cli
