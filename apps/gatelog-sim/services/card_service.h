#pragma once

#include <span>

#include "apps/gatelog-sim/services/service.h"
#include "gsdk/card.pb.h"

namespace gatelog::sim {

// gsdk.card.Card: settings of the card reader, and cards that are refused. A virtual terminal has
// no reader that a card could be held to: scanning, writing and erasing are kUnimplemented.
class CardService : public TypedService<CardService> {
 public:
  using TypedService::TypedService;

  absl::StatusOr<gsdk::card::ScanResponse> Scan(const gsdk::card::ScanRequest& request);
  absl::StatusOr<gsdk::card::EraseResponse> Erase(const gsdk::card::EraseRequest& request);
  absl::StatusOr<gsdk::card::WriteResponse> Write(const gsdk::card::WriteRequest& request);

  absl::StatusOr<gsdk::card::GetConfigResponse> GetConfig(
      const gsdk::card::GetConfigRequest& request);
  absl::StatusOr<gsdk::card::SetConfigResponse> SetConfig(
      const gsdk::card::SetConfigRequest& request);
  absl::StatusOr<gsdk::card::GetQRConfigResponse> GetQrConfig(
      const gsdk::card::GetQRConfigRequest& request);
  absl::StatusOr<gsdk::card::SetQRConfigResponse> SetQrConfig(
      const gsdk::card::SetQRConfigRequest& request);
  // Cards of an older generation: kUnimplemented.
  absl::StatusOr<gsdk::card::Get1XConfigResponse> Get1xConfig(
      const gsdk::card::Get1XConfigRequest& request);
  absl::StatusOr<gsdk::card::Set1XConfigResponse> Set1xConfig(
      const gsdk::card::Set1XConfigRequest& request);

  absl::StatusOr<gsdk::card::GetBlacklistResponse> GetBlacklist(
      const gsdk::card::GetBlacklistRequest& request);
  // A card that is there already stays; kResourceExhausted if they do not all fit.
  absl::StatusOr<gsdk::card::AddBlacklistResponse> AddBlacklist(
      const gsdk::card::AddBlacklistRequest& request);
  // kNotFound if one of them is not there.
  absl::StatusOr<gsdk::card::DeleteBlacklistResponse> DeleteBlacklist(
      const gsdk::card::DeleteBlacklistRequest& request);
  absl::StatusOr<gsdk::card::DeleteAllBlacklistResponse> DeleteAllBlacklist(
      const gsdk::card::DeleteAllBlacklistRequest& request);

  static std::span<const Method> Methods();

 private:
  absl::StatusOr<gsdk::card::GetBlacklistResponse> ReadBlacklist();
  absl::Status WriteBlacklist(const gsdk::card::GetBlacklistResponse& list);
};

}  // namespace gatelog::sim
