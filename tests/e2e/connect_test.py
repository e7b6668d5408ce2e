"""Links, what a device says of itself, and the services that every gRPC tool expects."""

import threading
import unittest
import urllib.error
import urllib.request

from harness import FIRST_ID, EndToEndTest, free_port, wait_for  # first: finds the generated contracts

import grpc
import health_pb2
import health_pb2_grpc
import reflection_pb2
import reflection_pb2_grpc
from gatelog.v1 import devices_pb2
from gsdk import (admin_pb2, card_pb2, card_pb2_grpc, connect_pb2, device_pb2, face_pb2, face_pb2_grpc, finger_pb2,
                  finger_pb2_grpc)


class ConnectTest(EndToEndTest):
    def setUp(self):
        super().setUp()
        self.sim = self.simulator(devices=3, history=20)
        self.gw = self.gateway()

    def connect(self, number):
        return self.gw.connect.Connect(connect_pb2.ConnectRequest(connectInfo=connect_pb2.ConnectInfo(
            IPAddr=self.sim.host(number), port=self.sim.port))).deviceID

    def list(self):
        return {d.deviceID: d for d in self.gw.connect.GetDeviceList(connect_pb2.GetDeviceListRequest()).deviceInfos}

    def watch_status(self):
        call = self.gw.connect.SubscribeStatus(connect_pb2.SubscribeStatusRequest(queueSize=16))
        call.initial_metadata()
        changes = []

        def read():
            try:
                for change in call:
                    changes.append((change.deviceID, change.status))
            except grpc.RpcError:
                pass
        threading.Thread(target=read, daemon=True).start()
        self.addCleanup(call.cancel)
        return changes

    def test_connect_list_disconnect(self):
        changes = self.watch_status()
        self.assertEqual(FIRST_ID, self.connect(1))
        self.assertEqual(FIRST_ID, self.connect(1), "a second Connect keeps the link")
        device = self.list()[FIRST_ID]
        self.assertEqual((self.sim.host(1), self.sim.port, connect_pb2.TCP_CONNECTED, False),
                         (device.IPAddr, device.port, device.status, device.autoReconnect))
        self.gw.connect.Disconnect(connect_pb2.DisconnectRequest(deviceIDs=[FIRST_ID]))
        wait_for(lambda: FIRST_ID not in self.list(), "the device leaves the list")
        wait_for(lambda: len(changes) >= 2, "two status changes")
        self.assertEqual([(FIRST_ID, connect_pb2.TCP_CONNECTED), (FIRST_ID, connect_pb2.DISCONNECTED)], changes)

    def test_a_log_that_is_not_to_be_collected(self):
        def add(no_collect):
            self.gw.devices.Add(devices_pb2.AddRequest(address=self.sim.address(1), no_collect=no_collect))

        add(no_collect=True)
        # Long enough for a collection that should not be: another device's is done meanwhile.
        wait_for(lambda: self.gw.info(self.gw.add(self.sim.address(2))).stored == 20, "the other log stored")
        device = self.gw.info()
        self.assertEqual((False, 0, 20), (device.collected, device.stored, device.last_id))
        add(no_collect=False)
        wait_for(lambda: self.gw.info().stored == 20, "stored once it is wanted")
        add(no_collect=True)
        self.sim.inject(eventCode=0x5000, entityID=1)
        wait_for(lambda: self.gw.info().last_id == 21, "the new record is known of")
        self.assertEqual((False, 20), (self.gw.info().collected, self.gw.info().stored))

    def test_collecting_only_what_is_asked_for(self):
        choosy = self.gateway("choosy", env={"GATELOG_DEVICE_COLLECT": "false"})
        choosy.connect.Connect(connect_pb2.ConnectRequest(connectInfo=connect_pb2.ConnectInfo(
            IPAddr=self.sim.host(3), port=self.sim.port)))
        self.assertFalse(choosy.info(FIRST_ID + 2).collected)
        choosy.add(self.sim.address(1))
        self.assertTrue(choosy.info().collected)

    def test_nobody_there(self):
        with self.fails(grpc.StatusCode.UNAVAILABLE):
            self.gw.connect.Connect(connect_pb2.ConnectRequest(connectInfo=connect_pb2.ConnectInfo(
                IPAddr="127.0.0.1", port=free_port())))
        self.assertEqual({}, self.list())

    def test_asynchronous_connections_come_back_by_themselves(self):
        changes = self.watch_status()
        self.gw.add_all(self.sim)
        self.assertEqual(set(self.sim.ids), set(self.list()))
        for device in self.sim.ids:
            self.gw.wait_connected(device)
        self.assertTrue(all(d.autoReconnect for d in self.list().values()))
        self.sim.disconnect(FIRST_ID)
        of_first = lambda: [s for d, s in changes if d == FIRST_ID]  # noqa: E731
        wait_for(lambda: len(of_first()) >= 3, "lost and back")
        self.assertEqual([connect_pb2.TCP_CONNECTED, connect_pb2.DISCONNECTED, connect_pb2.TCP_CONNECTED], of_first())
        self.gw.connect.DisconnectAll(connect_pb2.DisconnectAllRequest())
        wait_for(lambda: len(of_first()) >= 5, "back after DisconnectAll")
        self.gw.connect.DeleteAsyncConnection(connect_pb2.DeleteAsyncConnectionRequest(deviceIDs=self.sim.ids))
        self.assertEqual({}, self.list())

    def test_slaves_are_told_by_clients(self):
        slaves = connect_pb2.SlaveDeviceInfo(deviceID=FIRST_ID, rs485SlaveDeviceIDs=[7, 8], wiegandSlaveDeviceIDs=[9])
        self.connect(1)
        self.gw.connect.SetSlaveDevice(connect_pb2.SetSlaveDeviceRequest(slaveDeviceInfos=[slaves]))
        self.assertIn(slaves, self.gw.connect.GetSlaveDevice(connect_pb2.GetSlaveDeviceRequest()).slaveDeviceInfos)

    def test_device_information(self):
        self.connect(1)
        info = self.gw.device.GetInfo(device_pb2.GetInfoRequest(deviceID=FIRST_ID)).info
        self.assertTrue(info.modelName and info.MACAddr and info.firmwareVersion)
        capability = self.gw.device.GetCapability(device_pb2.GetCapabilityRequest(deviceID=FIRST_ID)).deviceCapability
        self.assertGreater(capability.maxEventLogs, 0)
        self.gw.device.GetCapabilityInfo(device_pb2.GetCapabilityInfoRequest(deviceID=FIRST_ID))
        for call, request in [(self.gw.device.GetInfo, device_pb2.GetInfoRequest),
                              (self.gw.device.GetCapability, device_pb2.GetCapabilityRequest),
                              (self.gw.device.GetCapabilityInfo, device_pb2.GetCapabilityInfoRequest)]:
            with self.fails(grpc.StatusCode.NOT_FOUND, "999"):
                call(request(deviceID=999))

    def test_what_needs_enrolment_hardware_says_so(self):
        self.connect(1)
        for stub, request, hardware in [
            (card_pb2_grpc.CardStub, card_pb2.ScanRequest, "reader"),
            (finger_pb2_grpc.FingerStub, finger_pb2.ScanRequest, "sensor"),
            (face_pb2_grpc.FaceStub, face_pb2.ScanRequest, "camera"),
        ]:
            with self.subTest(service=stub.__name__), self.fails(grpc.StatusCode.UNIMPLEMENTED, hardware):
                stub(self.gw.channel).Scan(request(deviceID=FIRST_ID))

    def test_version_health_and_reflection(self):
        self.assertRegex(self.gw.admin.GetInfo(admin_pb2.GetInfoRequest()).version, r"\d+\.\d+\.\d+")
        health = health_pb2_grpc.HealthStub(self.gw.channel)
        for service in ("", "gsdk.event.Event", "gatelog.v1.Events"):
            self.assertEqual(health_pb2.HealthCheckResponse.SERVING,
                             health.Check(health_pb2.HealthCheckRequest(service=service)).status)
        reflection = reflection_pb2_grpc.ServerReflectionStub(self.gw.channel)
        answers = list(reflection.ServerReflectionInfo(iter([reflection_pb2.ServerReflectionRequest(list_services="")])))
        services = {s.name for s in answers[0].list_services_response.service}
        self.assertLessEqual({"gsdk.event.Event", "gsdk.connect.Connect", "gsdk.device.Device", "gsdk.tna.TNA",
                              "gsdk.admin.Admin", "gatelog.v1.Events", "gatelog.v1.Devices", "grpc.health.v1.Health"}, services)

    def test_http_endpoints(self):
        self.connect(1)
        get = lambda path: urllib.request.urlopen(f"http://{self.gw.http_address}{path}", timeout=10)  # noqa: E731
        for path in ("/healthz", "/readyz"):
            self.assertEqual(200, get(path).status)
        wait_for(lambda: self.gw.info().stored >= 20, "the log stored")
        metrics = get("/metrics").read().decode()
        self.assertRegex(metrics, r"(?m)^gatelog_\w+(\{[^}]*\})? \d")
        with self.assertRaises(urllib.error.HTTPError) as caught:
            get("/nothing-here")
        self.assertEqual(404, caught.exception.code)

    def test_a_client_without_the_ca_is_refused(self):
        channel = grpc.secure_channel(self.gw.grpc_address, grpc.ssl_channel_credentials())
        with self.assertRaises(grpc.FutureTimeoutError):
            grpc.channel_ready_future(channel).result(timeout=2)
        channel.close()


if __name__ == "__main__":
    unittest.main()
