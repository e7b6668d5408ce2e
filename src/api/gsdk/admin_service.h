#pragma once

#include <string>
#include <utility>

#include "api/rpc/call.h"
#include "gsdk/admin.grpc.pb.h"

namespace gatelog::api {

// gsdk.admin.Admin: which gateway this is.
class AdminService final : public gsdk::admin::Admin::CallbackService {
 public:
  AdminService(std::string version, std::string build_date)
      : version_(std::move(version)), build_date_(std::move(build_date)) {}

 private:
  grpc::ServerUnaryReactor* GetInfo(grpc::CallbackServerContext* /*context*/,
                                    const gsdk::admin::GetInfoRequest* /*request*/,
                                    gsdk::admin::GetInfoResponse* response) override {
    return StartCall(response, [this](UnaryCall<gsdk::admin::GetInfoResponse> call) {
      gsdk::admin::GetInfoResponse reply;
      reply.set_version(version_);
      reply.set_builddate(build_date_);
      call.Reply(std::move(reply));
    });
  }

  const std::string version_;
  const std::string build_date_;
};

}  // namespace gatelog::api
