"""The calls that copied programs make, in the order in which they make them, from Python.

A sequence is one test. What programs of this kind do wrong, or in either of two orders, is done here too.
"""

import unittest

from shared_site import CALLER, FIRST, HISTORY, SECOND, THIRD, SharedSiteTest  # first: finds the generated contracts
from harness import free_port, wait_for

import grpc
from gsdk import (admin_pb2, card_pb2, connect_pb2, device_pb2, event_pb2, face_pb2, finger_pb2, thermal_pb2, tna_pb2,
                  user_pb2)
import compare
from copied_client import CopiedClient, Reader
from multi_errors import multi_errors
from sync_client import DELETED, ENROLLED, UPDATED, SyncClient

DOOR_OPENED, IDENTIFIED, FEVER = 0x5200, 0x1300, 0x1C00
BY_FACE = 3
NOBODY = "4294967295"
PERSON = "7700011"
TOGETHER = (FIRST, SECOND, THIRD)
UNKNOWN = 999
SEARCH_MS = 500
UP, DOWN = connect_pb2.TCP_CONNECTED, connect_pb2.DISCONNECTED


def person(user_id=PERSON, name="Ada"):
    return user_pb2.UserInfo(hdr=user_pb2.UserHdr(ID=user_id), name=name)


class SequenceTest(SharedSiteTest):
    def setUp(self):
        super().setUp()
        self.client = self.new_client()

    def new_client(self, **options):
        client = CopiedClient(self.gw, **options)
        self.addCleanup(client.close)
        return client

    def open(self, number, client=None):
        return (client or self.client).open(self.sim.host(number), self.sim.port)

    def door(self, device=FIRST):
        return self.sim.inject(device, eventCode=DOOR_OPENED, entityID=1)

    def watch_status(self, client=None):
        """(the reader of a status stream, its changes as (device ID, status value))."""
        changes = []
        call = (client or self.client).connect.SubscribeStatus(connect_pb2.SubscribeStatusRequest(queueSize=32))
        call.initial_metadata()
        reader = Reader(call, lambda change: changes.append((change.deviceID, change.status)))
        self.addCleanup(reader.cancel)
        return reader, changes

    def refused_by(self, call, request):
        """Device ID -> code of a Multi call that fails."""
        with self.assertRaises(grpc.RpcError) as caught:
            call(request)
        errors = multi_errors(caught.exception)
        for error in errors.values():
            self.assert_sentence(error.msg)
        return {device: error.code for device, error in errors.items()}


