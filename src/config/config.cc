#include "config/config.h"

#include <toml++/toml.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <map>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace gatelog::config {
namespace {

using std::chrono::milliseconds;
using Type = Setting::Type;

Setting Text(std::string_view key, std::string Config::*member, std::string_view description) {
  return {key,
          Type::kText,
          0,
          0,
          description,
          [member](Config& config, std::string_view text) { config.*member = std::string(text); },
          [member](const Config& config) { return absl::StrCat("\"", config.*member, "\""); }};
}

Setting Flag(std::string_view key, bool Config::*member, std::string_view description) {
  return {
      key,
      Type::kFlag,
      0,
      0,
      description,
      [member](Config& config, std::string_view text) { config.*member = text == "true"; },
      [member](const Config& config) { return std::string(config.*member ? "true" : "false"); }};
}

std::int64_t ToNumber(std::string_view text) {
  std::int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

Setting Count(std::string_view key, std::uint32_t Config::*member, std::int64_t min,
              std::int64_t max, std::string_view description) {
  return {key,
          Type::kNumber,
          min,
          max,
          description,
          [member](Config& config, std::string_view text) {
            config.*member = static_cast<std::uint32_t>(ToNumber(text));
          },
          [member](const Config& config) { return absl::StrCat(config.*member); }};
}

Setting Duration(std::string_view key, milliseconds Config::*member, std::int64_t min,
                 std::int64_t max, std::string_view description) {
  return {key,
          Type::kNumber,
          min,
          max,
          description,
          [member](Config& config, std::string_view text) {
            config.*member = milliseconds(ToNumber(text));
          },
          [member](const Config& config) { return absl::StrCat((config.*member).count()); }};
}

absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

absl::Status Apply(const Setting& setting, std::string_view text, const std::string& where,
                   Config& config) {
  switch (setting.type) {
    case Type::kText:
      break;
    case Type::kFlag:
      if (text != "true" && text != "false") {
        return absl::InvalidArgumentError(absl::StrCat(
            where, ": ", View(setting.key), " is true or false, not '", View(text), "'"));
      }
      break;
    case Type::kNumber: {
      std::int64_t number = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
      if (error != std::errc() || end != text.data() + text.size() || number < setting.min ||
          number > setting.max) {
        return absl::InvalidArgumentError(
            absl::StrCat(where, ": ", View(setting.key), " is a whole number from ", setting.min,
                         " to ", setting.max, ", not '", View(text), "'"));
      }
      break;
    }
  }
  setting.set(config, text);
  return absl::OkStatus();
}

const Setting* Find(std::string_view key) {
  const auto& settings = Settings();
  const auto it = std::find_if(settings.begin(), settings.end(),
                               [&](const Setting& setting) { return setting.key == key; });
  return it == settings.end() ? nullptr : &*it;
}

std::string ValueText(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  std::ostringstream out;
  node.visit([&](const auto& value) { out << value; });
  return out.str();
}

bool TypeFits(const Setting& setting, const toml::node& node) {
  switch (setting.type) {
    case Type::kText:
      return node.is_string();
    case Type::kFlag:
      return node.is_boolean();
    case Type::kNumber:
      return node.is_integer();
  }
  return false;
}

absl::Status ApplyTable(const toml::table& table, const std::string& prefix,
                        const std::string& file, Config& config) {
  for (const auto& [name, node] : table) {
    const std::string key = absl::StrCat(prefix, View(name.str()));
    const std::string where = absl::StrCat(file, ":", node.source().begin.line);
    if (const toml::table* nested = node.as_table()) {
      GATELOG_RETURN_IF_ERROR(ApplyTable(*nested, key + ".", file, config));
      continue;
    }
    const Setting* setting = Find(key);
    if (setting == nullptr) {
      return absl::InvalidArgumentError(absl::StrCat(
          where, ": there is no key '", key, "'; gatelogd --print-config shows all of them"));
    }
    if (!TypeFits(*setting, node)) {
      constexpr const char* kExpected[] = {"a text in quotes", "true or false", "a whole number"};
      return absl::InvalidArgumentError(
          absl::StrCat(where, ": ", key, " must be ", kExpected[static_cast<int>(setting->type)]));
    }
    GATELOG_RETURN_IF_ERROR(Apply(*setting, ValueText(node), where, config));
  }
  return absl::OkStatus();
}

std::string EnvironmentName(std::string_view key) {
  std::string name = "GATELOG_";
  for (const char c : key) {
    name += c == '.' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return name;
}

std::vector<Setting> ServingSettings() {
  return {
      Text("data_dir", &Config::data_dir,
           "Folder of the store and the certificates. Empty: ~/.local/share/gatelog, or "
           "/var/lib/gatelog without a home."),
      Text("grpc.address", &Config::grpc_address,
           "Where clients of the gRPC services connect; port 0 takes a free one."),
      Flag("grpc.plaintext", &Config::grpc_plaintext,
           "Serve gRPC without TLS. Anyone who can reach the address can read everything."),
      Text("http.address", &Config::http_address,
           "Where /metrics, /healthz and /readyz are served; port 0 takes a free one."),
      Text("log.level", &Config::log_level, "trace, debug, info, warn or error."),
      Count("metrics.devices_max", &Config::metrics_devices_max, 0, 20'000,
            "With more devices than this, /metrics has no series for each of them, only those over "
            "all."),
  };
}

std::vector<Setting> DeviceSettings() {
  return {
      Flag("device.collect", &Config::device_collect,
           "Store the logs of devices that clients link with Connect and AddAsyncConnection; "
           "'gatelog device add' says it for each."),
      Duration("device.connect_timeout_ms", &Config::device_connect_timeout, 100, 600'000,
               "How long a device may take to answer a connection."),
      Duration("device.request_timeout_ms", &Config::device_request_timeout, 100, 600'000,
               "How long a device may take to answer a request."),
      Duration("device.keep_alive_ms", &Config::device_keep_alive, 100, 600'000,
               "A link that was silent for so long is asked for a sign of life, and for its log's "
               "last ID."),
      Duration("device.reconnect_delay_ms_min", &Config::device_reconnect_min, 10, 600'000,
               "Wait before the first attempt to reconnect; doubles with each."),
      Duration("device.reconnect_delay_ms_max", &Config::device_reconnect_max, 10, 3'600'000,
               "Longest wait between attempts to reconnect."),
      Flag("device.report_attempts", &Config::device_report_attempts,
           "Tell clients of SubscribeStatus also of each attempt to connect, by the status 4 "
           "(TRY_TO_CONNECT), which clients of version 1.6 of the API do not know."),
      Count("device.page_records", &Config::device_page_records, 16, 16'384,
            "Records asked of a device in one read while its backlog is collected."),
      Count("device.images_per_read", &Config::device_images_per_read, 1, 64,
            "Images asked of a device in one read, of at most 16 KiB each."),
      Count("device.image_reads", &Config::device_image_reads, 1, 10'000,
            "Devices that give images at a time; the others wait for their turn."),
      Duration("device.clock_drift_ms_max", &Config::device_clock_drift_max, 0, 86'400'000,
               "A device whose clock is further from the gateway's than this is warned of; 0: none "
               "is."),
      Text("device.listen", &Config::device_listen,
           "Where terminals call in, HOST:PORT; those that are not on this machine need a key. "
           "Empty: nowhere."),
      Text("device.listen_tls", &Config::device_listen_tls,
           "Where terminals call in over TLS, HOST:PORT. Empty: nowhere."),
      Count("device.search_port", &Config::device_search_port, 1, 65'535,
            "UDP port where terminals answer searches."),
  };
}

std::vector<Setting> StoreSettings() {
  return {
      Text("store.url", &Config::store_url,
           "PostgreSQL database of the store, postgresql://USER@HOST:PORT/DATABASE; also as "
           "GATELOG_STORE. A password is best kept in ~/.pgpass. Empty: SQLite in the data "
           "directory."),
      Count("store.readers", &Config::store_readers, 1, 64,
            "Reads of the store that can run at once; half of them can be counts."),
      Count("store.cache_mib", &Config::store_cache_mib, 1, 65'536,
            "Page cache of a SQLite store's writer, in MiB."),
      Count("retention.events_days", &Config::retention_events_days, 0, 36'500,
            "Days that events are kept, from their arrival on, and their images with them; 0: for "
            "ever."),
      Count("retention.images_days", &Config::retention_images_days, 0, 36'500,
            "Days that images are kept, from their arrival on; 0: as long as their events."),
      Count("retention.people_days", &Config::retention_people_days, 0, 36'500,
            "Days that events tell of people, from their arrival on: user ID, temperature, card. "
            "The events stay without; images are kept no longer. 0: as long as the events."),
      Duration("seal.interval_ms", &Config::seal_interval, 1'000, 3'600'000,
               "What was committed is sealed at most this often; a power cut or a hand on the file "
               "can change what is not sealed yet."),
      Text("seal.key_file", &Config::seal_key_file,
           "Key that seals are signed with, made if it is not there; its public half lies beside "
           "it as .pub. Empty: cert/seal.key in the data directory."),
      Text("seal.heads_file", &Config::seal_heads_file,
           "File that each seal's head is appended to, best on another machine: without it, nobody "
           "can tell when who holds the key has written the store anew. Empty: none."),
      Flag("seal.heads_syslog", &Config::seal_heads_syslog,
           "Send each seal's head to the system log, which may pass it on to another machine."),
  };
}

}  // namespace

const std::vector<Setting>& Settings() {
  static const std::vector<Setting> settings = [] {
    std::vector<Setting> all = ServingSettings();
    for (const auto& more : {DeviceSettings(), StoreSettings()}) {
      all.insert(all.end(), more.begin(), more.end());
    }
    return all;
  }();
  return settings;
}

absl::StatusOr<Config> Load(const std::string& file,
                            const std::function<const char*(const char*)>& environment) {
  Config config;
  if (!file.empty()) {
    try {
      GATELOG_RETURN_IF_ERROR(ApplyTable(toml::parse_file(file), "", file, config));
    } catch (const toml::parse_error& error) {
      const auto line = error.source().begin.line;
      const std::string_view what = error.description();
      if (line == 0) {
        return absl::NotFoundError(
            absl::StrCat("the configuration ", file, " cannot be read: ", View(what)));
      }
      return absl::InvalidArgumentError(
          absl::StrCat(file, ":", line, ": this is not TOML: ", View(what)));
    }
  }
  for (const Setting& setting : Settings()) {
    const std::string name = EnvironmentName(setting.key);
    if (const char* value = environment(name.c_str()); value != nullptr) {
      GATELOG_RETURN_IF_ERROR(Apply(setting, value, name, config));
    }
  }
  // As the flag is called.
  if (const char* url = environment("GATELOG_STORE"); url != nullptr) config.store_url = url;
  if (config.data_dir.empty()) config.data_dir = DefaultDataDir(environment);
  if (config.device_reconnect_min > config.device_reconnect_max) {
    return absl::InvalidArgumentError(
        "device.reconnect_delay_ms_min is larger than device.reconnect_delay_ms_max");
  }
  return config;
}

std::vector<std::string> UnknownVariables(const char* const* environment) {
  // Of the command line, the simulator, and the tests.
  constexpr std::string_view kOthers[] = {"GATELOG_STORE",        "GATELOG_GATEWAY",
                                          "GATELOG_CA",           "GATELOG_TOKEN",
                                          "GATELOG_BUILD",        "GATELOG_NODE_MODULES",
                                          "GATELOG_BACKLOG",      "GATELOG_CRASH_SEED",
                                          "GATELOG_FAILING_DISK", "GATELOG_SIMULATION_SEEDS",
                                          "GATELOG_FOLLOW_KILLS", "GATELOG_FUZZ",
                                          "GATELOG_KILLS",        "GATELOG_MANY_DEVICES"};
  std::vector<std::string> unknown;
  for (; environment != nullptr && *environment != nullptr; ++environment) {
    const std::string_view variable(*environment);
    const std::string_view name = variable.substr(0, variable.find('='));
    const bool ours = name.starts_with("GATELOG_");
    const bool service = name.starts_with("GATELOG_SERVICE_") || name.starts_with("GATELOG_PORT");
    const bool known =
        std::any_of(std::begin(kOthers), std::end(kOthers),
                    [name](std::string_view other) { return other == name; }) ||
        std::any_of(Settings().begin(), Settings().end(), [name](const Setting& setting) {
          return EnvironmentName(setting.key) == name;
        });
    if (ours && !service && !known) unknown.emplace_back(name);
  }
  return unknown;
}

std::string AnnotatedSample() {
  const Config defaults;
  std::string sample =
      "# Every key of gatelogd with its default. Each can also be set in the environment:\n"
      "# grpc.address as GATELOG_GRPC_ADDRESS, and so on.\n";
  std::string section;
  for (const Setting& setting : Settings()) {
    const std::size_t dot = setting.key.find('.');
    const std::string_view name =
        dot == std::string_view::npos ? setting.key : setting.key.substr(dot + 1);
    const std::string_view group = dot == std::string_view::npos ? "" : setting.key.substr(0, dot);
    if (group != section) {
      section = std::string(group);
      absl::StrAppend(&sample, "\n[", section, "]\n");
    }
    absl::StrAppend(&sample, "\n# ", View(setting.description), "\n");
    if (setting.type == Type::kNumber) {
      absl::StrAppend(&sample, "# From ", setting.min, " to ", setting.max, ".\n");
    }
    absl::StrAppend(&sample, "# ", View(name), " = ", setting.show(defaults), "\n");
  }
  return sample;
}

std::string DefaultDataDir(const std::function<const char*(const char*)>& environment) {
  const char* data_home = environment("XDG_DATA_HOME");
  if (data_home != nullptr && *data_home != '\0') return absl::StrCat(data_home, "/gatelog");
  const char* home = environment("HOME");
  if (home != nullptr && *home != '\0') return absl::StrCat(home, "/.local/share/gatelog");
  return "/var/lib/gatelog";
}

}  // namespace gatelog::config
