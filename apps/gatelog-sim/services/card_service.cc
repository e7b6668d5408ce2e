#include "apps/gatelog-sim/services/card_service.h"

#include <algorithm>

#include "apps/gatelog-sim/services/config_checks.h"
#include "apps/gatelog-sim/setting_names.h"
#include "apps/gatelog-sim/users.h"
#include "base/status_macros.h"

namespace gatelog::sim {
namespace {

namespace api = gsdk::card;

constexpr std::size_t kCardIdSizeMax = 32;  // bytes
constexpr std::size_t kMifareKeySize = 6;   // bytes
constexpr std::size_t kIClassKeySize = 8;
constexpr std::size_t kLongKeySize = 16;
constexpr std::size_t kAppIdSize = 3;
constexpr std::uint32_t kQrScanMinS = 4;
constexpr std::uint32_t kQrScanMaxS = 10;

absl::Status NoReader(std::string_view doing) {
  return absl::UnimplementedError(
      absl::StrCat("This terminal is virtual; ", std::string(doing),
                   " needs a terminal with a card reader that somebody holds a card to."));
}

absl::Status NoOldCards() {
  return absl::UnimplementedError(
      "This terminal does not read cards of the 1.x generation (card1xSupported is false).");
}

api::CardConfig DefaultConfig() {
  api::CardConfig config;
  config.mutable_mifareconfig()->set_primarykey(std::string(kMifareKeySize, '\xFF'));
  return config;
}

api::QRConfig DefaultQrConfig() {
  api::QRConfig config;
  config.set_useqrcode(true);
  config.set_scantimeout(kQrScanMinS);
  return config;
}

absl::Status CheckSize(std::string_view name, const std::string& bytes, std::size_t size) {
  if (bytes.empty() || bytes.size() == size) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(std::string(name), " has ", size, " bytes, not ", bytes.size(), "."));
}

absl::Status CheckConfig(const api::CardConfig& config) {
  GATELOG_RETURN_IF_ERROR(CheckEnum("byteOrder", config.byteorder(), api::CardByteOrder_IsValid));
  GATELOG_RETURN_IF_ERROR(
      CheckEnum("smartCardByteOrder", config.smartcardbyteorder(), api::CardByteOrder_IsValid));
  GATELOG_RETURN_IF_ERROR(CheckEnum("dataType", config.datatype(), api::CardDataType_IsValid));
  const api::DESFireConfig& desfire = config.desfireconfig();
  GATELOG_RETURN_IF_ERROR(
      CheckEnum("encryptionType", desfire.encryptiontype(), api::DESFireEncryptionType_IsValid));
  GATELOG_RETURN_IF_ERROR(CheckRange("fileID", desfire.fileid(), 0, 0xFF));
  struct Sized {
    std::string_view name;
    const std::string& bytes;
    std::size_t size;
  };
  const Sized all[] = {
      {"A MIFARE key", config.mifareconfig().primarykey(), kMifareKeySize},
      {"A MIFARE key", config.mifareconfig().secondarykey(), kMifareKeySize},
      {"An iCLASS key", config.iclassconfig().primarykey(), kIClassKeySize},
      {"An iCLASS key", config.iclassconfig().secondarykey(), kIClassKeySize},
      {"A DESFire key", desfire.primarykey(), kLongKeySize},
      {"A DESFire key", desfire.secondarykey(), kLongKeySize},
      {"appID", desfire.appid(), kAppIdSize},
      {"A SEOS key", config.seosconfig().primarykeyauth(), kLongKeySize},
      {"A SEOS key", config.seosconfig().secondarykeyauth(), kLongKeySize},
  };
  for (const Sized& one : all) GATELOG_RETURN_IF_ERROR(CheckSize(one.name, one.bytes, one.size));
  return absl::OkStatus();
}

bool SameCard(const api::BlacklistItem& a, const api::BlacklistItem& b) {
  return a.cardid() == b.cardid() && a.issuecount() == b.issuecount();
}

auto FindCard(api::GetBlacklistResponse& list, const api::BlacklistItem& card) {
  return std::find_if(list.mutable_blacklist()->begin(), list.mutable_blacklist()->end(),
                      [&](const api::BlacklistItem& one) { return SameCard(one, card); });
}

}  // namespace

std::span<const CardService::Method> CardService::Methods() {
  static constexpr Method kMethods[] = {
      {"Scan", &Serve<&CardService::Scan>},
      {"Erase", &Serve<&CardService::Erase>},
      {"Write", &Serve<&CardService::Write>},
      {"GetConfig", &Serve<&CardService::GetConfig>},
      {"SetConfig", &Serve<&CardService::SetConfig>},
      {"GetQRConfig", &Serve<&CardService::GetQrConfig>},
      {"SetQRConfig", &Serve<&CardService::SetQrConfig>},
      {"Get1XConfig", &Serve<&CardService::Get1xConfig>},
      {"Set1XConfig", &Serve<&CardService::Set1xConfig>},
      {"GetBlacklist", &Serve<&CardService::GetBlacklist>},
      {"AddBlacklist", &Serve<&CardService::AddBlacklist>},
      {"DeleteBlacklist", &Serve<&CardService::DeleteBlacklist>},
      {"DeleteAllBlacklist", &Serve<&CardService::DeleteAllBlacklist>},
  };
  return kMethods;
}

