#include "apps/gatelog/session.h"

#include <unistd.h>

#include <cstdlib>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "apps/gatelog/failure.h"
#include "base/status_macros.h"

namespace gatelog::cli {
namespace {

bool WantsColour() {
  const char* no_colour = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  const bool dumb = terminal == nullptr || std::string_view(terminal) == "dumb";
  return isatty(STDOUT_FILENO) != 0 && !dumb && (no_colour == nullptr || *no_colour == '\0');
}

}  // namespace

absl::Status Session::Prepare() {
  colour_ = WantsColour();
  if (utc && !zone_text.empty()) return UsageError("Choose --utc or --zone, not both.");
  if (utc) {
    zone_ = {absl::UTCTimeZone(), "UTC"};
  } else if (zone_text.empty()) {
    GATELOG_ASSIGN_OR_RETURN(zone_, LocalZone(std::getenv("TZ")));
  } else {
    GATELOG_ASSIGN_OR_RETURN(zone_.zone, ParseZone(zone_text));
    zone_.name = zone_text;
  }
  return ParseFormat(format_text, &format_);
}

absl::StatusOr<std::string> Session::zone_name() const {
  if (!zone_.name.empty()) return zone_.name;
  return UsageError("The local zone has no name here. Add --zone or --utc.");
}

NamedZone Session::named_zone() const {
  return {zone_.zone, zone_.name.empty() ? std::string(zone_.zone.name()) : zone_.name};
}

std::string Session::TimeTitle(const std::string& title) const {
  if (utc) return title + " (UTC)";
  return zone_text.empty() ? title : title + " (" + zone_text + ")";
}

absl::StatusOr<Connection*> Session::gateway() {
  if (connection_ == nullptr) {
    GATELOG_ASSIGN_OR_RETURN(connection_, Connection::Open(connection_options, interrupt_));
  }
  return connection_.get();
}

RecordWriter Session::Writer(Layout layout) {
  return RecordWriter(std::move(layout), {format_, colour_, false}, out_);
}

RecordWriter Session::LiveWriter(Layout layout) {
  return RecordWriter(std::move(layout), {format_, colour_, true}, out_);
}

void Session::Say(std::string_view sentence) const { std::cerr << sentence << std::endl; }

absl::Status Session::Confirm(std::string_view question) const {
  if (yes) return absl::OkStatus();
  if (isatty(STDIN_FILENO) == 0) {
    return UsageError(absl::StrCat("This needs a yes. Add --yes to do it without being asked: ",
                                   absl::string_view(question.data(), question.size())));
  }
  std::cerr << question << " [y/N] " << std::flush;
  std::string answer;
  std::getline(std::cin, answer);
  if (answer == "y" || answer == "Y" || answer == "yes") return absl::OkStatus();
  return Failed("Nothing was changed.");
}

CLI::App* AddVerb(CLI::App& noun, const std::string& name, const std::string& description,
                  const std::string& examples) {
  CLI::App* verb = noun.add_subcommand(name, description);
  verb->footer(
      "Examples:\n" + examples +
      "\n'gatelog --help' has the options of every command: --gateway, -o, --zone and more.");
  return verb;
}

}  // namespace gatelog::cli
