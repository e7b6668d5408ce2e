#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "absl/time/civil_time.h"
#include "device/uhppote/packet.h"

// The messages of the boards' protocol: requests, replies, and pushed events. Each tells its fields
// once, for reading and for writing; Encode and Decode in packet.h do both.
namespace gatelog::uhppote {

// What EventRequest takes besides the index of a record.
inline constexpr std::uint32_t kFirstRecord = 0;
inline constexpr std::uint32_t kLastRecord = 0xffff'ffff;

inline constexpr std::uint8_t kOverwritten = 0xff;  // EventRecord::type, where the index is 0

// A record of a board's log. What happened is told by `reason`; boards are not to be trusted with
// `type`, and `card` is a card only where somebody showed one.
struct EventRecord {
  std::uint32_t index = 0;  // from 1; 0: there is no such record, and only the type says why
  std::uint8_t type = 0;
  bool granted = false;
  std::uint8_t door = 0;       // 1 to 4; 0: none
  std::uint8_t direction = 0;  // 1 in, 2 out
  std::uint32_t card = 0;
  BcdTime time = {};
  std::uint8_t reason = 0;

  template <typename Self, typename Fields>
  static void Visit(Self& self, Fields& fields) {
    fields.Number(8, self.index);
    fields.Number(12, self.type);
    // A board leaves there what was there before.
    if (self.index == 0) return;
    fields.Flag(13, self.granted);
    fields.Number(14, self.door);
    fields.Number(15, self.direction);
    fields.Number(16, self.card);
    fields.Bytes(20, self.time);
    fields.Number(27, self.reason);
  }
  bool operator==(const EventRecord&) const = default;
};

// A message without fields.
template <Function kOf>
struct Bare {
  static constexpr Function kFunction = kOf;

  template <typename Self, typename Fields>
  static void Visit(Self&, Fields&) {}
  bool operator==(const Bare&) const = default;
};

// Whether the board did it; no: refused, or nothing changed by it.
template <Function kOf>
struct Done {
  static constexpr Function kFunction = kOf;
  bool done = false;

  template <typename Self, typename Fields>
  static void Visit(Self& self, Fields& fields) {
    fields.Flag(8, self.done);
  }
  bool operator==(const Done&) const = default;
};

// Who is there.
using ControllerRequest = Bare<Function::kGetController>;
struct ControllerReply {
  static constexpr Function kFunction = Function::kGetController;
  Ipv4 address = {};
  Ipv4 mask = {};
  Ipv4 gateway = {};
  Mac mac = {};
  FirmwareVersion version = {};
  std::optional<absl::CivilDay> released = {};

  template <typename Self, typename Fields>
  static void Visit(Self& self, Fields& fields) {
    fields.Bytes(8, self.address);
    fields.Bytes(12, self.mask);
    fields.Bytes(16, self.gateway);
    fields.Bytes(20, self.mac);
    fields.Version(26, self.version);
    fields.Day(28, self.released);
  }
  bool operator==(const ControllerReply&) const = default;
};

// The board's state with its newest record. A board sends the same by itself when a record is
// written: once, to its listener, with nobody to confirm it.
using StatusRequest = Bare<Function::kStatus>;
struct Status {
  static constexpr Function kFunction = Function::kStatus;
  EventRecord event = {};                       // index 0: the log is empty
  std::array<std::uint8_t, 4> doors_open = {};  // 1: it is
  std::array<std::uint8_t, 4> buttons = {};     // 1: pressed
  std::uint8_t system_error = 0;
  std::uint32_t sequence = 0;
  std::uint8_t special_info = 0;
  std::uint8_t relays = 0;  // bit 0: door 1 is unlocked
  std::uint8_t inputs = 0;  // bit 0: force-lock; bit 1: fire
  std::optional<absl::CivilSecond> system_time = {};

  template <typename Self, typename Fields>
  static void Visit(Self& self, Fields& fields) {
    EventRecord::Visit(self.event, fields);
    fields.Bytes(28, self.doors_open);
    fields.Bytes(32, self.buttons);
    fields.Number(36, self.system_error);
    fields.SystemTime(37, 51, self.system_time);
    fields.Number(40, self.sequence);
    fields.Number(48, self.special_info);
    fields.Number(49, self.relays);
    fields.Number(50, self.inputs);
  }
  bool operator==(const Status&) const = default;
};

// A record by its index, or kFirstRecord, or kLastRecord; the reply has the index that it really
// has.
struct EventRequest {
  static constexpr Function kFunction = Function::kGetEvent;
  std::uint32_t index = 0;

  template <typename Self, typename Fields>
  static void Visit(Self& self, Fields& fields) {
    fields.Number(8, self.index);
  }
  bool operator==(const EventRequest&) const = default;
};
struct EventReply {
  static constexpr Function kFunction = Function::kGetEvent;
  EventRecord event = {};

  // Gone from the log. Else, where the index is 0: not written yet.
  bool overwritten() const { return event.index == 0 && event.type == kOverwritten; }

  template <typename Self, typename Fields>
  static void Visit(Self& self, Fields& fields) {
    EventRecord::Visit(self.event, fields);
  }
  bool operator==(const EventReply&) const = default;
};

// A number that the board keeps for whoever wants it, and never changes itself.
using EventIndexRequest = Bare<Function::kGetEventIndex>;
struct EventIndexReply {
  static constexpr Function kFunction = Function::kGetEventIndex;
  std::uint32_t index = 0;

