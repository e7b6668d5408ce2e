#include "apps/gatelog-sim/services/user_checks.h"

#include <algorithm>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "apps/gatelog-sim/users.h"
#include "base/status_macros.h"

namespace gatelog::sim {
namespace {

// Code points, of text that protobuf has found to be UTF-8.
std::size_t Characters(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

absl::Status Wrong(const gsdk::user::UserInfo& user, std::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("User ", user.hdr().id(), ": ", std::string(what)));
}

absl::Status CheckCards(const gsdk::user::UserInfo& user) {
  if (user.cards_size() > static_cast<int>(kCardsPerUserMax)) {
    return Wrong(user, absl::StrCat(user.cards_size(), " cards were given; a user has ",
                                    kCardsPerUserMax, " at most."));
  }
  for (const gsdk::card::CSNCardData& card : user.cards()) {
    if (card.data().empty() || card.data().size() > kCardDataSizeMax) {
      return Wrong(user, absl::StrCat("A card's data have 1 to ", kCardDataSizeMax,
                                      " bytes; these have ", card.data().size(), "."));
    }
    if (!gsdk::card::Type_IsValid(card.type()))
      return Wrong(user, absl::StrCat(static_cast<int>(card.type()), " is no type of card."));
    if (card.size() < 0 || card.size() > static_cast<int>(kCardDataSizeMax)) {
      return Wrong(user, absl::StrCat("A card's size is 0 to ", kCardDataSizeMax, ", not ",
                                      card.size(), "."));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckFingers(const gsdk::user::UserInfo& user) {
  if (user.fingers_size() > static_cast<int>(kFingersPerUserMax)) {
    return Wrong(user, absl::StrCat(user.fingers_size(), " fingers were given; a user has ",
                                    kFingersPerUserMax, " at most."));
  }
  for (const gsdk::finger::FingerData& finger : user.fingers()) {
    if (finger.templates_size() < 1 || finger.templates_size() > kTemplatesPerFingerMax) {
      return Wrong(user, absl::StrCat("A finger has 1 or ", kTemplatesPerFingerMax,
                                      " templates, not ", finger.templates_size(), "."));
    }
    for (const std::string& one : finger.templates()) {
      if (one.size() > kFingerTemplateSizeMax) {
        return Wrong(user, absl::StrCat("A finger's template has ", kFingerTemplateSizeMax,
                                        " bytes at most; one has ", one.size(), "."));
      }
    }
  }
  return absl::OkStatus();
}

absl::Status CheckFaces(const gsdk::user::UserInfo& user) {
  if (user.faces_size() > static_cast<int>(kFacesPerUserMax)) {
    return Wrong(user, absl::StrCat(user.faces_size(), " faces were given; a user has ",
                                    kFacesPerUserMax, " at most."));
  }
  for (const gsdk::face::FaceData& face : user.faces()) {
    for (const auto& templates : {face.templates(), face.irtemplates()}) {
      if (templates.size() > kTemplatesPerFaceMax) {
        return Wrong(user, absl::StrCat("A face has ", kTemplatesPerFaceMax,
                                        " templates at most, not ", templates.size(), "."));
      }
      for (const std::string& one : templates) {
        if (one.size() > kFaceTemplateSizeMax) {
          return Wrong(user, absl::StrCat("A face's template has ", kFaceTemplateSizeMax,
                                          " bytes at most; one has ", one.size(), "."));
        }
      }
    }
    if (std::max(face.imagedata().size(), face.irimagedata().size()) > kFaceImageSizeMax) {
      return Wrong(user, absl::StrCat("The image of a face has ", kFaceImageSizeMax / 1024,
                                      " KiB at most."));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckJobCodes(const gsdk::user::UserInfo& user) {
  if (user.jobcodes_size() > kJobCodesPerUserMax) {
    return Wrong(user, absl::StrCat(user.jobcodes_size(), " job codes were given; a user has ",
                                    kJobCodesPerUserMax, " at most."));
  }
  for (const gsdk::tna::JobCode& job : user.jobcodes()) {
    if (Characters(job.label()) > kJobLabelCharactersMax) {
      return Wrong(
          user, absl::StrCat("The label of job code ", job.code(), " has ", Characters(job.label()),
                             " characters; ", kJobLabelCharactersMax, " fit."));
    }
    if (job.label().size() > kJobLabelSizeMax) {
      return Wrong(user, absl::StrCat("The label of job code ", job.code(), " has ",
                                      job.label().size(), " bytes; ", kJobLabelSizeMax, " fit."));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckUserId(std::string_view id, bool alphanumeric) {
  if (id.empty()) return absl::InvalidArgumentError("A user has no ID.");
  if (id.size() > kUserIdSizeMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("A user ID has ", kUserIdSizeMax, " bytes at most; one has ", id.size(), "."));
  }
  const std::string text(id);
  if (!std::all_of(id.begin(), id.end(), [](char c) { return c > ' ' && c <= '~'; })) {
    return absl::InvalidArgumentError(
        "A user ID consists of ASCII letters, digits and signs, without spaces.");
  }
  if (id == "0") return absl::InvalidArgumentError("0 is no user ID.");
  std::uint32_t number = 0;
  if (!alphanumeric && (!absl::SimpleAtoi(text, &number) || number == 0)) {
    return absl::InvalidArgumentError(
        absl::StrCat("The user ID ", text,
                     " is no number from 1 to 4294967295, and the terminal's "
                     "settings allow no others (useAlphanumericID)."));
  }
  return absl::OkStatus();
}

absl::Status CheckUser(const gsdk::user::UserInfo& user) {
  if (Characters(user.name()) > kUserNameCharactersMax) {
    return Wrong(user, absl::StrCat("The name has ", Characters(user.name()), " characters; ",
                                    kUserNameCharactersMax, " fit."));
  }
  const gsdk::user::UserSetting& setting = user.setting();
  if (setting.endtime() != 0 && setting.endtime() < setting.starttime())
    return Wrong(user, "endTime is before startTime.");
  if (!gsdk::user::SecurityLevel_IsValid(setting.securitylevel())) {
    return Wrong(user, absl::StrCat(static_cast<int>(setting.securitylevel()),
                                    " is no security level; they are 0 to 5."));
  }
  if (user.pin().size() > kPinSizeMax) {
    return Wrong(user, absl::StrCat("The hash of a PIN has ", kPinSizeMax,
                                    " bytes at most; this has ", user.pin().size(), "."));
  }
  if (user.photo().size() > kPhotoSizeMax) {
    return Wrong(user, absl::StrCat("A photo has ", kPhotoSizeMax / 1024, " KiB at most; this has ",
                                    user.photo().size(), " bytes."));
  }
  if (user.accessgroupids_size() > kAccessGroupsPerUserMax) {
    return Wrong(
        user, absl::StrCat(user.accessgroupids_size(), " access groups were given; a user is in ",
                           kAccessGroupsPerUserMax, " at most."));
  }
  GATELOG_RETURN_IF_ERROR(CheckCards(user));
  GATELOG_RETURN_IF_ERROR(CheckFingers(user));
  GATELOG_RETURN_IF_ERROR(CheckFaces(user));
  return CheckJobCodes(user);
}

}  // namespace gatelog::sim
