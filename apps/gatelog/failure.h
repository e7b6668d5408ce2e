#pragma once

#include <grpcpp/support/status.h>

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace gatelog::cli {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitUnreachable = 3;

// An error whose text is a whole sentence for a person. An empty text: end without a word.
absl::Status Failed(std::string_view sentence, int exit_code = kExitFailed);
absl::Status UsageError(std::string_view sentence);
// Ended by Ctrl-C.
absl::Status Interrupted();

int ExitCodeOf(const absl::Status& status);

// What a failed call means and what to do, in one sentence or two. `gateway` is the address that
// was called.
absl::Status FromCall(const grpc::Status& status, const std::string& gateway, int timeout_s);

// The same for a connection that did not come up; `ca_file` is what the gateway was checked
// against.
absl::Status FromConnect(const std::string& error, const std::string& gateway,
                         const std::string& ca_file);

}  // namespace gatelog::cli
