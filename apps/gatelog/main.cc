// gatelog: the command line of the gateway.

#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "apps/gatelog/escape.h"
#include "apps/gatelog/failure.h"
#include "apps/gatelog/session.h"
#include "base/status_macros.h"

namespace gatelog::cli {
namespace {

constexpr char kFooter[] =
    "Examples:\n"
    "  gatelog device add 192.168.1.20        collect a device's log from now on\n"
    "  gatelog device watch                   see it being stored\n"
    "  gatelog event tail -f                  follow events as they are stored\n"
    "  gatelog event query --code denied --since today\n"
    "  gatelog gap list                       what is missing, and why\n"
    "  gatelog store backup FILE              a whole copy of what is stored\n"
    "  gatelog store verify                   is what is stored what was committed?\n"
    "\n'gatelog NOUN VERB --help' has more. Exit codes: 0 done, 1 the call failed, 2 wrong usage,\n"
    "3 the gateway cannot be reached.\n";

void AddGlobalOptions(CLI::App& app, Session& session) {
  ConnectionOptions& connection = session.connection_options;
  app.add_option("--gateway", connection.gateway, "the gateway's address")
      ->type_name("HOST:PORT")
      ->envname("GATELOG_GATEWAY")
      ->capture_default_str();
  app.add_option("--ca", connection.ca_file,
                 "certificate of the CA that the gateway is checked with (default: found on the "
                 "gateway's own host)")
      ->type_name("FILE")
      ->envname("GATELOG_CA");
  app.add_option("-o,--output", session.format_text,
                 "a table for people; one JSON text, JSON lines or CSV for programs")
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"table", "json", "jsonl", "csv"}))
      ->capture_default_str();
  app.add_option("--timeout", connection.timeout_s,
                 absl::StrCat("how long to wait for an answer, 1 to ", kTimeoutMax_s, " seconds"))
      ->type_name("SECONDS")
      ->check(CLI::Range(1, kTimeoutMax_s).description(""))
      ->capture_default_str();
  app.add_option(
         "--zone", session.zone_text,
         "read and show times in this zone, such as Europe/Berlin (default: this machine's)")
      ->type_name("ZONE");
  app.add_flag("--utc", session.utc, "read and show times in UTC");
  app.add_flag("-y,--yes", session.yes, "do not ask before something that cannot be undone");
}

// CLI11 would take -1 for the largest number there is.
void RefuseNegative(CLI::App& command) {
  const CLI::Validator check(
      [](const std::string& text) {
        return text.starts_with('-') ? text + " is negative" : std::string();
      },
      "");
  for (CLI::Option* option : command.get_options()) {
    if (option->get_type_name() == "UINT") option->check(check);
  }
}

// The help says what is meant, not what the program keeps it in.
void NameTypes(CLI::App& command) {
  for (CLI::Option* option : command.get_options()) {
    if (option->get_positional()) {
      option->type_name("");
    } else if (option->get_type_name() == "UINT") {
      option->type_name("NUMBER");
    }
  }
}

// What holds for all nouns and verbs below `app`, whose full name is `name`.
void Complete(CLI::App& app, const std::string& name) {
  for (CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    const std::string full_name = name + " " + command->get_name();
    RefuseNegative(*command);
    NameTypes(*command);
    Complete(*command, full_name);
    if (command->get_subcommands([](const CLI::App*) { return true; }).empty()) continue;
    command->footer("'" + full_name +
                    " VERB --help' has examples, 'gatelog --help' the options of every command.");
  }
}

void AddCommands(CLI::App& app, Session& session) {
  app.require_subcommand(1);
  app.fallthrough();  // global options may stand anywhere
  AddDeviceCommands(app, session);
  AddEventCommands(app, session);
  AddLogCommands(app, session);
  AddImageCommands(app, session);
  AddGapCommands(app, session);
  AddStoreCommands(app, session);
  AddCodeCommands(app, session);
  Complete(app, "gatelog");
}

// The noun or verb that was named last.
const CLI::App& Named(const CLI::App& app) {
  const CLI::App* named = &app;
  while (!named->get_subcommands().empty()) named = named->get_subcommands().front();
  return *named;
}

// A noun without its verb: what there is helps more than the complaint. One that does not exist is
// named.
int ExplainMissing(const CLI::App& app, const CLI::RequiredError& error) {
  const CLI::App& named = Named(app);
  if (named.get_subcommands([](const CLI::App*) { return true; }).empty()) {
    app.exit(error);
    return kExitUsage;
  }
  const std::vector<std::string> unknown = app.remaining(true);
  if (unknown.empty()) {
    std::cerr << app.help();
    return kExitUsage;
  }
  const std::string name = &named == &app ? "gatelog" : "gatelog " + named.get_name();
  std::vector<std::string> known;
  for (const CLI::App* command : named.get_subcommands([](const CLI::App*) { return true; })) {
    known.push_back(command->get_name());
  }
  std::cerr << "'" << EscapeText(unknown.front()) << "' is no command of '" << name
            << "', which knows " << absl::StrJoin(known, ", ") << ".\n";
  return kExitUsage;
}

absl::Status RunCommand(Session& session) {
  GATELOG_RETURN_IF_ERROR(session.Prepare());
  return session.run();
}

int Main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);             // writing reports it
  setenv("GRPC_VERBOSITY", "NONE", 0);  // errors are told in our own words
  Interrupt interrupt;
  FileSink out(STDOUT_FILENO);
  Session session(interrupt, out);
  CLI::App app("The command line of gatelog, the event-log gateway", "gatelog");
  app.set_version_flag("--version", "gatelog " GATELOG_VERSION);
  app.footer(kFooter);
  AddGlobalOptions(app, session);
  AddCommands(app, session);
  try {
    app.parse(argc, argv);
  } catch (const CLI::RequiredError& error) {
    return ExplainMissing(app, error);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitOk : kExitUsage;
  }
  const absl::Status status = RunCommand(session);
  if (!status.ok() && !status.message().empty()) session.Say(std::string(status.message()));
  return ExitCodeOf(status);
}

}  // namespace
}  // namespace gatelog::cli

int main(int argc, char** argv) { return gatelog::cli::Main(argc, argv); }
