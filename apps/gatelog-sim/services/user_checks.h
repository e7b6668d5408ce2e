#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "gsdk/user.pb.h"

// What a terminal takes as a user. Pure; every error is kInvalidArgument in one sentence for the
// client, with the user's ID in it.
namespace gatelog::sim {

inline constexpr std::size_t kUserIdSizeMax = 32;  // bytes
inline constexpr std::size_t kUserNameCharactersMax = 48;
inline constexpr std::size_t kPinSizeMax = 32;           // bytes, of its hash
inline constexpr std::size_t kPhotoSizeMax = 16 * 1024;  // bytes
inline constexpr std::size_t kCardDataSizeMax = 32;      // bytes
inline constexpr int kTemplatesPerFingerMax = 2;
inline constexpr std::size_t kFingerTemplateSizeMax = 384;  // bytes
inline constexpr int kTemplatesPerFaceMax = 30;
inline constexpr std::size_t kFaceTemplateSizeMax = 1024;     // bytes
inline constexpr std::size_t kFaceImageSizeMax = 512 * 1024;  // bytes
inline constexpr int kAccessGroupsPerUserMax = 16;
inline constexpr int kJobCodesPerUserMax = 16;
inline constexpr std::size_t kJobLabelCharactersMax = 16;
inline constexpr std::size_t kJobLabelSizeMax = 48;  // bytes

// Without `alphanumeric` an ID is a number from 1 to 4294967295. 0 is never one.
absl::Status CheckUserId(std::string_view id, bool alphanumeric);
// All but the ID.
absl::Status CheckUser(const gsdk::user::UserInfo& user);

}  // namespace gatelog::sim
