#pragma once

#include <span>

#include "apps/gatelog-sim/services/service.h"
#include "gsdk/face.pb.h"
#include "gsdk/finger.pb.h"

namespace gatelog::sim {

// gsdk.finger.Finger: settings of the fingerprint sensor. A virtual terminal has no sensor and no
// matcher: Scan, GetImage and Verify are kUnimplemented.
class FingerService : public TypedService<FingerService> {
 public:
  using TypedService::TypedService;

  absl::StatusOr<gsdk::finger::ScanResponse> Scan(const gsdk::finger::ScanRequest& request);
  absl::StatusOr<gsdk::finger::GetImageResponse> GetImage(
      const gsdk::finger::GetImageRequest& request);
  absl::StatusOr<gsdk::finger::VerifyResponse> Verify(const gsdk::finger::VerifyRequest& request);
  absl::StatusOr<gsdk::finger::GetConfigResponse> GetConfig(
      const gsdk::finger::GetConfigRequest& request);
  absl::StatusOr<gsdk::finger::SetConfigResponse> SetConfig(
      const gsdk::finger::SetConfigRequest& request);

  static std::span<const Method> Methods();
};

// gsdk.face.Face: settings of the face camera. A virtual terminal has no camera for faces: Scan is
// kUnimplemented, and so are the groups for matching, which visual models do not have.
class FaceService : public TypedService<FaceService> {
 public:
  using TypedService::TypedService;

  absl::StatusOr<gsdk::face::ScanResponse> Scan(const gsdk::face::ScanRequest& request);
  absl::StatusOr<gsdk::face::GetConfigResponse> GetConfig(
      const gsdk::face::GetConfigRequest& request);
  absl::StatusOr<gsdk::face::SetConfigResponse> SetConfig(
      const gsdk::face::SetConfigRequest& request);
  absl::StatusOr<gsdk::face::GetAuthGroupResponse> GetAuthGroup(
      const gsdk::face::GetAuthGroupRequest& request);
  absl::StatusOr<gsdk::face::AddAuthGroupResponse> AddAuthGroup(
      const gsdk::face::AddAuthGroupRequest& request);
  absl::StatusOr<gsdk::face::DeleteAuthGroupResponse> DeleteAuthGroup(
      const gsdk::face::DeleteAuthGroupRequest& request);
  absl::StatusOr<gsdk::face::DeleteAllAuthGroupResponse> DeleteAllAuthGroup(
      const gsdk::face::DeleteAllAuthGroupRequest& request);

  static std::span<const Method> Methods();
};

}  // namespace gatelog::sim
