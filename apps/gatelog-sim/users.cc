#include "apps/gatelog-sim/users.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace gatelog::sim {
namespace {

constexpr std::size_t kCardDataSize = 32;
constexpr std::size_t kFingerTemplateSize = 384;
constexpr std::size_t kFaceTemplateSize = 552;
constexpr std::size_t kPinHashSize = 32;
constexpr int kTemplatesPerFinger = 2;
constexpr std::uint32_t kModeOfTheTerminal =
    0xFF;  // a user without an authentication mode of theirs

constexpr const char* kFirstNames[] = {"Ada",   "Bruno", "Chiara", "Dmitri", "Elif",  "Farid",
                                       "Grace", "Hugo",  "Ines",   "Jonas",  "Keiko", "Lena",
                                       "Mateo", "Nadia", "Oskar",  "Priya"};
constexpr const char* kLastNames[] = {"Almeida", "Berg",   "Costa",  "Dubois", "Eriksen", "Fischer",
                                      "Garcia",  "Hansen", "Ivanov", "Jansen", "Kim",     "Lopez",
                                      "Moreau",  "Novak",  "Okafor", "Park"};

// FNV-1a: the same on every machine.
std::uint64_t HashOf(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

std::string Bytes(std::size_t size, Random& random) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random.Below(256));
  return bytes;
}

// 32 bytes with the card's number at the end, as a reader pads it.
void AddCard(gsdk::card::Type type, Random& random, UserInfo& user) {
  constexpr std::size_t kNumberSize = 4;
  gsdk::card::CSNCardData& card = *user.add_cards();
  card.set_type(type);
  card.set_size(kCardDataSize);
  card.set_data(std::string(kCardDataSize - kNumberSize, '\0') + Bytes(kNumberSize, random));
}

void AddFinger(Random& random, UserInfo& user) {
  gsdk::finger::FingerData& finger = *user.add_fingers();
  for (int i = 0; i < kTemplatesPerFinger; ++i)
    finger.add_templates(Bytes(kFingerTemplateSize, random));
}

void SetCounts(UserInfo& user) {
  user.mutable_hdr()->set_numofcard(user.cards_size());
  user.mutable_hdr()->set_numoffinger(user.fingers_size());
  user.mutable_hdr()->set_numofface(user.faces_size());
}

Habit HabitOf(const UserInfo& user) {
  if (user.faces_size() > 0) return Habit::kFace;
  if (user.fingers_size() > 0) return Habit::kFinger;
  if (user.cards_size() > 0) {
    switch (user.cards(0).type()) {
      case gsdk::card::CARD_TYPE_CSN_MOBILE:
      case gsdk::card::CARD_TYPE_WIEGAND_MOBILE:
        return Habit::kMobileCard;
      case gsdk::card::CARD_TYPE_QR:
      case gsdk::card::CARD_TYPE_SECURE_QR:
        return Habit::kQr;
      default:
        return Habit::kCard;
    }
  }
  return user.pin().empty() ? Habit::kNone : Habit::kPin;
}

std::string NotThere(std::string_view id) {
  return absl::StrCat("No user of this terminal has the ID ", std::string(id), ".");
}

}  // namespace

UserInfo MakeUserInfo(const Person& person) {
  Random random(HashOf(person.user_id));
  UserInfo user;
  user.mutable_hdr()->set_id(person.user_id);
  gsdk::user::UserSetting& setting = *user.mutable_setting();
  setting.set_biometricauthmode(kModeOfTheTerminal);
  setting.set_cardauthmode(kModeOfTheTerminal);
  setting.set_idauthmode(kModeOfTheTerminal);
  setting.set_faceauthextmode(kModeOfTheTerminal);
  setting.set_fingerauthextmode(kModeOfTheTerminal);
  setting.set_cardauthextmode(kModeOfTheTerminal);
  setting.set_idauthextmode(kModeOfTheTerminal);
  user.set_name(absl::StrCat(kFirstNames[random.Below(std::size(kFirstNames))], " ",
                             kLastNames[random.Below(std::size(kLastNames))]));
  switch (person.habit) {
    case Habit::kFace:
      user.add_faces()->add_templates(Bytes(kFaceTemplateSize, random));
      break;
    case Habit::kFinger:
      AddFinger(random, user);
      break;
    case Habit::kCard:
      AddCard(gsdk::card::CARD_TYPE_CSN, random, user);
      break;
    case Habit::kMobileCard:
      AddCard(gsdk::card::CARD_TYPE_CSN_MOBILE, random, user);
      break;
    case Habit::kQr:
      AddCard(gsdk::card::CARD_TYPE_QR, random, user);
      break;
    case Habit::kPin:
      user.set_pin(Bytes(kPinHashSize, random));
      break;
    case Habit::kNone:
      break;
  }
  SetCounts(user);
  return user;
}

