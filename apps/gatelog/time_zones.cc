#include "apps/gatelog/time_zones.h"

#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "apps/gatelog/failure.h"

namespace gatelog::cli {

absl::StatusOr<absl::TimeZone> ParseZone(const std::string& name) {
  absl::TimeZone zone;
  const bool is_name = !name.empty() && name[0] != '/' && name[0] != ':';
  if (is_name && absl::LoadTimeZone(name, &zone)) return zone;
  return UsageError(absl::StrCat("There is no time zone '", name,
                                 "' here. Use an IANA name such as Europe/Berlin; the package "
                                 "tzdata has them."));
}

std::string LocalZoneName() {
  if (const char* const chosen = std::getenv("TZ"); chosen != nullptr) {
    std::string_view name = chosen;
    if (name.starts_with(':')) name.remove_prefix(1);
    if (name.empty()) return "UTC";
    absl::TimeZone zone;
    if (name[0] != '/' && absl::LoadTimeZone(std::string(name), &zone)) return std::string(name);
  }
  constexpr std::string_view kZones = "zoneinfo/";
  std::error_code error;
  const std::string target = std::filesystem::read_symlink("/etc/localtime", error).string();
  const std::size_t at = target.rfind(kZones);
  return at == std::string::npos ? "" : target.substr(at + kZones.size());
}

std::string FormatWithOffset(absl::Time time, absl::TimeZone zone) {
  return absl::FormatTime("%Y-%m-%d%ET%H:%M:%S%Ez", time, zone);
}

}  // namespace gatelog::cli
