"""What an event tells besides its code: over long logs that hold every code, read through the gateway."""

import time
import unittest

from harness import FIRST_ID, EndToEndTest  # first: finds the generated contracts

import grpc
from gsdk import device_pb2, event_pb2, tna_pb2

HISTORY = 20_000
PAGE = 16_384
INPUT_EVENTS = {0x3F00, 0x4600, 0x4700}
ALARM_ZONE_EVENTS = {0x9300, 0x9800}
INTERLOCK_VIOLATED = 0xA000
UNKNOWN_CARD = (0x1100, 0x02)
DOOR_OPENED = 0x5200


def category(event):
    """What the event is about, by its code."""
    code = event.eventCode
    if 0x1000 <= code < 0x1F00:
        return "authentication"
    if 0x2000 <= code < 0x2B00:
        return "user"
    if 0x5000 <= code < 0x6000:
        return "door"
    if 0x6000 <= code < 0x7000 or 0x8000 <= code < 0xBC00:
        return "zone"
    return "lift" if 0x7000 <= code < 0x8000 else "device"


class FieldsTest(EndToEndTest):
    def setUp(self):
        super().setUp()
        self.sim = self.simulator(devices=2, history=HISTORY, images=True)
        self.gw = self.gateway()
        for number in (1, 2):
            self.gw.add(self.sim.address(number))

    def log(self, device):
        read = list(self.gw.get_log(0, PAGE, device))
        return read + list(self.gw.get_log(read[-1].ID + 1, PAGE, device))

    def test_fields_come_with_the_codes_that_they_belong_to(self):
        events = [event for device in self.sim.ids for event in self.log(device)]
        self.assertEqual(2 * HISTORY, len(events))
        of = {}
        for event in events:
            of.setdefault(category(event), []).append(event)
        # A person in events of authentication and of users; a door, a zone or a lift in theirs; never both.
        for name, some in of.items():
            about_people, about_things = name in ("authentication", "user"), name in ("door", "zone", "lift")
            self.assertEqual(about_people, any(e.userID for e in some), name)
            self.assertEqual(about_things, any(e.entityID for e in some), name)
            self.assertEqual(about_things, all(e.entityID for e in some), name)
        # Details are there with these codes, and with no others.
        for field, expected in [
            ("inputInfo", lambda e: e.eventCode in INPUT_EVENTS),
            ("alarmZoneInfo", lambda e: e.eventCode in ALARM_ZONE_EVENTS),
            ("interlockZoneInfo", lambda e: e.eventCode == INTERLOCK_VIOLATED),
        ]:
            self.assertEqual([e.ID for e in events if expected(e)], [e.ID for e in events if e.HasField(field)], field)
            self.assertTrue(any(expected(e) for e in events), field)
        self.assertEqual([e.ID for e in events if (e.eventCode, e.subCode) == UNKNOWN_CARD],
                         [e.ID for e in events if e.cardData])
        # What only some of these events have, and others never.
        for field, where in [("TNAKey", "authentication"), ("temperature", "authentication"), ("changedOnDevice", "user")]:
            self.assertEqual({where}, {category(e) for e in events if getattr(e, field)}, field)
        self.assertLessEqual({e.TNAKey for e in events}, set(range(tna_pb2.KEY_16 + 1)))

    def test_what_details_tell(self):
        events = [event for device in self.sim.ids for event in self.log(device)]
        detected = [e for e in events if e.HasField("inputInfo")]
        self.assertTrue(all(e.inputInfo.ioDeviceID for e in detected))
        value = {e.eventCode: {d.inputInfo.value for d in detected if d.eventCode == e.eventCode} for e in detected}
        self.assertEqual({0x3F00: {event_pb2.OPEN, event_pb2.CLOSED}, 0x4600: {event_pb2.SUPERVISED_SHORT},
                          0x4700: {event_pb2.SUPERVISED_OPEN}}, value)
        for event in events:
            if event.HasField("alarmZoneInfo"):
                alarm = event.alarmZoneInfo
                self.assertEqual(event.entityID, alarm.zoneID)
                self.assertNotEqual(bool(alarm.doorID), bool(alarm.ioDeviceID))
            if event.HasField("interlockZoneInfo"):
                self.assertEqual(event.entityID, event.interlockZoneInfo.zoneID)
                self.assertGreaterEqual(len(event.interlockZoneInfo.doorIDs), 2)

    def test_timestamps_are_unix_seconds(self):
        before = int(time.time())
        written = self.sim.inject(eventCode=DOOR_OPENED, entityID=1)
        after = int(time.time())
        [event] = self.gw.get_log(written, 1)
        self.assertIn(event.timestamp, range(before, after + 1))

    def test_a_terminal_without_a_camera_says_so_and_has_no_images(self):
        sim = self.simulator(name="blind", history=100, first_id=FIRST_ID + 100)
        blind = self.gw.add(sim.address())
        can = {device: self.gw.device.GetCapabilityInfo(device_pb2.GetCapabilityInfoRequest(
            deviceID=device)).capInfo.imageLogSupported for device in (FIRST_ID, blind)}
        self.assertEqual({FIRST_ID: True, blind: False}, can)
        self.assertEqual([], list(self.gw.event.GetImageLog(
            event_pb2.GetImageLogRequest(deviceID=blind, maxNumOfLog=2)).imageEvents))
        with self.fails(grpc.StatusCode.UNIMPLEMENTED):
            self.gw.event.SetImageFilter(event_pb2.SetImageFilterRequest(
                deviceID=blind, filters=[event_pb2.ImageFilter(eventCode=0x1300, scheduleID=1)]))


if __name__ == "__main__":
    unittest.main()
