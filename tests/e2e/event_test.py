"""The Event service as a client sees it: logs, filters, images, errors of several devices."""

import unittest

from harness import FIRST_ID, EndToEndTest  # first: finds the generated contracts

import grpc
from gsdk import event_pb2, schedule_pb2, schedule_pb2_grpc, tna_pb2
import compare
from multi_errors import multi_errors

HISTORY = 3000
UNKNOWN = 999


class EventTest(EndToEndTest):
    def setUp(self):
        super().setUp()
        self.sim = self.simulator(devices=2, history=HISTORY, images=True)
        self.gw = self.gateway()
        for number in (1, 2):
            self.assertEqual(self.sim.ids[number - 1], self.gw.add(self.sim.address(number)))
        self.log = compare.terminal_log(self.sim.data_dir, FIRST_ID)

    def with_filter(self, *filters, start=0, count=0, device=FIRST_ID):
        return list(self.gw.event.GetLogWithFilter(event_pb2.GetLogWithFilterRequest(
            deviceID=device, startEventID=start, maxNumOfLog=count,
            filters=[event_pb2.EventFilter(**f) for f in filters])).events)

    def test_get_log_pages_through_the_terminals_own_log(self):
        read, start = [], 0
        while page := self.gw.get_log(start, 1024):
            read += page
            start = page[-1].ID + 1
            if len(page) < 1024:
                break
        self.assertEqual(sorted(self.log), [e.ID for e in read])
        for event in read:
            self.assertEqual(event_pb2.EventLog.FromString(self.log[event.ID]), event)
        # inclusive start, exact counts, an empty list beyond the end, everything for 0
        self.assertEqual([100, 101, 102], [e.ID for e in self.gw.get_log(100, 3)])
        self.assertEqual([], self.gw.get_log(max(self.log) + 1000, 10))
        self.assertEqual(len(self.log), len(self.gw.get_log(0, 0)))

    def test_filters(self):
        everything = self.gw.get_log()
        verified = [e for e in everything if e.userID]
        self.assertTrue(verified)
        one = verified[len(verified) // 2]
        ids = lambda events: [e.ID for e in events]  # noqa: E731

        self.assertEqual(ids(everything), ids(self.with_filter()))
        self.assertEqual(ids(e for e in everything if e.userID == one.userID), ids(self.with_filter({"userID": one.userID})))
        self.assertEqual(ids(e for e in everything if e.eventCode == one.eventCode),
                         ids(self.with_filter({"eventCode": one.eventCode})))
        first, last = everything[500].timestamp, everything[1500].timestamp
        self.assertEqual(ids(e for e in everything if first <= e.timestamp <= last),
                         ids(self.with_filter({"startTime": first, "endTime": last})))
        # fields within a filter: all; several filters: any; a count is of what passed
        both = [e for e in everything if e.userID == one.userID and e.eventCode == one.eventCode]
        self.assertEqual(ids(both), ids(self.with_filter({"userID": one.userID, "eventCode": one.eventCode})))
        either = [e for e in everything if e.userID == one.userID or e.eventCode == 0x5000]
        self.assertEqual(ids(either), ids(self.with_filter({"userID": one.userID}, {"eventCode": 0x5000})))
        self.assertEqual(ids(either)[3:8], ids(self.with_filter({"userID": one.userID}, {"eventCode": 0x5000},
                                                                start=either[3].ID, count=5)))
        keyed = [e for e in everything if e.TNAKey]
        self.assertTrue(keyed, "no T&A key in the log")
        self.assertEqual(ids(e for e in everything if e.TNAKey == keyed[0].TNAKey),
                         ids(self.with_filter({"TNAKey": keyed[0].TNAKey})))
        self.assertEqual(ids(everything), ids(self.with_filter(*[{}] * 32)))
        with self.fails(grpc.StatusCode.INVALID_ARGUMENT, "32"):
            self.with_filter(*[{}] * 33)

    def test_tna_log_is_the_part_with_keys(self):
        keyed = [e for e in self.gw.get_log() if e.TNAKey]
        reply = self.gw.tna.GetTNALog(tna_pb2.GetTNALogRequest(deviceID=FIRST_ID))
        logs = list(reply.TNAEvents)
        self.assertEqual([(e.ID, e.timestamp, e.userID, e.TNAKey) for e in keyed],
                         [(e.ID, e.timestamp, e.userID, e.TNAKey) for e in logs])

    def test_image_logs_are_jpegs_of_events_that_have_them(self):
        with_image = {e.ID: e for e in self.gw.get_log() if e.hasImage}
        self.assertTrue(with_image)
        images, start = [], 0
        while page := self.gw.event.GetImageLog(event_pb2.GetImageLogRequest(
                deviceID=FIRST_ID, startEventID=start, maxNumOfLog=20)).imageEvents:
            images += page
            start = page[-1].ID + 1
        self.assertEqual(sorted(with_image), [i.ID for i in images])
        for image in images:
            event = with_image[image.ID]
            self.assertEqual((event.timestamp, event.eventCode, event.subCode, event.userID),
                             (image.timestamp, image.eventCode, image.subCode, image.userID))
            self.assertLessEqual(len(image.JPGImage), 16 * 1024)
            self.assertTrue(image.JPGImage.startswith(b"\xff\xd8\xff") and image.JPGImage.endswith(b"\xff\xd9"))

    def test_all_images_at_once(self):
        with_image = [e.ID for e in self.gw.get_log() if e.hasImage]
        images = self.gw.event.GetImageLog(event_pb2.GetImageLogRequest(
            deviceID=FIRST_ID, startEventID=0, maxNumOfLog=0)).imageEvents
        self.assertEqual(with_image, [i.ID for i in images])

    def test_image_filter_decides_which_events_get_images(self):
        get = lambda device=FIRST_ID: [(f.eventCode, f.scheduleID) for f in self.gw.event.GetImageFilter(  # noqa: E731
            event_pb2.GetImageFilterRequest(deviceID=device)).filters]
        set_filters = lambda filters: self.gw.event.SetImageFilter(event_pb2.SetImageFilterRequest(  # noqa: E731
            deviceID=FIRST_ID, filters=[event_pb2.ImageFilter(eventCode=c, scheduleID=s) for c, s in filters]))
        set_filters([(0x1300, 0), (0x5400, 1)])
        self.assertEqual([(0x1300, 0), (0x5400, 1)], get())
        never = self.sim.inject(eventCode=0x1300, subCode=4, userID="7")
        always = self.sim.inject(eventCode=0x5400, entityID=1)
        has_image = {e.ID: e.hasImage for e in self.gw.get_log(never)}
        self.assertEqual({never: False, always: True}, {i: has_image[i] for i in (never, always)})
        set_filters([])
        self.assertEqual([], get())
        with self.fails(grpc.StatusCode.INVALID_ARGUMENT, "32"):
            set_filters([(0x1300, 1)] * 33)
        self.gw.event.SetImageFilterMulti(event_pb2.SetImageFilterMultiRequest(
            deviceIDs=self.sim.ids, filters=[event_pb2.ImageFilter(eventCode=0x1900, scheduleID=1)]))
        self.assertEqual([[(0x1900, 1)]] * 2, [get(device) for device in self.sim.ids])

    def test_image_filters_honour_schedules(self):
        schedules = schedule_pb2_grpc.ScheduleStub(self.gw.channel)
        whole_day = schedule_pb2.DaySchedule(periods=[schedule_pb2.TimePeriod(startTime=0, endTime=24 * 60)])
        schedules.Add(schedule_pb2.AddRequest(deviceID=FIRST_ID, schedules=[
            schedule_pb2.ScheduleInfo(ID=2, name="all week", weekly=schedule_pb2.WeeklySchedule(daySchedules=[whole_day] * 7)),
            schedule_pb2.ScheduleInfo(ID=3, name="no time", weekly=schedule_pb2.WeeklySchedule(
                daySchedules=[schedule_pb2.DaySchedule()] * 7))]))
        set_filters = lambda *filters: self.gw.event.SetImageFilter(event_pb2.SetImageFilterRequest(  # noqa: E731
            deviceID=FIRST_ID, filters=[event_pb2.ImageFilter(eventCode=c, scheduleID=s) for c, s in filters]))
        set_filters((0x1300, 2), (0x5400, 3))
        within = self.sim.inject(eventCode=0x1300, subCode=4, userID="7")
        outside = self.sim.inject(eventCode=0x5400, entityID=1)
        self.assertEqual({within: True, outside: False}, {e.ID: e.hasImage for e in self.gw.get_log(within)})
        with self.fails(grpc.StatusCode.INVALID_ARGUMENT, "4"):
            set_filters((0x1300, 4))

    def test_clear_log_multi_empties_each_log(self):
        self.gw.event.ClearLogMulti(event_pb2.ClearLogMultiRequest(deviceIDs=self.sim.ids))
        for device in self.sim.ids:
            [cleared] = self.gw.get_log(device_id=device)
            self.assertEqual((0x4200, HISTORY + 1), (cleared.eventCode, cleared.ID))

    def test_multi_calls_name_each_device_that_failed(self):
        for call, request in [
            (self.gw.event.EnableMonitoringMulti, event_pb2.EnableMonitoringMultiRequest),
            (self.gw.event.DisableMonitoringMulti, event_pb2.DisableMonitoringMultiRequest),
            (self.gw.event.SetImageFilterMulti, event_pb2.SetImageFilterMultiRequest),
            (self.gw.event.ClearLogMulti, event_pb2.ClearLogMultiRequest),
        ]:
            with self.subTest(request=request.__name__):
                call(request(deviceIDs=self.sim.ids))
                call(request())
                with self.assertRaises(grpc.RpcError) as caught:
                    call(request(deviceIDs=[self.sim.ids[0], UNKNOWN, UNKNOWN, self.sim.ids[1], UNKNOWN + 1]))
                errors = multi_errors(caught.exception)
                self.assertEqual({UNKNOWN, UNKNOWN + 1}, set(errors))
                self.assertEqual(grpc.StatusCode.NOT_FOUND, caught.exception.code())
                for error in errors.values():
                    self.assertEqual(grpc.StatusCode.NOT_FOUND.value[0], error.code)
                    self.assert_sentence(error.msg)

    def test_an_unknown_device_is_named(self):
        for call, request in [
            (self.gw.event.GetLog, event_pb2.GetLogRequest),
            (self.gw.event.GetLogWithFilter, event_pb2.GetLogWithFilterRequest),
            (self.gw.event.GetImageLog, event_pb2.GetImageLogRequest),
            (self.gw.event.GetImageFilter, event_pb2.GetImageFilterRequest),
            (self.gw.event.SetImageFilter, event_pb2.SetImageFilterRequest),
            (self.gw.event.ClearLog, event_pb2.ClearLogRequest),
            (self.gw.event.EnableMonitoring, event_pb2.EnableMonitoringRequest),
            (self.gw.event.DisableMonitoring, event_pb2.DisableMonitoringRequest),
            (self.gw.tna.GetTNALog, tna_pb2.GetTNALogRequest),
        ]:
            with self.subTest(request=request.__name__), self.fails(grpc.StatusCode.NOT_FOUND, str(UNKNOWN)):
                call(request(deviceID=UNKNOWN))


if __name__ == "__main__":
    unittest.main()
