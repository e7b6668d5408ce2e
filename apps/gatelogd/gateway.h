#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "config/config.h"

namespace gatelog::gatelogd {

// The whole gateway: the only place that names concrete stores, device families and services.
class Gateway {
 public:
  // Opens the store, takes up the devices that are kept, and serves. Errors are sentences for the
  // operator.
  static absl::StatusOr<std::unique_ptr<Gateway>> Start(const config::Config& config);

  // Stops taking work, gives open calls a second to end, lets commits end, closes everything.
  ~Gateway();

  // With the ports that were chosen.
  const std::string& grpc_address() const;
  const std::string& http_address() const;
  const std::string& ca_file() const;

 private:
  struct Parts;

  explicit Gateway(std::unique_ptr<Parts> parts);

  std::unique_ptr<Parts> parts_;
};

}  // namespace gatelog::gatelogd