void ChangeCredential(std::uint64_t seed, UserInfo& user) {
  Random random(MixSeed(seed, HashOf(user.hdr().id())));
  if (user.cards_size() == 0) {
    user.set_pin(Bytes(kPinHashSize, random));
    return;
  }
  user.mutable_cards()->DeleteSubrange(0, 1);
  AddCard(gsdk::card::CARD_TYPE_CSN, random, user);
}

Users::Users(LogDatabase& database, std::uint32_t device, const std::vector<Person>& people)
    : database_(database), device_(device), people_(people), roster_(people) {}

absl::Status Users::Reload() {
  roster_.Reset();
  absl::Status decoded;
  GATELOG_RETURN_IF_ERROR(
      store().VisitUsers(device_, [&](std::string_view id, std::string_view value) {
        UserInfo user;
        if (value.empty()) {
          roster_.Remove(id);
        } else if (user.ParseFromArray(value.data(), static_cast<int>(value.size()))) {
          roster_.Set({std::string(id), HabitOf(user), /*punches_clock=*/true});
        } else {
          decoded = absl::DataLossError("A user of the terminal cannot be decoded.");
        }
        return decoded.ok();
      }));
  return decoded;
}

absl::StatusOr<UserInfo> Users::Find(std::string_view id) {
  if (!roster_.Has(id)) return absl::NotFoundError(NotThere(id));
  GATELOG_ASSIGN_OR_RETURN(const std::optional<std::string> value, store().FindUser(device_, id));
  if (!value.has_value()) {
    const Person* person = roster_.FindOnSite(id);
    if (person == nullptr) return absl::NotFoundError(NotThere(id));
    return MakeUserInfo(*person);
  }
  UserInfo user;
  if (!user.ParseFromString(*value))
    return absl::DataLossError("A user of the terminal cannot be decoded.");
  return user;
}

absl::Status Users::Visit(Visitor visitor) {
  for (const Person& person : people_) {
    if (roster_.HasUnchanged(person.user_id) && !visitor(MakeUserInfo(person)))
      return absl::OkStatus();
  }
  absl::Status decoded;
  GATELOG_RETURN_IF_ERROR(
      store().VisitUsers(device_, [&](std::string_view, std::string_view value) {
        if (value.empty()) return true;
        UserInfo user;
        if (!user.ParseFromArray(value.data(), static_cast<int>(value.size()))) {
          decoded = absl::DataLossError("A user of the terminal cannot be decoded.");
          return false;
        }
        return visitor(user);
      }));
  return decoded;
}

absl::Status Users::Save(const UserInfo& user) {
  UserInfo saved = user;
  saved.mutable_hdr()->clear_updatemask();
  SetCounts(saved);
  const std::string value = saved.SerializeAsString();
  const std::string& id = saved.hdr().id();
  const Person* person = roster_.FindOnSite(id);
  if (person != nullptr && !person->visitor && value == MakeUserInfo(*person).SerializeAsString()) {
    roster_.Restore(id);
    return store().DeleteUser(device_, id).status();
  }
  roster_.Set({id, HabitOf(saved), /*punches_clock=*/true});
  return store().SaveUser(device_, id, value);
}

absl::Status Users::Remove(std::string_view id) {
  const Person* person = roster_.FindOnSite(id);
  roster_.Remove(id);
  if (person != nullptr && !person->visitor) return store().SaveUser(device_, id, "");
  return store().DeleteUser(device_, id).status();
}

absl::Status Users::Clear() {
  GATELOG_RETURN_IF_ERROR(store().WipeUsers(device_).status());
  roster_.Reset();
  for (const Person& person : people_) {
    if (!person.visitor) GATELOG_RETURN_IF_ERROR(Remove(person.user_id));
  }
  return absl::OkStatus();
}

}  // namespace gatelog::sim
