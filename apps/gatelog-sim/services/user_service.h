#pragma once

#include <span>
#include <string>
#include <vector>

#include "apps/gatelog-sim/services/service.h"
#include "gsdk/user.pb.h"

namespace gatelog::sim {

// gsdk.user.User: who is enrolled at the terminal. A call does all that it says or nothing; it
// writes one record for each user, as changed by a server: 0x2000 for a new one, 0x2200 for a
// changed one, 0x2400 for a deleted one, and a single 0x2600 when all are deleted.
//
// Cards, fingers, faces, access groups and job codes are kept as they come; the terminal compares
// none of them.
class UserService : public TypedService<UserService> {
 public:
  using TypedService::TypedService;

  absl::StatusOr<gsdk::user::GetListResponse> GetList(const gsdk::user::GetListRequest& request);
  // Of these all: kNotFound if one of the users is not there.
  absl::StatusOr<gsdk::user::GetResponse> Get(const gsdk::user::GetRequest& request);
  absl::StatusOr<gsdk::user::GetPartialResponse> GetPartial(
      const gsdk::user::GetPartialRequest& request);
  absl::StatusOr<gsdk::user::GetCardResponse> GetCard(const gsdk::user::GetCardRequest& request);
  absl::StatusOr<gsdk::user::GetFingerResponse> GetFinger(
      const gsdk::user::GetFingerRequest& request);
  absl::StatusOr<gsdk::user::GetFaceResponse> GetFace(const gsdk::user::GetFaceRequest& request);
  absl::StatusOr<gsdk::user::GetAccessGroupResponse> GetAccessGroup(
      const gsdk::user::GetAccessGroupRequest& request);
  absl::StatusOr<gsdk::user::GetJobCodeResponse> GetJobCode(
      const gsdk::user::GetJobCodeRequest& request);

  // kAlreadyExists if one of the users is there and must not be overwritten, kResourceExhausted if
  // the terminal would be more than full.
  absl::StatusOr<gsdk::user::EnrollResponse> Enroll(const gsdk::user::EnrollRequest& request);
  // Who is not there is enrolled if nothing is to be kept, otherwise kNotFound. Without `setting`
  // or access groups in the request, those stay too unless nothing is to be kept.
  absl::StatusOr<gsdk::user::UpdateResponse> Update(const gsdk::user::UpdateRequest& request);
  // kNotFound if one of them is not there.
  absl::StatusOr<gsdk::user::DeleteResponse> Delete(const gsdk::user::DeleteRequest& request);
  absl::StatusOr<gsdk::user::DeleteAllResponse> DeleteAll(
      const gsdk::user::DeleteAllRequest& request);
  // In the place of what the users have.
  absl::StatusOr<gsdk::user::SetCardResponse> SetCard(const gsdk::user::SetCardRequest& request);
  absl::StatusOr<gsdk::user::SetFingerResponse> SetFinger(
      const gsdk::user::SetFingerRequest& request);
  absl::StatusOr<gsdk::user::SetFaceResponse> SetFace(const gsdk::user::SetFaceRequest& request);
  absl::StatusOr<gsdk::user::SetAccessGroupResponse> SetAccessGroup(
      const gsdk::user::SetAccessGroupRequest& request);
  absl::StatusOr<gsdk::user::SetJobCodeResponse> SetJobCode(
      const gsdk::user::SetJobCodeRequest& request);

  static std::span<const Method> Methods();

 private:
  using Ids = google::protobuf::RepeatedPtrField<std::string>;

  absl::StatusOr<std::vector<UserInfo>> FindAll(const Ids& ids);
  // Enrolls those who are not there and changes the others, if that is allowed.
  absl::Status SaveAll(const std::vector<UserInfo>& users, bool overwrite);
  // What an Update makes of a user.
  absl::StatusOr<UserInfo> Merge(const UserInfo& update);
  // Sets a part of each user: `set` moves it from an item of `parts` into the user.
  template <typename Parts, typename Set>
  absl::Status SetParts(const Parts& parts, Set set);
};

}  // namespace gatelog::sim