class QuickTest(SequenceTest):
    def test_quick(self):
        self.assertEqual({}, self.client.devices())
        device = self.open(1)
        self.assertEqual(connect_pb2.TCP_CONNECTED, self.client.devices()[device].status)
        self.assertTrue(self.client.device.GetInfo(device_pb2.GetInfoRequest(deviceID=device)).info.modelName)
        can = self.client.device.GetCapabilityInfo(device_pb2.GetCapabilityInfoRequest(deviceID=device)).capInfo
        self.scans_what_the_terminal_says_it_can(device, can)
        self.enrols_and_deletes_somebody(device)
        self.reads_and_watches_the_log(device)
        self.client.connect.Disconnect(connect_pb2.DisconnectRequest(deviceIDs=[device]))
        wait_for(lambda: device not in self.client.devices(), "the device leaves the list")

    def scans_what_the_terminal_says_it_can(self, device, can):
        """A program that is told of a reader uses it, and gives up when that fails."""
        if can.faceSupported:
            self.client.face.GetConfig(face_pb2.GetConfigRequest(deviceID=device))
            self.client.face.Scan(face_pb2.ScanRequest(deviceID=device))
        if can.fingerSupported:
            self.client.finger.GetConfig(finger_pb2.GetConfigRequest(deviceID=device))
            self.client.finger.Scan(finger_pb2.ScanRequest(deviceID=device))
        if can.cardSupported:
            self.client.card.Scan(card_pb2.ScanRequest(deviceID=device))
            self.client.card.GetBlacklist(card_pb2.GetBlacklistRequest(deviceID=device))

    def enrols_and_deletes_somebody(self, device):
        users = self.client.user
        ids = lambda: [header.ID for header in users.GetList(user_pb2.GetListRequest(deviceID=device)).hdrs]  # noqa: E731
        before = ids()
        known = users.Get(user_pb2.GetRequest(deviceID=device, userIDs=before)).users
        self.assertEqual(sorted(before), sorted(user.hdr.ID for user in known))
        users.Enroll(user_pb2.EnrollRequest(deviceID=device, users=[person("7700001"), person("7700002", "Grace")]))
        self.assertEqual(sorted([*before, "7700001", "7700002"]), sorted(ids()))
        [grace] = users.Get(user_pb2.GetRequest(deviceID=device, userIDs=["7700002"])).users
        self.assertEqual("Grace", grace.name)
        users.Delete(user_pb2.DeleteRequest(deviceID=device, userIDs=["7700001", "7700002"]))
        self.assertEqual(sorted(before), sorted(ids()))

    def reads_and_watches_the_log(self, device):
        events = self.client.get_log(device, 0, 16)
        self.assertEqual(16, len(events))
        self.assertEqual(sorted(e.ID for e in events), [e.ID for e in events])
        images = self.client.event.GetImageLog(
            event_pb2.GetImageLogRequest(deviceID=device, startEventID=0, maxNumOfLog=2)).imageEvents
        self.assertEqual(2, len(images))
        self.client.event.EnableMonitoring(event_pb2.EnableMonitoringRequest(deviceID=device))
        live = self.client.live()
        written, seen = [self.door(device), self.door(device)], []
        # Cancelling within the loop ends it with an error: the call that would end monitoring is never made.
        with self.assertRaises(grpc.RpcError) as caught:
            for event in live:
                seen.append(event.ID)
                if len(seen) == 2:
                    live.cancel()
            self.client.event.DisableMonitoring(event_pb2.DisableMonitoringRequest(deviceID=device))
        self.assertEqual(grpc.StatusCode.CANCELLED, caught.exception.code())
        self.assertEqual(written, seen)


class EventTest(SequenceTest):
    def run_event(self, client, cancel_first):
        device = self.open(1, client)
        client.event.EnableMonitoring(event_pb2.EnableMonitoringRequest(deviceID=device))
        seen, call = [], client.live(queue_size=8)
        live = Reader(call, seen.append)
        written = [self.door(), self.sim.inject(eventCode=IDENTIFIED, subCode=BY_FACE, userID="1234"), self.door()]
        wait_for(lambda: len(seen) == len(written), "the live events")
        self.assertEqual(written, [e.ID for e in seen])
        # What was seen live is read again, and of it what has the code of the first.
        self.assertEqual(seen, list(client.get_log(device, seen[0].ID, 32)))
        opened = client.event.GetLogWithFilter(event_pb2.GetLogWithFilterRequest(
            deviceID=device, startEventID=seen[0].ID, maxNumOfLog=32,
            filters=[event_pb2.EventFilter(eventCode=seen[0].eventCode)])).events
        self.assertEqual([seen[0], seen[2]], list(opened))
        if cancel_first:
            live.cancel()
        client.event.DisableMonitoring(event_pb2.DisableMonitoringRequest(deviceID=device))
        live.cancel()
        self.assertIsNone(live.error)
        client.connect.Disconnect(connect_pb2.DisconnectRequest(deviceIDs=[device]))
        wait_for(lambda: device not in client.devices(), "the device leaves the list")

    def test_event_disables_then_cancels(self):
        self.run_event(self.client, cancel_first=False)

    def test_event_cancels_then_disables(self):
        self.run_event(self.client, cancel_first=True)

    def test_old_paths(self):
        old = self.new_client(old_paths=True)
        self.assertTrue(old.admin.GetInfo(admin_pb2.GetInfoRequest()).version)
        self.run_event(old, cancel_first=False)
        with self.assertRaises(grpc.RpcError) as caught:
            old.get_log(UNKNOWN, 0, 1)
        self.assertEqual(grpc.StatusCode.NOT_FOUND, caught.exception.code())
        failed = self.refused_by(old.event.EnableMonitoringMulti,
                                 event_pb2.EnableMonitoringMultiRequest(deviceIDs=[UNKNOWN]))
        self.assertEqual({UNKNOWN: grpc.StatusCode.NOT_FOUND.value[0]}, failed)


