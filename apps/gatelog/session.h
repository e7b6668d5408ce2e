#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "apps/gatelog/connection.h"
#include "apps/gatelog/interrupt.h"
#include "apps/gatelog/output.h"
#include "apps/gatelog/time_zones.h"

namespace gatelog::cli {

// What every command works with: the global options, the gateway, and where words and data go. One
// thread.
class Session {
 public:
  Session(Interrupt& interrupt, Sink& out) : interrupt_(interrupt), out_(out) {}

  // Set by the global options.
  ConnectionOptions connection_options;
  std::string format_text = "table";
  bool utc = false;
  std::string zone_text;  // IANA name
  bool yes = false;

  // The command that was named.
  std::function<absl::Status()> run;

  // Completes what the options say; before anything below.
  absl::Status Prepare();

  // Connects on first use.
  absl::StatusOr<Connection*> gateway();
  Interrupt& interrupt() { return interrupt_; }
  Sink& out() { return out_; }
  Format format() const { return format_; }
  // Of the times that are shown and typed: --zone, --utc, or the local one.
  const absl::TimeZone& zone() const { return zone_.zone; }
  // The zone's IANA name, which the gateway knows it by as well; an error if the local one has none
  // that can be told.
  absl::StatusOr<std::string> zone_name() const;
  // The zone with a name for people: where the local one has none that can be told, what it calls
  // itself.
  NamedZone named_zone() const;
  // A heading of times: "TIME", or "TIME (UTC)" where a zone was chosen.
  std::string TimeTitle(const std::string& title) const;

  // A writer for records that are all known, and one for records that come one by one.
  RecordWriter Writer(Layout layout);
  RecordWriter LiveWriter(Layout layout);

  // A sentence for the person, on standard error.
  void Say(std::string_view sentence) const;
  // Asks before something that cannot be undone. OK: yes. Without a terminal and --yes: kExitUsage.
  absl::Status Confirm(std::string_view question) const;

 private:
  Interrupt& interrupt_;
  Sink& out_;
  Format format_ = Format::kTable;
  bool colour_ = false;
  NamedZone zone_;  // without a name if the local one's cannot be told
  std::unique_ptr<Connection> connection_;
};

// Each adds one noun and its verbs.
void AddDeviceCommands(CLI::App& app, Session& session);
void AddLogCommands(CLI::App& app, Session& session);
void AddImageCommands(CLI::App& app, Session& session);
void AddEventCommands(CLI::App& app, Session& session);
void AddGapCommands(CLI::App& app, Session& session);
void AddStoreCommands(CLI::App& app, Session& session);
void AddCodeCommands(CLI::App& app, Session& session);

// A verb with examples at the end of its help.
CLI::App* AddVerb(CLI::App& noun, const std::string& name, const std::string& description,
                  const std::string& examples);

}  // namespace gatelog::cli
