#include "apps/gatelog-sim/linkage.h"

#include <google/protobuf/util/message_differencer.h>

#include <asio/ssl/context.hpp>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "apps/gatelog-sim/setting_names.h"
#include "base/status_macros.h"
#include "device/terminal/tls_context.h"

namespace gatelog::sim {
namespace {

constexpr std::uint32_t kPortMax = 65'535;

using terminal::Frame;
using terminal::v1::SetConnectionMode;

absl::Status SetMode(const SetConnectionMode& mode, const std::string& gateway_host,
                     Linkage& linkage) {
  linkage.set_calls_gateway(mode.mode() == SetConnectionMode::DEVICE_TO_SERVER);
  if (!linkage.calls_gateway()) return absl::OkStatus();
  if (mode.port() > kPortMax || mode.tls_port() > kPortMax ||
      (UsesTls(linkage) ? mode.tls_port() : mode.port()) == 0) {
    return absl::InvalidArgumentError("There is no port that the terminal could call.");
  }
  linkage.set_gateway_host(gateway_host);
  linkage.set_gateway_port(mode.port());
  linkage.set_gateway_tls_port(mode.tls_port());
  return absl::OkStatus();
}

absl::Status Expose(Linkage& linkage) {
  if (linkage.calls_gateway() && linkage.gateway_port() == 0) {
    return absl::InvalidArgumentError("There is no port that the terminal could call without TLS.");
  }
  linkage.clear_ca_certificate();
  linkage.clear_certificate();
  linkage.clear_key();
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<asio::ssl::context>> TlsOf(const Linkage& linkage) {
  return terminal::MakeTerminalTls(linkage.certificate(), linkage.key(), linkage.ca_certificate());
}

// A terminal keeps its certificate, however often it is told to use TLS.
absl::Status Secure(const Terminal& terminal, const terminal::v1::EnableTls& enable,
                    Linkage& linkage) {
  if (linkage.calls_gateway() && (enable.tls_port() == 0 || enable.tls_port() > kPortMax)) {
    return absl::InvalidArgumentError("There is no port that the terminal could call over TLS.");
  }
  if (linkage.certificate().empty()) {
    GATELOG_ASSIGN_OR_RETURN(
        const terminal::OwnCertificate own,
        terminal::MakeOwnCertificate(absl::StrCat("terminal ", terminal.id())));
    linkage.set_certificate(own.certificate);
    linkage.set_key(own.key);
  }
  linkage.set_ca_certificate(enable.ca_certificate());
  if (enable.tls_port() != 0) linkage.set_gateway_tls_port(enable.tls_port());
  if (linkage.ca_certificate().empty()) {
    return absl::InvalidArgumentError("The CA's certificate is missing.");
  }
  return TlsOf(linkage).status();
}

}  // namespace

absl::StatusOr<Linkage> LinkageOf(Terminal& terminal) {
  return ReadSetting<Linkage>(terminal.store(), terminal.id(), setting::kLinkage,
                              terminal.settings().linkage);
}

absl::StatusOr<terminal::LinkStream> StreamOf(const Linkage& linkage,
                                              asio::ip::tcp::socket socket) {
  if (!UsesTls(linkage)) return terminal::LinkStream(std::move(socket));
  GATELOG_ASSIGN_OR_RETURN(const auto context, TlsOf(linkage));
  return terminal::LinkStream(std::move(socket), *context);
}

absl::StatusOr<Relinked> Relink(Terminal& terminal, const Frame& request,
                                const std::string& gateway_host) {
  GATELOG_ASSIGN_OR_RETURN(const Linkage before, LinkageOf(terminal));
  Linkage linkage = before;
  Relinked relinked;
  if (request.has_set_connection_mode()) {
    GATELOG_RETURN_IF_ERROR(SetMode(request.set_connection_mode(), gateway_host, linkage));
    relinked.reply.mutable_done();
  } else if (request.has_enable_tls()) {
    GATELOG_RETURN_IF_ERROR(Secure(terminal, request.enable_tls(), linkage));
    GATELOG_ASSIGN_OR_RETURN(*relinked.reply.mutable_tls_enabled()->mutable_certificate(),
                             terminal::CertificateDer(linkage.certificate()));
  } else {
    GATELOG_RETURN_IF_ERROR(Expose(linkage));
    relinked.reply.mutable_done();
  }
  if (google::protobuf::util::MessageDifferencer::Equals(before, linkage)) return relinked;
  GATELOG_RETURN_IF_ERROR(terminal.Change([&] {
    return terminal.store().Save(terminal.id(), SettingStore::Area::kNetwork, setting::kLinkage,
                                 linkage.SerializeAsString());
  }));
  relinked.changed =
      before.calls_gateway() != linkage.calls_gateway() || UsesTls(before) != UsesTls(linkage);
  return relinked;
}

}  // namespace gatelog::sim