class MonitorTest(SequenceTest):
    def test_monitor(self):
        devices = [self.open(1), self.open(2)]
        self.assertEqual(set(devices), set(self.client.devices()))
        for device in devices:
            self.client.device.GetInfo(device_pb2.GetInfoRequest(deviceID=device))
            self.client.device.GetCapabilityInfo(device_pb2.GetCapabilityInfoRequest(deviceID=device))
        self.client.event.EnableMonitoringMulti(event_pb2.EnableMonitoringMultiRequest(deviceIDs=devices))
        of_both, of_second = [], []
        both = Reader(self.client.live(), of_both.append)
        second = Reader(self.client.live(device_ids=[SECOND]), of_second.append)
        written = {(FIRST, self.door(FIRST)), (SECOND, self.door(SECOND))}
        wait_for(lambda: len(of_both) == 2 and of_second, "the live events")
        self.assertEqual(written, {(e.deviceID, e.ID) for e in of_both})
        self.assertEqual([SECOND], [e.deviceID for e in of_second])
        self.client.event.DisableMonitoringMulti(event_pb2.DisableMonitoringMultiRequest(deviceIDs=devices))
        for live in (both, second):
            live.cancel()
            self.assertIsNone(live.error)
        # A list in a list reaches the gateway as a device of which nobody knows.
        with self.fails(grpc.StatusCode.NOT_FOUND):
            self.client.connect.Disconnect(connect_pb2.DisconnectRequest(deviceIDs=[0]))
        self.assertEqual(set(devices), set(self.client.devices()))
        self.client.connect.Disconnect(connect_pb2.DisconnectRequest(deviceIDs=devices))
        wait_for(lambda: not self.client.devices(), "the devices leave the list")


