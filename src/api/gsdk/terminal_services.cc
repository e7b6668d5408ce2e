#include "api/gsdk/terminal_services.h"

#include <string>
#include <utility>

#include "gsdk/card.pb.h"
#include "gsdk/door.pb.h"
#include "gsdk/face.pb.h"
#include "gsdk/finger.pb.h"
#include "gsdk/schedule.pb.h"
#include "gsdk/system.pb.h"
#include "gsdk/time.pb.h"
#include "gsdk/user.pb.h"

namespace gatelog::api {
namespace {

constexpr char kNeedsReader[] =
    "it needs enrolment hardware, a reader and somebody who holds a card to it";
constexpr char kNeedsSensor[] =
    "it needs enrolment hardware, a sensor and somebody who lays a finger on it";
constexpr char kNeedsCamera[] =
    "it needs enrolment hardware, a camera and somebody who stands before it";
constexpr char kNeedsImages[] = "it needs the image processing of the terminals' maker";
constexpr char kHashUnknown[] = "how terminals hash a PIN is not published";
constexpr char kFieldsUnknown[] = "the numbers of its fields are not published";

// `Message` is one of the contract's messages, so that the contract is part of the program.
template <typename Message>
const google::protobuf::ServiceDescriptor& ContractWith() {
  return *Message::descriptor()->file()->service(0);
}

ForwardedService::Methods UserMethods() {
  return {.lengthy = {"GetList", "Get", "GetPartial", "Enroll", "Update", "Delete", "DeleteAll",
                      "GetCard", "SetCard", "GetFinger", "SetFinger", "GetFace", "SetFace",
                      "GetAccessGroup", "SetAccessGroup", "GetJobCode", "SetJobCode"},
          .refused = {{"GetPINHash", kHashUnknown},
                      {"GetPINHashWithKey", kHashUnknown},
                      {"GetStatistic", kFieldsUnknown}}};
}

ForwardedService::Methods CardMethods() {
  return {.lengthy = {"GetBlacklist", "AddBlacklist", "DeleteBlacklist", "DeleteAllBlacklist"},
          .refused = {{"Scan", kNeedsReader},
                      {"Erase", kNeedsReader},
                      {"Write", kNeedsReader},
                      {"WriteQRCode", kFieldsUnknown}}};
}

ForwardedService::Methods FingerMethods() {
  return {
      .refused = {{"Scan", kNeedsSensor}, {"GetImage", kNeedsSensor}, {"Verify", kNeedsSensor}}};
}

ForwardedService::Methods FaceMethods() {
  return {
      .refused = {{"Scan", kNeedsCamera}, {"Extract", kNeedsImages}, {"Normalize", kNeedsImages}}};
}

}  // namespace

std::vector<std::unique_ptr<ForwardedService>> MakeTerminalServices(TimedExecutor& loop,
                                                                    core::DeviceCalls& calls) {
  std::vector<std::unique_ptr<ForwardedService>> services;
  const auto add = [&](const google::protobuf::ServiceDescriptor& contract,
                       ForwardedService::Methods methods = {}) {
    services.push_back(
        std::make_unique<ForwardedService>(loop, calls, contract, std::move(methods)));
  };
  add(ContractWith<gsdk::user::UserHdr>(), UserMethods());
  add(ContractWith<gsdk::card::CardConfig>(), CardMethods());
  add(ContractWith<gsdk::finger::FingerConfig>(), FingerMethods());
  add(ContractWith<gsdk::face::FaceConfig>(), FaceMethods());
  add(ContractWith<gsdk::schedule::ScheduleInfo>());
  add(ContractWith<gsdk::door::DoorInfo>());
  add(ContractWith<gsdk::time::TimeConfig>());
  add(ContractWith<gsdk::system::SystemConfig>());
  return services;
}

}  // namespace gatelog::api