absl::StatusOr<api::ScanResponse> CardService::Scan(const api::ScanRequest&) {
  return NoReader("scanning a card");
}

absl::StatusOr<api::EraseResponse> CardService::Erase(const api::EraseRequest&) {
  return NoReader("erasing a card");
}

absl::StatusOr<api::WriteResponse> CardService::Write(const api::WriteRequest&) {
  return NoReader("writing a card");
}

absl::StatusOr<api::GetConfigResponse> CardService::GetConfig(const api::GetConfigRequest&) {
  api::GetConfigResponse response;
  GATELOG_ASSIGN_OR_RETURN(*response.mutable_config(), Read(setting::kCard, DefaultConfig()));
  return response;
}

absl::StatusOr<api::SetConfigResponse> CardService::SetConfig(
    const api::SetConfigRequest& request) {
  GATELOG_RETURN_IF_ERROR(CheckConfig(request.config()));
  GATELOG_RETURN_IF_ERROR(terminal_.Change([&] {
    return TypedService::Write(SettingStore::Area::kConfig, setting::kCard, request.config());
  }));
  return api::SetConfigResponse();
}

absl::StatusOr<api::GetQRConfigResponse> CardService::GetQrConfig(const api::GetQRConfigRequest&) {
  api::GetQRConfigResponse response;
  GATELOG_ASSIGN_OR_RETURN(*response.mutable_config(), Read(setting::kQr, DefaultQrConfig()));
  return response;
}

absl::StatusOr<api::SetQRConfigResponse> CardService::SetQrConfig(
    const api::SetQRConfigRequest& request) {
  GATELOG_RETURN_IF_ERROR(
      CheckRange("scanTimeout", request.config().scantimeout(), kQrScanMinS, kQrScanMaxS));
  GATELOG_RETURN_IF_ERROR(terminal_.Change([&] {
    return TypedService::Write(SettingStore::Area::kConfig, setting::kQr, request.config());
  }));
  return api::SetQRConfigResponse();
}

absl::StatusOr<api::Get1XConfigResponse> CardService::Get1xConfig(const api::Get1XConfigRequest&) {
  return NoOldCards();
}

absl::StatusOr<api::Set1XConfigResponse> CardService::Set1xConfig(const api::Set1XConfigRequest&) {
  return NoOldCards();
}

absl::StatusOr<api::GetBlacklistResponse> CardService::ReadBlacklist() {
  return Read<api::GetBlacklistResponse>(setting::kBlacklist);
}

absl::Status CardService::WriteBlacklist(const api::GetBlacklistResponse& list) {
  return terminal_.Change([&] {
    return TypedService::Write(SettingStore::Area::kDatabase, setting::kBlacklist, list);
  });
}

absl::StatusOr<api::GetBlacklistResponse> CardService::GetBlacklist(
    const api::GetBlacklistRequest&) {
  return ReadBlacklist();
}

absl::StatusOr<api::AddBlacklistResponse> CardService::AddBlacklist(
    const api::AddBlacklistRequest& request) {
  GATELOG_ASSIGN_OR_RETURN(api::GetBlacklistResponse list, ReadBlacklist());
  for (const api::BlacklistItem& card : request.cardinfos()) {
    if (card.cardid().empty() || card.cardid().size() > kCardIdSizeMax) {
      return absl::InvalidArgumentError(absl::StrCat(
          "A card ID has 1 to ", kCardIdSizeMax, " bytes; one has ", card.cardid().size(), "."));
    }
    if (FindCard(list, card) == list.mutable_blacklist()->end()) *list.add_blacklist() = card;
  }
  if (list.blacklist_size() > kBlacklistMax) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "The terminal's blacklist has room for ", kBlacklistMax, " cards, and this would make it ",
        list.blacklist_size(), "; none was added."));
  }
  GATELOG_RETURN_IF_ERROR(WriteBlacklist(list));
  return api::AddBlacklistResponse();
}

absl::StatusOr<api::DeleteBlacklistResponse> CardService::DeleteBlacklist(
    const api::DeleteBlacklistRequest& request) {
  GATELOG_ASSIGN_OR_RETURN(api::GetBlacklistResponse list, ReadBlacklist());
  for (const api::BlacklistItem& card : request.cardinfos()) {
    const auto found = FindCard(list, card);
    if (found == list.mutable_blacklist()->end()) {
      return absl::NotFoundError(
          "One of the cards is not on the terminal's blacklist; none was deleted from it.");
    }
    list.mutable_blacklist()->erase(found);
  }
  GATELOG_RETURN_IF_ERROR(WriteBlacklist(list));
  return api::DeleteBlacklistResponse();
}

absl::StatusOr<api::DeleteAllBlacklistResponse> CardService::DeleteAllBlacklist(
    const api::DeleteAllBlacklistRequest&) {
  GATELOG_RETURN_IF_ERROR(WriteBlacklist(api::GetBlacklistResponse()));
  return api::DeleteAllBlacklistResponse();
}

}  // namespace gatelog::sim
