#include "apps/gatelog/caller_name.h"

#include <pwd.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"

namespace gatelog::cli {

std::string CallerName() {
  constexpr std::size_t kHostSizeMax = 256;
  char host[kHostSizeMax] = {};
  gethostname(host, sizeof(host) - 1);
  const passwd* entry = getpwuid(geteuid());
  const std::string name =
      entry == nullptr ? absl::StrCat("uid ", geteuid()) : std::string(entry->pw_name);
  return absl::StrCat(name, "@", host).substr(0, kHostSizeMax);
}

}  // namespace gatelog::cli