class ConnectTest(SequenceTest):
    """The gateway connects to terminals, then one of them is told to call, and to use TLS."""

    def setUp(self):
        super().setUp()
        self.calls = self.client.connect
        self.reader, self.changes = self.watch_status()

    def statuses(self, device):
        return [status for changed, status in list(self.changes) if changed == device]

    def becomes(self, device, status):
        wait_for(lambda: self.reader.error or self.statuses(device)[-1:] == [status], f"status {status} of {device}")

    def add(self, *infos):
        self.calls.AddAsyncConnection(connect_pb2.AddAsyncConnectionRequest(connectInfos=[
            connect_pb2.AsyncConnectInfo(deviceID=device, IPAddr=host, port=port) for device, host, port in infos]))

    def delete(self, *devices):
        self.calls.DeleteAsyncConnection(connect_pb2.DeleteAsyncConnectionRequest(deviceIDs=devices))

    def disconnect(self, *devices):
        self.calls.Disconnect(connect_pb2.DisconnectRequest(deviceIDs=devices))

    def test_connect(self):
        found = {d.deviceID: d for d in self.calls.SearchDevice(
            connect_pb2.SearchDeviceRequest(timeout=SEARCH_MS)).deviceInfos}
        self.assertLessEqual(set(self.sim.ids), set(found))
        self.assertEqual((self.sim.host(2), self.sim.port), (found[SECOND].IPAddr, found[SECOND].port))
        self.open(1)
        self.add((SECOND, self.sim.host(2), self.sim.port), (UNKNOWN, self.sim.host(1), free_port()))
        listed = self.client.devices()
        self.assertEqual({FIRST: False, SECOND: True, UNKNOWN: True}, {i: d.autoReconnect for i, d in listed.items()})
        self.assertEqual(connect_pb2.DISCONNECTED, listed[UNKNOWN].status)
        self.becomes(SECOND, UP)
        self.becomes(UNKNOWN, connect_pb2.TCP_CANNOT_CONNECT)
        # Who was connected to once is gone, who is kept comes back.
        self.calls.DisconnectAll(connect_pb2.DisconnectAllRequest())
        wait_for(lambda: self.statuses(SECOND) == [UP, DOWN, UP], "the second terminal is back")
        self.assertEqual({SECOND, UNKNOWN}, set(self.client.devices()))
        self.open(1)
        self.disconnect(FIRST)
        self.delete(SECOND, UNKNOWN)
        self.becomes(FIRST, DOWN)
        self.becomes(SECOND, DOWN)
        self.assertEqual({}, self.client.devices())
        self.assertEqual([UP, DOWN, UP, DOWN], self.statuses(FIRST))
        self.assertEqual([UP, DOWN, UP, DOWN], self.statuses(SECOND))
        self.assertEqual({connect_pb2.TCP_CANNOT_CONNECT}, set(self.statuses(UNKNOWN)))

    def accept(self, *devices):
        self.calls.SetAcceptFilter(connect_pb2.SetAcceptFilterRequest(
            filter=connect_pb2.AcceptFilter(deviceIDs=devices)))

    def pending(self):
        return {d.deviceID: d for d in self.calls.GetPendingList(connect_pb2.GetPendingListRequest()).deviceInfos}

    def set_mode(self, mode, *devices):
        self.calls.SetConnectionModeMulti(connect_pb2.SetConnectionModeMultiRequest(deviceIDs=devices, connectionMode=mode))

    def test_device_to_server(self):
        accepted = self.calls.GetAcceptFilter(connect_pb2.GetAcceptFilterRequest()).filter
        self.assertEqual(connect_pb2.AcceptFilter(), accepted)
        self.open(4)
        self.assertEqual({UNKNOWN: grpc.StatusCode.NOT_FOUND.value[0]}, self.refused_by(
            self.calls.SetConnectionModeMulti, connect_pb2.SetConnectionModeMultiRequest(
                deviceIDs=[UNKNOWN, CALLER], connectionMode=connect_pb2.DEVICE_TO_SERVER)))
        self.becomes(CALLER, connect_pb2.TCP_NOT_ALLOWED)
        self.assertEqual(self.sim.host(4), self.pending()[CALLER].IPAddr)
        self.assertEqual({}, self.client.devices())
        self.accept(CALLER)
        self.becomes(CALLER, UP)
        self.assertEqual({}, self.pending())
        listed = self.client.devices()[CALLER]
        self.assertEqual((connect_pb2.DEVICE_TO_SERVER, 0, False), (listed.connectionMode, listed.port, listed.useSSL))
        self.calls.EnableSSLMulti(connect_pb2.EnableSSLMultiRequest(deviceIDs=[CALLER]))
        self.becomes(CALLER, connect_pb2.TLS_CONNECTED)
        self.assertTrue(self.client.devices()[CALLER].useSSL)
        self.client.event.EnableMonitoring(event_pb2.EnableMonitoringRequest(deviceID=CALLER))
        live = self.client.live()
        self.assertEqual(self.door(CALLER), next(live).ID)
        live.cancel()
        self.calls.DisableSSLMulti(connect_pb2.DisableSSLMultiRequest(deviceIDs=[CALLER]))
        self.becomes(CALLER, UP)
        # Who is disconnected calls again, unless it is no longer let in.
        self.disconnect(CALLER)
        links = [UP, DOWN, UP, DOWN, connect_pb2.TLS_CONNECTED, DOWN, UP, DOWN, UP]
        taken = lambda: [s for s in self.statuses(CALLER) if s in (UP, DOWN, connect_pb2.TLS_CONNECTED)]  # noqa: E731
        wait_for(lambda: taken() == links, "the terminal calls again")
        self.set_mode(connect_pb2.SERVER_TO_DEVICE, CALLER)
        self.accept()
        wait_for(lambda: not self.client.devices(), "the terminal leaves the list")
        self.assertEqual(CALLER, self.open(4))
        self.disconnect(CALLER)
        wait_for(lambda: taken() == [*links, DOWN, UP, DOWN] and not self.client.devices(), "every link told of once")
        self.assertIsNone(self.reader.error)


