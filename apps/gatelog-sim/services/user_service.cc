#include "apps/gatelog-sim/services/user_service.h"

#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "apps/gatelog-sim/services/system_config.h"
#include "apps/gatelog-sim/services/user_checks.h"
#include "apps/gatelog-sim/users.h"
#include "base/status_macros.h"

namespace gatelog::sim {
namespace {

namespace api = gsdk::user;

constexpr std::uint32_t kEnrolled = 0x2000;
constexpr std::uint32_t kUpdated = 0x2200;
constexpr std::uint32_t kDeleted = 0x2400;
constexpr std::uint32_t kAllDeleted = 0x2600;

EventLog RecordOf(std::uint32_t code, const std::string& id) {
  EventLog event;
  event.set_eventcode(code);
  event.set_userid(id);
  return event;
}

// The request names nobody twice: which of the two would count?
template <typename Items, typename IdOf>
absl::Status CheckNoneTwice(const Items& items, IdOf id_of) {
  absl::flat_hash_set<std::string> seen;
  for (const auto& item : items) {
    if (!seen.insert(id_of(item)).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("The request names user ", id_of(item), " twice."));
    }
  }
  return absl::OkStatus();
}

// What the mask leaves away is empty.
UserInfo Masked(UserInfo user, std::uint32_t mask) {
  if ((mask & api::USER_MASK_HDR) == 0) {
    const std::string id = user.hdr().id();
    user.mutable_hdr()->Clear();
    user.mutable_hdr()->set_id(id);
  }
  if ((mask & api::USER_MASK_SETTING) == 0) user.clear_setting();
  if ((mask & api::USER_MASK_NAME) == 0) user.clear_name();
  if ((mask & api::USER_MASK_PHOTO) == 0) user.clear_photo();
  if ((mask & api::USER_MASK_PIN) == 0) user.clear_pin();
  if ((mask & api::USER_MASK_CARD) == 0) user.clear_cards();
  if ((mask & api::USER_MASK_FINGER) == 0) user.clear_fingers();
  if ((mask & api::USER_MASK_FACE) == 0) user.clear_faces();
  if ((mask & api::USER_MASK_ACCESS_GROUP) == 0) user.clear_accessgroupids();
  if ((mask & api::USER_MASK_JOB) == 0) user.clear_jobcodes();
  return user;
}

}  // namespace

std::span<const UserService::Method> UserService::Methods() {
  static constexpr Method kMethods[] = {
      {"GetList", &Serve<&UserService::GetList>},
      {"Get", &Serve<&UserService::Get>},
      {"GetPartial", &Serve<&UserService::GetPartial>},
      {"Enroll", &Serve<&UserService::Enroll>},
      {"Update", &Serve<&UserService::Update>},
      {"Delete", &Serve<&UserService::Delete>},
      {"DeleteAll", &Serve<&UserService::DeleteAll>},
      {"GetCard", &Serve<&UserService::GetCard>},
      {"SetCard", &Serve<&UserService::SetCard>},
      {"GetFinger", &Serve<&UserService::GetFinger>},
      {"SetFinger", &Serve<&UserService::SetFinger>},
      {"GetFace", &Serve<&UserService::GetFace>},
      {"SetFace", &Serve<&UserService::SetFace>},
      {"GetAccessGroup", &Serve<&UserService::GetAccessGroup>},
      {"SetAccessGroup", &Serve<&UserService::SetAccessGroup>},
      {"GetJobCode", &Serve<&UserService::GetJobCode>},
      {"SetJobCode", &Serve<&UserService::SetJobCode>},
  };
  return kMethods;
}

absl::StatusOr<std::vector<UserInfo>> UserService::FindAll(const Ids& ids) {
  std::vector<UserInfo> users;
  for (const std::string& id : ids) {
    GATELOG_ASSIGN_OR_RETURN(UserInfo user, terminal_.users().Find(id));
    users.push_back(std::move(user));
  }
  return users;
}

absl::StatusOr<api::GetListResponse> UserService::GetList(const api::GetListRequest&) {
  api::GetListResponse response;
  GATELOG_RETURN_IF_ERROR(terminal_.users().Visit([&](const UserInfo& user) {
    *response.add_hdrs() = user.hdr();
    return true;
  }));
  return response;
}

absl::StatusOr<api::GetResponse> UserService::Get(const api::GetRequest& request) {
  GATELOG_ASSIGN_OR_RETURN(std::vector<UserInfo> users, FindAll(request.userids()));
  api::GetResponse response;
  for (UserInfo& user : users) *response.add_users() = std::move(user);
  return response;
}

absl::StatusOr<api::GetPartialResponse> UserService::GetPartial(
    const api::GetPartialRequest& request) {
  GATELOG_ASSIGN_OR_RETURN(std::vector<UserInfo> users, FindAll(request.userids()));
  api::GetPartialResponse response;
  for (UserInfo& user : users) *response.add_users() = Masked(std::move(user), request.infomask());
  return response;
}

