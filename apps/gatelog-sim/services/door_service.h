#pragma once

#include "apps/gatelog-sim/services/service.h"
#include "gsdk/door.pb.h"

namespace gatelog::sim {

// gsdk.door.Door: the doors of a terminal. Those of its place are there from the beginning; door
// events come from the doors of this list alone. Adding one whose ID is there replaces it; one call
// does all or nothing.
//
// Lock, Unlock and Release take one flag, and set it in the one list of the door and take it out of
// the other, or out of both. They write 0x5D00, 0x5E00 and 0x5C00 with the flag as sub code, where
// that changed anything, then 0x5000 or 0x5100 if the relay switched. SetAlarm says which alarms
// there are from now on, and writes those that begin or end.
class DoorService final : public TypedService<DoorService> {
 public:
  using TypedService::TypedService;
  static std::span<const Method> Methods();

 private:
  using Doors = gsdk::door::GetListResponse;
  enum class Order { kLock, kUnlock, kRelease };

  absl::StatusOr<Doors> GetList(const gsdk::door::GetListRequest& request);
  absl::StatusOr<gsdk::door::GetStatusResponse> GetStatus(
      const gsdk::door::GetStatusRequest& request);
  absl::StatusOr<gsdk::door::AddResponse> Add(const gsdk::door::AddRequest& request);
  absl::StatusOr<gsdk::door::DeleteResponse> Delete(const gsdk::door::DeleteRequest& request);
  absl::StatusOr<gsdk::door::DeleteAllResponse> DeleteAll(
      const gsdk::door::DeleteAllRequest& request);
  absl::StatusOr<gsdk::door::LockResponse> Lock(const gsdk::door::LockRequest& request);
  absl::StatusOr<gsdk::door::UnlockResponse> Unlock(const gsdk::door::UnlockRequest& request);
  absl::StatusOr<gsdk::door::ReleaseResponse> Release(const gsdk::door::ReleaseRequest& request);
  absl::StatusOr<gsdk::door::SetAlarmResponse> SetAlarm(const gsdk::door::SetAlarmRequest& request);

  absl::StatusOr<Doors> ReadDoors();
  absl::Status Save(const Doors& doors);
  absl::Status CheckDoor(const gsdk::door::DoorInfo& door) const;
  absl::Status Carry(Order order, const google::protobuf::RepeatedField<std::uint32_t>& ids,
                     std::uint32_t flag);
  // Inside a change.
  absl::Status Carry(Order order, std::uint32_t flag, gsdk::door::DoorInfo& door);
  absl::Status StageDoor(std::uint32_t code, std::uint32_t sub_code, std::uint32_t door);
};

}  // namespace gatelog::sim
