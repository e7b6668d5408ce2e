#include "apps/gatelogd/options.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "apps/gatelogd/version.h"

namespace gatelog::gatelogd {
namespace {

constexpr const char* kFooter =
    "Works without flags on one machine. Every key of the configuration can also be set in the "
    "environment,\n"
    "GATELOG_GRPC_ADDRESS for grpc.address; flags win over the environment, and that over the "
    "file.\n\n"
    "  gatelogd --data-dir /srv/gatelog\n"
    "  gatelogd --print-config > gatelog.toml\n";

}  // namespace

Invocation ParseCommandLine(int argc, char** argv) {
  std::string file;
  std::string data_dir;
  std::string grpc;
  std::string http;
  std::string log_level;
  std::string store;
  bool print_config = false;
  CLI::App app(
      "gatelogd keeps the link to every terminal, stores each of their events exactly once and "
      "serves them.");
  app.footer(kFooter);
  app.set_version_flag("--version", std::string("gatelogd ") + kVersion);
  app.add_option("--config", file, "Configuration file, TOML (default: none)")->type_name("FILE");
  app.add_option("--data-dir", data_dir,
                 "Folder of the store and the certificates (default: $XDG_DATA_HOME/gatelog, else "
                 "~/.local/share/gatelog)")
      ->type_name("DIR");
  app.add_option("--store", store,
                 "Store in a PostgreSQL database, postgresql://USER@HOST/DATABASE (default: SQLite "
                 "in the data directory)")
      ->type_name("URL");
  app.add_option("--grpc", grpc, "Where gRPC clients connect (default: 127.0.0.1:4000)")
      ->type_name("HOST:PORT");
  app.add_option("--http", http,
                 "Where /metrics, /healthz and /readyz are served (default: 127.0.0.1:8080)")
      ->type_name("HOST:PORT");
  app.add_option("--log-level", log_level, "trace, debug, info, warn or error (default: info)")
      ->type_name("LEVEL");
  app.add_flag("--print-config", print_config,
               "Print a configuration file with every key and its default");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const bool asked = error.get_exit_code() == 0;
    app.exit(error);
    return {std::nullopt, asked ? 0 : kExitUsage};
  }
  if (print_config) {
    std::fputs(config::AnnotatedSample().c_str(), stdout);
    return {std::nullopt, 0};
  }
  absl::StatusOr<config::Config> config =
      config::Load(file, [](const char* name) -> const char* { return std::getenv(name); });
  if (!config.ok()) {
    std::fprintf(stderr, "gatelogd: %s\n", std::string(config.status().message()).c_str());
    return {std::nullopt, kExitUsage};
  }
  if (!data_dir.empty()) config->data_dir = data_dir;
  if (!store.empty()) config->store_url = store;
  if (!grpc.empty()) config->grpc_address = grpc;
  if (!http.empty()) config->http_address = http;
  if (!log_level.empty()) config->log_level = log_level;
  return {*std::move(config), 0};
}

}  // namespace gatelog::gatelogd
