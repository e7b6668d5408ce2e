#include "apps/gatelog/time_zones.h"

#include <filesystem>
#include <string_view>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "apps/gatelog/escape.h"
#include "apps/gatelog/failure.h"

namespace gatelog::cli {
namespace {

constexpr char kLocal[] = "localtime";  // what the machine's own zone is called in $TZ

std::string NameInPath(const std::string& path) {
  constexpr std::string_view kZones = "zoneinfo/";
  const std::size_t at = path.rfind(kZones);
  return at == std::string::npos ? "" : path.substr(at + kZones.size());
}

}  // namespace

absl::StatusOr<absl::TimeZone> ParseZone(const std::string& name) {
  absl::TimeZone zone;
  const bool is_name = !name.empty() && name[0] != '/' && name[0] != ':';
  if (is_name && absl::LoadTimeZone(name, &zone)) return zone;
  return UsageError(absl::StrCat("There is no time zone '", name,
                                 "' here. Use an IANA name such as Europe/Berlin; the package "
                                 "tzdata has them."));
}

absl::StatusOr<NamedZone> LocalZone(const char* chosen) {
  std::string_view name = chosen == nullptr ? kLocal : chosen;
  if (name.starts_with(':')) name.remove_prefix(1);
  if (name.empty()) return NamedZone{absl::UTCTimeZone(), "UTC"};
  if (name == kLocal) {
    std::error_code error;
    const auto target = std::filesystem::read_symlink("/etc/localtime", error);
    return NamedZone{absl::LocalTimeZone(), NameInPath(target.string())};
  }
  NamedZone zone;
  if (!absl::LoadTimeZone(std::string(name), &zone.zone)) {
    return UsageError(absl::StrCat("TZ is set to '", EscapeText(name),
                                   "', which is no time zone that is known here. Choose one with "
                                   "--zone Europe/Berlin, or --utc."));
  }
  zone.name = name[0] == '/' ? NameInPath(std::string(name)) : std::string(name);
  return zone;
}

std::string FormatWithOffset(absl::Time time, absl::TimeZone zone) {
  return absl::FormatTime("%Y-%m-%d%ET%H:%M:%S%Ez", time, zone);
}

}  // namespace gatelog::cli