absl::StatusOr<api::GetCardResponse> UserService::GetCard(const api::GetCardRequest& request) {
  GATELOG_ASSIGN_OR_RETURN(std::vector<UserInfo> users, FindAll(request.userids()));
  api::GetCardResponse response;
  for (UserInfo& user : users) {
    api::UserCard& one = *response.add_usercards();
    one.set_userid(user.hdr().id());
    one.mutable_cards()->Swap(user.mutable_cards());
  }
  return response;
}

absl::StatusOr<api::GetFingerResponse> UserService::GetFinger(
    const api::GetFingerRequest& request) {
  GATELOG_ASSIGN_OR_RETURN(std::vector<UserInfo> users, FindAll(request.userids()));
  api::GetFingerResponse response;
  for (UserInfo& user : users) {
    api::UserFinger& one = *response.add_userfingers();
    one.set_userid(user.hdr().id());
    one.mutable_fingers()->Swap(user.mutable_fingers());
  }
  return response;
}

absl::StatusOr<api::GetFaceResponse> UserService::GetFace(const api::GetFaceRequest& request) {
  GATELOG_ASSIGN_OR_RETURN(std::vector<UserInfo> users, FindAll(request.userids()));
  api::GetFaceResponse response;
  for (UserInfo& user : users) {
    api::UserFace& one = *response.add_userfaces();
    one.set_userid(user.hdr().id());
    one.mutable_faces()->Swap(user.mutable_faces());
  }
  return response;
}

absl::StatusOr<api::GetAccessGroupResponse> UserService::GetAccessGroup(
    const api::GetAccessGroupRequest& request) {
  GATELOG_ASSIGN_OR_RETURN(std::vector<UserInfo> users, FindAll(request.userids()));
  api::GetAccessGroupResponse response;
  for (UserInfo& user : users) {
    api::UserAccessGroup& one = *response.add_useraccessgroups();
    one.set_userid(user.hdr().id());
    one.mutable_accessgroupids()->Swap(user.mutable_accessgroupids());
  }
  return response;
}

absl::StatusOr<api::GetJobCodeResponse> UserService::GetJobCode(
    const api::GetJobCodeRequest& request) {
  GATELOG_ASSIGN_OR_RETURN(std::vector<UserInfo> users, FindAll(request.userids()));
  api::GetJobCodeResponse response;
  for (UserInfo& user : users) {
    api::UserJobCode& one = *response.add_userjobcodes();
    one.set_userid(user.hdr().id());
    one.mutable_jobcodes()->Swap(user.mutable_jobcodes());
  }
  return response;
}

absl::Status UserService::SaveAll(const std::vector<UserInfo>& users, bool overwrite) {
  GATELOG_ASSIGN_OR_RETURN(const gsdk::system::SystemConfig system, ReadSystemConfig(terminal_));
  GATELOG_RETURN_IF_ERROR(
      CheckNoneTwice(users, [](const UserInfo& user) { return user.hdr().id(); }));
  std::uint64_t added = 0;
  for (const UserInfo& user : users) {
    const std::string& id = user.hdr().id();
    const bool there = terminal_.users().Has(id);
    if (!there) GATELOG_RETURN_IF_ERROR(CheckUserId(id, system.usealphanumericid()));
    GATELOG_RETURN_IF_ERROR(CheckUser(user));
    if (there && !overwrite) {
      return absl::AlreadyExistsError(
          absl::StrCat("User ", id,
                       " is enrolled here already; nobody was enrolled. Ask with "
                       "overwrite to replace who is there."));
    }
    if (!there) ++added;
  }
  const std::uint64_t held = terminal_.users().roster().size();
  if (held + added > kUsersMax) {
    return absl::ResourceExhaustedError(absl::StrCat("The terminal holds ", held, " of ", kUsersMax,
                                                     " users; ", added,
                                                     " more do not fit. Nobody was enrolled."));
  }
  return terminal_.Change([&]() -> absl::Status {
    for (const UserInfo& user : users) {
      const std::uint32_t code = terminal_.users().Has(user.hdr().id()) ? kUpdated : kEnrolled;
      GATELOG_RETURN_IF_ERROR(terminal_.users().Save(user));
      GATELOG_RETURN_IF_ERROR(terminal_.StageNow(RecordOf(code, user.hdr().id())));
    }
    return absl::OkStatus();
  });
}

absl::StatusOr<api::EnrollResponse> UserService::Enroll(const api::EnrollRequest& request) {
  GATELOG_RETURN_IF_ERROR(
      SaveAll({request.users().begin(), request.users().end()}, request.overwrite()));
  return api::EnrollResponse();
}

