#include "apps/gatelog/failure.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "apps/gatelog/escape.h"
#include "apps/gatelog/interrupt.h"

namespace gatelog::cli {
namespace {

constexpr char kExitPayload[] = "gatelog/exit";

absl::string_view Absl(std::string_view text) { return {text.data(), text.size()}; }

// The server's own words as a sentence: capital at the front, full stop at the end.
std::string Sentence(const std::string& words, std::string_view otherwise) {
  std::string text = EscapeText(words);
  if (text.empty()) text = otherwise;
  if (text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 'a' + 'A');
  if (text.back() != '.' && text.back() != '?' && text.back() != '!') text += '.';
  return text;
}

// A broken connection looks like the server's UNAVAILABLE; only the text tells them apart. gRPC's
// own begins with the sign; the server's may tell of a device's connection and have it further on.
bool IsTransportError(const grpc::Status& status) {
  // Nobody here cancels without having asked to; then the other side did.
  if (status.error_code() == grpc::StatusCode::CANCELLED) return true;
  if (status.error_code() != grpc::StatusCode::UNAVAILABLE) return false;
  const std::string message = status.error_message();
  absl::string_view text = message;
  for (const char* call : {"recvmsg:", "sendmsg:"}) absl::ConsumePrefix(&text, call);
  text = absl::StripLeadingAsciiWhitespace(text);
  for (const char* sign : {"failed to connect to all addresses", "Socket closed", "GOAWAY",
                           "Connection reset", "Broken pipe", "Endpoint closing", "keepalive",
                           "DNS resolution failed", "empty address list", "Transport closed"}) {
    if (absl::StartsWith(text, sign)) return true;
  }
  return false;
}

}  // namespace

absl::Status Failed(std::string_view sentence, int exit_code) {
  absl::Status status(absl::StatusCode::kUnknown, Absl(sentence));
  status.SetPayload(kExitPayload, absl::Cord(absl::StrCat(exit_code)));
  return status;
}

absl::Status UsageError(std::string_view sentence) { return Failed(sentence, kExitUsage); }

absl::Status Interrupted() { return Failed("", Interrupt::kInterruptedExitCode); }

int ExitCodeOf(const absl::Status& status) {
  if (status.ok() || absl::IsAborted(status)) return kExitOk;  // aborted: nobody reads any more
  if (absl::IsInvalidArgument(status)) return kExitUsage;
  int code = kExitFailed;
  const auto payload = status.GetPayload(kExitPayload);
  if (payload && !absl::SimpleAtoi(std::string(*payload), &code)) return kExitFailed;
  return code;
}

absl::Status FromCall(const grpc::Status& status, const std::string& gateway, int timeout_s) {
  if (status.ok()) return absl::OkStatus();
  if (IsTransportError(status)) {
    return Failed(absl::StrCat("The gateway at ", gateway,
                               " closed the connection. Is it being stopped? Try again."),
                  kExitUnreachable);
  }
  switch (status.error_code()) {
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      if (status.error_message() != "Deadline Exceeded") break;
      return Failed(absl::StrCat("No answer within ", timeout_s,
                                 " s. Try again, or give it longer with --timeout SECONDS."));
    case grpc::StatusCode::INVALID_ARGUMENT:
      return UsageError(Sentence(status.error_message(), "The gateway does not take that."));
    case grpc::StatusCode::UNIMPLEMENTED:
      return Failed(Sentence(status.error_message(),
                             "This gateway does not serve that call; its version may be older "
                             "than this program's ('gatelog --version')."));
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
      return Failed(Sentence(status.error_message(), "The gateway has no room for that call now."));
    case grpc::StatusCode::UNAUTHENTICATED:
    case grpc::StatusCode::PERMISSION_DENIED:
      return Failed(Sentence(status.error_message(), "The gateway does not allow that."));
    default:
      break;
  }
  return Failed(Sentence(status.error_message(),
                         absl::StrCat("The gateway refused with code ",
                                      static_cast<int>(status.error_code()), " and no reason")));
}

absl::Status FromConnect(const std::string& error, const std::string& gateway,
                         const std::string& ca_file) {
  const auto has = [&error](const char* sign) { return absl::StrContains(error, sign); };
  std::string sentence;
  if (has("certificate verify failed") || has("CERTIFICATE_VERIFY_FAILED")) {
    sentence =
        absl::StrCat("The gateway at ", gateway, " shows a certificate that ", ca_file,
                     " does not vouch for. Name its own CA file with --ca FILE or GATELOG_CA.");
  } else if (has("Hostname Verification") || has("Peer name")) {
    sentence = absl::StrCat("The certificate of the gateway is not for the name in ", gateway,
                            ". Call it by a name that is in its certificate.");
  } else if (has("wrong version number") || has("Ssl handshake failed")) {
    sentence = absl::StrCat("What answers at ", gateway,
                            " is no gateway: the TLS handshake failed. Check --gateway.");
  } else if (has("DNS resolution failed") || has("Name or service not known")) {
    sentence = absl::StrCat("The name in ", gateway, " is not known. Check --gateway.");
  } else {
    sentence = absl::StrCat("No gateway answers at ", gateway,
                            ". Start gatelogd, or name another one with --gateway.");
  }
  return Failed(sentence, kExitUnreachable);
}

}  // namespace gatelog::cli