class SyncTest(SequenceTest):
    """Terminals whose people are kept the same."""

    def test_sync(self):
        addresses = {device: (self.sim.host(number), self.sim.port) for number, device in enumerate(TOGETHER, 1)}
        program = SyncClient(self.client, FIRST, addresses)
        program.start()
        self.addCleanup(program.end_streams)

        def settled(condition):
            wait_for(lambda: condition() or program.errors, "the program gets on")
            self.assertEqual([], program.errors)
        settled(lambda: len(program.armed) == len(addresses))
        self.enrols_on_one_terminal(program, settled)
        self.loses_a_link(program, settled)
        program.stop()
        settled(lambda: not program.linked)
        program.end_streams()
        self.assertEqual([], program.errors)
        self.assertEqual([], program.refused)
        self.assertEqual({FIRST: [UP, DOWN], SECOND: [UP, DOWN, UP, DOWN], THIRD: [UP, DOWN]}, program.statuses)
        self.assertEqual({}, self.client.devices())
        for device in addresses:
            written = sorted(compare.terminal_log(self.sim.data_dir, device))
            self.assertGreater(len(written), HISTORY)
            self.assertEqual(written, [e.ID for e in program.logs[device]])

    def users(self, device):
        headers = self.client.user.GetList(user_pb2.GetListRequest(deviceID=device)).hdrs
        return {header.ID for header in headers}

    def name_on(self, device):
        users = self.client.user.Get(user_pb2.GetRequest(deviceID=device, userIDs=[PERSON])).users
        return users[0].name if users else None

    def enrols_on_one_terminal(self, program, settled):
        """Who is enrolled, changed and deleted on the first terminal is so on the others, by the program's doing."""
        users, others = self.client.user, (SECOND, THIRD)
        before = {device: self.users(device) for device in others}
        with self.fails(grpc.StatusCode.UNIMPLEMENTED):
            self.client.card.Scan(card_pb2.ScanRequest(deviceID=FIRST))
        users.Enroll(user_pb2.EnrollRequest(deviceID=FIRST, users=[person()]))
        settled(lambda: all(PERSON in self.users(device) for device in others))
        self.assertEqual([PERSON], program.enrolled)
        self.assertEqual(["Ada", "Ada"], [self.name_on(device) for device in others])
        self.assertEqual(
            dict.fromkeys(TOGETHER, grpc.StatusCode.ALREADY_EXISTS.value[0]),
            self.refused_by(users.EnrollMulti, user_pb2.EnrollMultiRequest(deviceIDs=TOGETHER, users=[person()])))
        users.Enroll(user_pb2.EnrollRequest(deviceID=FIRST, users=[person(name="Ada L.")], overwrite=True))
        settled(lambda: all(self.name_on(device) == "Ada L." for device in others))
        users.Delete(user_pb2.DeleteRequest(deviceID=FIRST, userIDs=[PERSON]))
        settled(lambda: all(self.users(device) == before[device] for device in others))
        self.assertEqual([], program.enrolled)
        # Nothing is written that would take a person away whom the program does not have.
        with self.fails(grpc.StatusCode.NOT_FOUND):
            users.Delete(user_pb2.DeleteRequest(deviceID=FIRST, userIDs=[PERSON]))
        expected = [(ENROLLED, PERSON), (UPDATED, PERSON), (DELETED, PERSON)]
        for device in TOGETHER:
            of_people = lambda: [(e.eventCode, e.userID) for e in program.logs[device][HISTORY:]  # noqa: E731
                                 if e.userID == PERSON and not e.changedOnDevice]
            settled(lambda: len(of_people()) >= len(expected))
            self.assertEqual(expected, of_people())

    def loses_a_link(self, program, settled):
        """What happens while a link is down is read when it is back."""
        armed = len(program.armed)
        self.sim.disconnect(SECOND)
        missed = self.door(SECOND)
        settled(lambda: len(program.armed) > armed)
        settled(lambda: program.logs[SECOND][-1].ID >= missed)


