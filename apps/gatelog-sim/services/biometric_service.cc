#include "apps/gatelog-sim/services/biometric_service.h"

#include "apps/gatelog-sim/services/config_checks.h"
#include "apps/gatelog-sim/setting_names.h"
#include "base/status_macros.h"

namespace gatelog::sim {
namespace {

namespace finger = gsdk::finger;
namespace face = gsdk::face;

constexpr int kFingerScanDefaultS = 10;
constexpr int kFingerScanMaxS = 20;
constexpr std::uint32_t kFaceEnrolMinS = 30;
constexpr std::uint32_t kFaceEnrolMaxS = 60;

absl::Status NoSensor() {
  return absl::UnimplementedError(
      "This terminal is virtual; scanning and comparing fingers needs a terminal with a "
      "fingerprint sensor that somebody puts a finger on.");
}

absl::Status NoCamera() {
  return absl::UnimplementedError(
      "This terminal is virtual; scanning a face needs a terminal with a camera that somebody "
      "looks into.");
}

absl::Status NoGroups() {
  return absl::UnimplementedError(
      "This terminal recognises faces by a visual camera; such terminals have no groups for "
      "matching.");
}

finger::FingerConfig DefaultFingerConfig() {
  finger::FingerConfig config;
  config.set_sensitivity(finger::HIGHEST_SENSITIVE);
  config.set_scantimeout(kFingerScanDefaultS);
  return config;
}

face::FaceConfig DefaultFaceConfig() {
  face::FaceConfig config;
  config.set_enrollthreshold(face::BS2_FACE_ENROLL_THRESHOLD_DEFAULT);
  config.set_detectsensitivity(face::BS2_FACE_DETECT_SENSITIVITY_DEFAULT);
  config.set_enrolltimeout(kFaceEnrolMaxS);
  config.set_previewoption(face::BS2_FACE_PREVIEW_DEFAULT);
  return config;
}

absl::Status Check(const finger::FingerConfig& config) {
  GATELOG_RETURN_IF_ERROR(
      CheckEnum("securityLevel", config.securitylevel(), finger::SecurityLevel_IsValid));
  GATELOG_RETURN_IF_ERROR(CheckEnum("fastMode", config.fastmode(), finger::FastMode_IsValid));
  GATELOG_RETURN_IF_ERROR(
      CheckEnum("sensitivity", config.sensitivity(), finger::Sensitivity_IsValid));
  GATELOG_RETURN_IF_ERROR(CheckEnum("sensorMode", config.sensormode(), finger::SensorMode_IsValid));
  GATELOG_RETURN_IF_ERROR(
      CheckEnum("templateFormat", config.templateformat(), finger::TemplateFormat_IsValid));
  GATELOG_RETURN_IF_ERROR(CheckEnum("LFDLevel", config.lfdlevel(), finger::LFDLevel_IsValid));
  return CheckRange("scanTimeout", config.scantimeout(), 1, kFingerScanMaxS);
}

absl::Status Check(const face::FaceConfig& config) {
  GATELOG_RETURN_IF_ERROR(
      CheckEnum("securityLevel", config.securitylevel(), face::FaceSecurityLevel_IsValid));
  GATELOG_RETURN_IF_ERROR(
      CheckEnum("lightCondition", config.lightcondition(), face::FaceLightCondition_IsValid));
  GATELOG_RETURN_IF_ERROR(
      CheckEnum("enrollThreshold", config.enrollthreshold(), face::FaceEnrollThreshold_IsValid));
  GATELOG_RETURN_IF_ERROR(CheckEnum("detectSensitivity", config.detectsensitivity(),
                                    face::FaceDetectSensitivity_IsValid));
  GATELOG_RETURN_IF_ERROR(CheckEnum("LFDLevel", config.lfdlevel(), face::FaceLFDLevel_IsValid));
  GATELOG_RETURN_IF_ERROR(
      CheckEnum("previewOption", config.previewoption(), face::FacePreviewOption_IsValid));
  return CheckRange("enrollTimeout", config.enrolltimeout(), kFaceEnrolMinS, kFaceEnrolMaxS);
}

}  // namespace

std::span<const FingerService::Method> FingerService::Methods() {
  static constexpr Method kMethods[] = {
      {"Scan", &Serve<&FingerService::Scan>},
      {"GetImage", &Serve<&FingerService::GetImage>},
      {"Verify", &Serve<&FingerService::Verify>},
      {"GetConfig", &Serve<&FingerService::GetConfig>},
      {"SetConfig", &Serve<&FingerService::SetConfig>},
  };
  return kMethods;
}

absl::StatusOr<finger::ScanResponse> FingerService::Scan(const finger::ScanRequest&) {
  return NoSensor();
}

absl::StatusOr<finger::GetImageResponse> FingerService::GetImage(const finger::GetImageRequest&) {
  return NoSensor();
}

absl::StatusOr<finger::VerifyResponse> FingerService::Verify(const finger::VerifyRequest&) {
  return NoSensor();
}

absl::StatusOr<finger::GetConfigResponse> FingerService::GetConfig(
    const finger::GetConfigRequest&) {
  finger::GetConfigResponse response;
  GATELOG_ASSIGN_OR_RETURN(*response.mutable_config(),
                           Read(setting::kFinger, DefaultFingerConfig()));
  return response;
}

absl::StatusOr<finger::SetConfigResponse> FingerService::SetConfig(
    const finger::SetConfigRequest& request) {
  GATELOG_RETURN_IF_ERROR(Check(request.config()));
  GATELOG_RETURN_IF_ERROR(terminal_.Change(
      [&] { return Write(SettingStore::Area::kConfig, setting::kFinger, request.config()); }));
  return finger::SetConfigResponse();
}

std::span<const FaceService::Method> FaceService::Methods() {
  static constexpr Method kMethods[] = {
      {"Scan", &Serve<&FaceService::Scan>},
      {"GetConfig", &Serve<&FaceService::GetConfig>},
      {"SetConfig", &Serve<&FaceService::SetConfig>},
      {"GetAuthGroup", &Serve<&FaceService::GetAuthGroup>},
      {"AddAuthGroup", &Serve<&FaceService::AddAuthGroup>},
      {"DeleteAuthGroup", &Serve<&FaceService::DeleteAuthGroup>},
      {"DeleteAllAuthGroup", &Serve<&FaceService::DeleteAllAuthGroup>},
  };
  return kMethods;
}

absl::StatusOr<face::ScanResponse> FaceService::Scan(const face::ScanRequest&) {
  return NoCamera();
}

absl::StatusOr<face::GetConfigResponse> FaceService::GetConfig(const face::GetConfigRequest&) {
  face::GetConfigResponse response;
  GATELOG_ASSIGN_OR_RETURN(*response.mutable_config(), Read(setting::kFace, DefaultFaceConfig()));
  return response;
}

absl::StatusOr<face::SetConfigResponse> FaceService::SetConfig(
    const face::SetConfigRequest& request) {
  GATELOG_RETURN_IF_ERROR(Check(request.config()));
  GATELOG_RETURN_IF_ERROR(terminal_.Change(
      [&] { return Write(SettingStore::Area::kConfig, setting::kFace, request.config()); }));
  return face::SetConfigResponse();
}

absl::StatusOr<face::GetAuthGroupResponse> FaceService::GetAuthGroup(
    const face::GetAuthGroupRequest&) {
  return NoGroups();
}

absl::StatusOr<face::AddAuthGroupResponse> FaceService::AddAuthGroup(
    const face::AddAuthGroupRequest&) {
  return NoGroups();
}

absl::StatusOr<face::DeleteAuthGroupResponse> FaceService::DeleteAuthGroup(
    const face::DeleteAuthGroupRequest&) {
  return NoGroups();
}

absl::StatusOr<face::DeleteAllAuthGroupResponse> FaceService::DeleteAllAuthGroup(
    const face::DeleteAllAuthGroupRequest&) {
  return NoGroups();
}

}  // namespace gatelog::sim