  template <typename Self, typename Fields>
  static void Visit(Self& self, Fields& fields) {
    fields.Number(8, self.index);
  }
  bool operator==(const EventIndexReply&) const = default;
};
struct SetEventIndexRequest {
  static constexpr Function kFunction = Function::kSetEventIndex;
  std::uint32_t index = 0;

  template <typename Self, typename Fields>
  static void Visit(Self& self, Fields& fields) {
    fields.Number(8, self.index);
    fields.Magic(12);
  }
  bool operator==(const SetEventIndexRequest&) const = default;
};
using SetEventIndexReply = Done<Function::kSetEventIndex>;

// Where the board pushes its events to; there is one such place.
template <Function kOf>
struct ListenerOf {
  static constexpr Function kFunction = kOf;
  Ipv4 address = {};  // all zero: nowhere
  std::uint16_t port = 0;
  std::uint8_t interval_s = 0;  // the newest event is sent again and again; 0: only once

  template <typename Self, typename Fields>
  static void Visit(Self& self, Fields& fields) {
    fields.Bytes(8, self.address);
    fields.Number(12, self.port);
    fields.Number(14, self.interval_s);
  }
  bool operator==(const ListenerOf&) const = default;
};
using SetListenerRequest = ListenerOf<Function::kSetListener>;
using SetListenerReply = Done<Function::kSetListener>;
using ListenerRequest = Bare<Function::kGetListener>;
using ListenerReply = ListenerOf<Function::kGetListener>;

// The board's wall clock.
template <Function kOf>
struct TimeOf {
  static constexpr Function kFunction = kOf;
  std::optional<absl::CivilSecond> time = {};  // nullopt: it was never set

  template <typename Self, typename Fields>
  static void Visit(Self& self, Fields& fields) {
    fields.Time(8, self.time);
  }
  bool operator==(const TimeOf&) const = default;
};
using TimeRequest = Bare<Function::kGetTime>;
using TimeReply = TimeOf<Function::kGetTime>;
using SetTimeRequest = TimeOf<Function::kSetTime>;
using SetTimeReply = TimeOf<Function::kSetTime>;

// Whether doors that open and close, and buttons, are recorded. A board comes without.
struct SpecialEventsRequest {
  static constexpr Function kFunction = Function::kRecordSpecialEvents;
  bool on = false;

  template <typename Self, typename Fields>
  static void Visit(Self& self, Fields& fields) {
    fields.Flag(8, self.on);
  }
  bool operator==(const SpecialEventsRequest&) const = default;
};
using SpecialEventsReply = Done<Function::kRecordSpecialEvents>;

struct OpenDoorRequest {
  static constexpr Function kFunction = Function::kOpenDoor;
  std::uint8_t door = 0;  // 1 to 4

  template <typename Self, typename Fields>
  static void Visit(Self& self, Fields& fields) {
    fields.Number(8, self.door);
  }
  bool operator==(const OpenDoorRequest&) const = default;
};
using OpenDoorReply = Done<Function::kOpenDoor>;

template <Function kOf>
struct CardOf {
  static constexpr Function kFunction = kOf;
  std::uint32_t number = 0;
  std::optional<absl::CivilDay> from = {};
  std::optional<absl::CivilDay> to = {};
  // Of each door: 0 never, 1 always, 2 to 254 a time profile.
  std::array<std::uint8_t, 4> doors = {};
  std::uint32_t pin = 0;  // at most 999,999; 0: none
  bool first_card = false;

  template <typename Self, typename Fields>
  static void Visit(Self& self, Fields& fields) {
    fields.Number(8, self.number);
    fields.Day(12, self.from);
    fields.Day(16, self.to);
    fields.Bytes(20, self.doors);
    fields.Number24(24, self.pin);
    fields.Flag(27, self.first_card);
  }
  bool operator==(const CardOf&) const = default;
};
using PutCardRequest = CardOf<Function::kPutCard>;
using PutCardReply = Done<Function::kPutCard>;
struct CardRequest {
  static constexpr Function kFunction = Function::kGetCard;
  std::uint32_t number = 0;

  template <typename Self, typename Fields>
  static void Visit(Self& self, Fields& fields) {
    fields.Number(8, self.number);
  }
  bool operator==(const CardRequest&) const = default;
};
using CardReply = CardOf<Function::kGetCard>;

// Whether a host decides who may enter. Any request of it keeps that up for 30 s.
struct PcControlRequest {
  static constexpr Function kFunction = Function::kSetPcControl;
  bool on = false;

  template <typename Self, typename Fields>
  static void Visit(Self& self, Fields& fields) {
    fields.Magic(8);
    fields.Flag(12, self.on);
  }
  bool operator==(const PcControlRequest&) const = default;
};
using PcControlReply = Done<Function::kSetPcControl>;

// Also empties the log: the next record has index 1.
struct RestoreDefaultsRequest {
  static constexpr Function kFunction = Function::kRestoreDefaults;

  template <typename Self, typename Fields>
  static void Visit(Self&, Fields& fields) {
    fields.Magic(8);
  }
  bool operator==(const RestoreDefaultsRequest&) const = default;
};
using RestoreDefaultsReply = Done<Function::kRestoreDefaults>;

}  // namespace gatelog::uhppote