class TnaTest(SequenceTest):
    def test_tna(self):
        device = self.open(1)
        capability = self.client.device.GetCapability(device_pb2.GetCapabilityRequest(deviceID=device)).deviceCapability
        self.assertTrue(capability.displaySupported)
        self.client.event.EnableMonitoring(event_pb2.EnableMonitoringRequest(deviceID=device))
        seen = []
        live = Reader(self.client.live(), seen.append)
        original = self.config(device)
        keyed = []
        for config in (
            tna_pb2.TNAConfig(mode=tna_pb2.BY_USER, labels=["In", "Out", "Break"]),
            tna_pb2.TNAConfig(mode=tna_pb2.BY_USER, isRequired=True, labels=["In", "Out"]),
            tna_pb2.TNAConfig(mode=tna_pb2.BY_SCHEDULE, schedules=[0, 1], labels=["In", "Out"]),
            tna_pb2.TNAConfig(mode=tna_pb2.LAST_CHOICE, labels=["In", "Out"]),
            tna_pb2.TNAConfig(mode=tna_pb2.FIXED, key=tna_pb2.KEY_2, labels=["In", "Out"]),
        ):
            self.set_config(device, config)
            self.assertEqual(config, self.config(device))
            keyed.append(self.sim.inject(device, eventCode=IDENTIFIED, subCode=BY_FACE, userID="1234",
                                         TNAKey=tna_pb2.KEY_2))
            self.door(device)
        wait_for(lambda: len(seen) == 2 * len(keyed), "the live events")
        logs = self.client.tna.GetTNALog(tna_pb2.GetTNALogRequest(
            deviceID=device, startEventID=seen[0].ID, maxNumOfLog=0)).TNAEvents
        self.assertEqual([(i, device, "1234", IDENTIFIED, BY_FACE, tna_pb2.KEY_2) for i in keyed],
                         [(e.ID, e.deviceID, e.userID, e.eventCode, e.subCode, e.TNAKey) for e in logs])
        self.assertEqual(config, self.config(device))
        self.client.event.DisableMonitoring(event_pb2.DisableMonitoringRequest(deviceID=device))
        self.set_config(device, original)
        live.cancel()
        self.assertIsNone(live.error)
        self.assertEqual(original, self.config(device))
        self.client.connect.Disconnect(connect_pb2.DisconnectRequest(deviceIDs=[device]))
        wait_for(lambda: not self.client.devices(), "the device leaves the list")

    def config(self, device):
        return self.client.tna.GetConfig(tna_pb2.GetConfigRequest(deviceID=device)).config

    def set_config(self, device, config):
        self.client.tna.SetConfig(tna_pb2.SetConfigRequest(deviceID=device, config=config))


class ThermalTest(SequenceTest):
    def test_thermal(self):
        device = self.open(1)
        original = self.config(device)
        self.client.event.EnableMonitoring(event_pb2.EnableMonitoringRequest(deviceID=device))
        seen = []
        live = Reader(self.client.live(), seen.append)
        measured = []
        for check in (thermal_pb2.HARD, thermal_pb2.SOFT):
            config = thermal_pb2.ThermalConfig()
            config.CopyFrom(original)
            config.checkMode, config.temperatureFormat = check, thermal_pb2.CELSIUS
            config.auditTemperature, config.temperatureThresholdHigh = True, 3750
            self.set_config(device, config)
            self.assertEqual(config, self.config(device))
            measured.append(self.sim.inject(device, eventCode=IDENTIFIED, subCode=BY_FACE, userID="1234", temperature=3640))
            measured.append(self.sim.inject(device, eventCode=FEVER, temperature=3910))
            self.door(device)
        wait_for(lambda: len(seen) == 6, "the live events")
        logs = self.client.thermal.GetTemperatureLog(thermal_pb2.GetTemperatureLogRequest(
            deviceID=device, startEventID=seen[0].ID, maxNumOfLog=0)).temperatureEvents
        self.assertEqual(measured, [log.ID for log in logs])
        # Whoever reads the user's ID as a number must be able to, also where there is nobody.
        self.assertEqual([(1234, 3640), (int(NOBODY), 3910)] * 2, [(int(log.userID), log.temperature) for log in logs])
        self.client.event.DisableMonitoring(event_pb2.DisableMonitoringRequest(deviceID=device))
        self.set_config(device, original)
        live.cancel()
        self.assertIsNone(live.error)
        self.assertEqual(original, self.config(device))
        self.client.connect.Disconnect(connect_pb2.DisconnectRequest(deviceIDs=[device]))
        wait_for(lambda: not self.client.devices(), "the device leaves the list")

    def config(self, device):
        return self.client.thermal.GetConfig(thermal_pb2.GetConfigRequest(deviceID=device)).config

    def set_config(self, device, config):
        self.client.thermal.SetConfig(thermal_pb2.SetConfigRequest(deviceID=device, config=config))


if __name__ == "__main__":
    unittest.main()
