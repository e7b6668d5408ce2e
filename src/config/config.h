#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace gatelog::config {

// Everything that can be set, with its defaults. config.cc has the one table that names, limits and
// describes each.
struct Config {
  std::string data_dir;
  std::string grpc_address = "127.0.0.1:4000";
  bool grpc_plaintext = false;
  std::string http_address = "127.0.0.1:8080";
  std::string log_level = "info";
  bool device_collect = true;
  bool device_report_attempts = false;
  std::chrono::milliseconds device_connect_timeout{10'000};
  std::chrono::milliseconds device_request_timeout{20'000};
  std::chrono::milliseconds device_keep_alive{10'000};
  std::chrono::milliseconds device_reconnect_min{500};
  std::chrono::milliseconds device_reconnect_max{30'000};
  std::uint32_t device_page_records = 8'192;
  std::uint32_t device_images_per_read = 16;
  std::uint32_t device_image_reads = 64;
  std::chrono::milliseconds device_clock_drift_max{60'000};
  std::string device_listen = "127.0.0.1:51212";
  std::string device_listen_tls = "127.0.0.1:51213";
  std::uint32_t device_search_port = 51210;
  std::uint32_t metrics_devices_max = 1'000;
  std::string store_url;
  std::uint32_t store_readers = 4;
  std::uint32_t store_cache_mib = 64;
  std::uint32_t retention_events_days = 0;
  std::uint32_t retention_images_days = 0;
  std::uint32_t retention_people_days = 0;
  std::chrono::milliseconds seal_interval{60'000};
  std::string seal_key_file;
  std::string seal_heads_file;
  bool seal_heads_syslog = false;
};

// One row of the table.
struct Setting {
  enum class Type { kText, kFlag, kNumber };

  std::string_view key;  // "grpc.address"; in the environment GATELOG_GRPC_ADDRESS
  Type type;
  std::int64_t min;  // of numbers
  std::int64_t max;
  std::string_view description;
  std::function<void(Config&, std::string_view)> set;  // a text that has been checked
  std::function<std::string(const Config&)> show;
};

const std::vector<Setting>& Settings();

// Defaults, then the TOML file (none if `file` is empty), then the environment. kInvalidArgument
// for a key that is not known, a value of another type or beyond its limits; the message names file
// or variable, key and what is allowed. kNotFound if the file is not there.
absl::StatusOr<Config> Load(const std::string& file,
                            const std::function<const char*(const char*)>& environment);

// Variables among `environment`, which is as the C library has it, that look like keys and are
// none, without their values: likely typing errors. Not those that other programs of this
// repository take, and not those that an orchestrator makes of a service called gatelog.
std::vector<std::string> UnknownVariables(const char* const* environment);

// A TOML file with every key, its default, limits and description.
std::string AnnotatedSample();

// Where the data lies when nothing is said: ~/.local/share/gatelog, or /var/lib/gatelog without a
// home.
std::string DefaultDataDir(const std::function<const char*(const char*)>& environment);

}  // namespace gatelog::config