absl::StatusOr<UserInfo> UserService::Merge(const UserInfo& update) {
  const std::uint32_t keep = update.hdr().updatemask();
  UserInfo user = update;
  if (keep == api::KEEP_NONE) return user;
  GATELOG_ASSIGN_OR_RETURN(const UserInfo now, terminal_.users().Find(update.hdr().id()));
  if ((keep & api::KEEP_USER_JOB_CODE) != 0) *user.mutable_jobcodes() = now.jobcodes();
  if ((keep & api::KEEP_USER_NAME) != 0) user.set_name(now.name());
  if ((keep & api::KEEP_USER_PHOTO) != 0) user.set_photo(now.photo());
  if ((keep & api::KEEP_USER_PIN) != 0) user.set_pin(now.pin());
  if ((keep & api::KEEP_USER_CARD) != 0) *user.mutable_cards() = now.cards();
  if ((keep & api::KEEP_USER_FINGER) != 0) *user.mutable_fingers() = now.fingers();
  if ((keep & api::KEEP_USER_FACE) != 0) *user.mutable_faces() = now.faces();
  // The mask has no bits for these.
  if (!update.has_setting() && now.has_setting()) *user.mutable_setting() = now.setting();
  if (update.accessgroupids().empty()) *user.mutable_accessgroupids() = now.accessgroupids();
  return user;
}

absl::StatusOr<api::UpdateResponse> UserService::Update(const api::UpdateRequest& request) {
  std::vector<UserInfo> users;
  for (const UserInfo& update : request.users()) {
    GATELOG_ASSIGN_OR_RETURN(UserInfo user, Merge(update));
    users.push_back(std::move(user));
  }
  GATELOG_RETURN_IF_ERROR(SaveAll(users, /*overwrite=*/true));
  return api::UpdateResponse();
}

absl::StatusOr<api::DeleteResponse> UserService::Delete(const api::DeleteRequest& request) {
  GATELOG_RETURN_IF_ERROR(
      CheckNoneTwice(request.userids(), [](const std::string& id) { return id; }));
  for (const std::string& id : request.userids()) {
    if (!terminal_.users().Has(id)) {
      return absl::NotFoundError(
          absl::StrCat("No user of this terminal has the ID ", id, "; nobody was deleted."));
    }
  }
  const absl::Status deleted = terminal_.Change([&]() -> absl::Status {
    for (const std::string& id : request.userids()) {
      GATELOG_RETURN_IF_ERROR(terminal_.users().Remove(id));
      GATELOG_RETURN_IF_ERROR(terminal_.StageNow(RecordOf(kDeleted, id)));
    }
    return absl::OkStatus();
  });
  if (!deleted.ok()) return deleted;
  return api::DeleteResponse();
}

absl::StatusOr<api::DeleteAllResponse> UserService::DeleteAll(const api::DeleteAllRequest&) {
  const absl::Status deleted = terminal_.Change([&] {
    const absl::Status cleared = terminal_.users().Clear();
    return cleared.ok() ? terminal_.StageCode(kAllDeleted) : cleared;
  });
  if (!deleted.ok()) return deleted;
  return api::DeleteAllResponse();
}

template <typename Parts, typename Set>
absl::Status UserService::SetParts(const Parts& parts, Set set) {
  std::vector<UserInfo> users;
  for (const auto& part : parts) {
    GATELOG_ASSIGN_OR_RETURN(UserInfo user, terminal_.users().Find(part.userid()));
    set(part, user);
    users.push_back(std::move(user));
  }
  return SaveAll(users, /*overwrite=*/true);
}

absl::StatusOr<api::SetCardResponse> UserService::SetCard(const api::SetCardRequest& request) {
  GATELOG_RETURN_IF_ERROR(SetParts(
      request.usercards(),
      [](const api::UserCard& part, UserInfo& user) { *user.mutable_cards() = part.cards(); }));
  return api::SetCardResponse();
}

absl::StatusOr<api::SetFingerResponse> UserService::SetFinger(
    const api::SetFingerRequest& request) {
  GATELOG_RETURN_IF_ERROR(
      SetParts(request.userfingers(), [](const api::UserFinger& part, UserInfo& user) {
        *user.mutable_fingers() = part.fingers();
      }));
  return api::SetFingerResponse();
}

absl::StatusOr<api::SetFaceResponse> UserService::SetFace(const api::SetFaceRequest& request) {
  GATELOG_RETURN_IF_ERROR(SetParts(
      request.userfaces(),
      [](const api::UserFace& part, UserInfo& user) { *user.mutable_faces() = part.faces(); }));
  return api::SetFaceResponse();
}

absl::StatusOr<api::SetAccessGroupResponse> UserService::SetAccessGroup(
    const api::SetAccessGroupRequest& request) {
  GATELOG_RETURN_IF_ERROR(
      SetParts(request.useraccessgroups(), [](const api::UserAccessGroup& part, UserInfo& user) {
        *user.mutable_accessgroupids() = part.accessgroupids();
      }));
  return api::SetAccessGroupResponse();
}

absl::StatusOr<api::SetJobCodeResponse> UserService::SetJobCode(
    const api::SetJobCodeRequest& request) {
  GATELOG_RETURN_IF_ERROR(
      SetParts(request.userjobcodes(), [](const api::UserJobCode& part, UserInfo& user) {
        *user.mutable_jobcodes() = part.jobcodes();
      }));
  return api::SetJobCodeResponse();
}

}  // namespace gatelog::sim
