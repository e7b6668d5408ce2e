"""Terminals that call the gateway by themselves."""

import threading
import unittest

from harness import FIRST_ID, EndToEndTest, free_port, wait_for  # first: finds the generated contracts

import compare
import grpc
from gatelog.v1 import devices_pb2
from gsdk import connect_pb2


class CallInTest(EndToEndTest):
    def setUp(self):
        super().setUp()
        self.port = free_port()
        self.env = {"GATELOG_DEVICE_LISTEN": f"127.0.0.1:{self.port}", "GATELOG_DEVICE_LISTEN_TLS": ""}

    def callers(self, **options):
        return self.simulator(extra=["--mode", "device-to-server", "--gateway", f"127.0.0.1:{self.port}"], **options)

    def accept(self, gw, **fields):
        gw.connect.SetAcceptFilter(connect_pb2.SetAcceptFilterRequest(filter=connect_pb2.AcceptFilter(**fields)))

    def pending(self, gw):
        return {d.deviceID: d for d in gw.connect.GetPendingList(connect_pb2.GetPendingListRequest()).deviceInfos}

    def listed(self, gw):
        return {d.deviceID: d for d in gw.connect.GetDeviceList(connect_pb2.GetDeviceListRequest()).deviceInfos}

    def watch_status(self, gw):
        call = gw.connect.SubscribeStatus(connect_pb2.SubscribeStatusRequest(queueSize=1024))
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

    def test_the_filter_the_pending_list_and_the_states(self):
        gw = self.gateway(env=self.env)
        changes = self.watch_status(gw)
        sim = self.callers(devices=2, history=20)
        wait_for(lambda: len(self.pending(gw)) == 2, "both are turned away")
        self.assertEqual(("127.0.0.1", True), (self.pending(gw)[FIRST_ID].IPAddr, self.pending(gw)[FIRST_ID].lastTry > 0))
        self.assertEqual({}, self.listed(gw))

        self.accept(gw, deviceIDs=[FIRST_ID])
        wait_for(lambda: FIRST_ID in gw.list() and gw.info().stored == 20, "the first is stored")
        device = self.listed(gw)[FIRST_ID]
        self.assertEqual((connect_pb2.DEVICE_TO_SERVER, "127.0.0.1", 0, connect_pb2.TCP_CONNECTED, False, False),
                         (device.connectionMode, device.IPAddr, device.port, device.status, device.autoReconnect,
                          device.useSSL))
        self.assertEqual([FIRST_ID + 1], list(self.pending(gw)))
        self.assertEqual(20, len(gw.get_log()))

        # It calls again by itself, until the filter no longer accepts it.
        gw.connect.Disconnect(connect_pb2.DisconnectRequest(deviceIDs=[FIRST_ID]))
        wait_for(lambda: self.of(changes).count(connect_pb2.TCP_CONNECTED) == 2, "linked again")
        self.accept(gw)
        wait_for(lambda: FIRST_ID not in self.listed(gw), "its link is ended")
        wait_for(lambda: FIRST_ID in self.pending(gw), "and it is turned away")
        wait_for(lambda: self.of(changes).count(connect_pb2.DISCONNECTED) == 2, "both links lost")
        links = [s for s in self.of(changes) if s != connect_pb2.TCP_NOT_ALLOWED]
        self.assertEqual([connect_pb2.TCP_CONNECTED, connect_pb2.DISCONNECTED] * 2, links)
        self.assertIn(connect_pb2.TCP_NOT_ALLOWED, self.of(changes))

    @staticmethod
    def of(changes, device=FIRST_ID):
        return [status for one, status in list(changes) if one == device]

    def test_filters_that_are_refused(self):
        gw = self.gateway(env=self.env)
        for fields in ({"IPAddrs": ["127.0.0.1"]}, {"subnetMasks": ["255.0.0.0"]}, {"deviceIDs": [0]}):
            with self.subTest(fields), self.fails(grpc.StatusCode.INVALID_ARGUMENT):
                self.accept(gw, **fields)
        self.accept(gw, allowAll=True, IPAddrs=["127.0.0.1"], deviceIDs=[7, 5, 7])
        accepted = gw.connect.GetAcceptFilter(connect_pb2.GetAcceptFilterRequest()).filter
        self.assertEqual((True, [5, 7], []), (accepted.allowAll, list(accepted.deviceIDs), list(accepted.IPAddrs)))

    def test_keys(self):
        key = "000102030405060708090a0b0c0d0e0f"
        gw = self.gateway(env=self.env)
        sim = self.simulator(devices=1, history=5, extra=["--mode", "device-to-server", "--gateway", str(self.port),
                                                          "--key", key])
        self.accept(gw, deviceIDs=[FIRST_ID])
        wait_for(lambda: "requires a key" in gw.errors(), "without the key there is no link")
        self.assertEqual(0, gw.cli("device", "accept", "add", FIRST_ID, "--key", key).returncode)
        gw.wait_stored(sim)
        self.assertIn("its key", gw.cli("device", "accept", "list").stdout)
        self.assertIn("calls in", gw.cli("device", "list").stdout)

    def test_the_command_line(self):
        gw = self.gateway(env=self.env)
        sim = self.callers(devices=1, history=5)
        wait_for(lambda: str(FIRST_ID) in gw.cli("device", "pending").stdout, "pending")
        gw.cli("device", "accept", "all")
        gw.wait_stored(sim)
        gw.cli("device", "accept", "add", FIRST_ID)
        gw.cli("device", "accept", "all", "--off")
        self.assertEqual(devices_pb2.LINK_STATE_CONNECTED, gw.info().state)
        gw.cli("--yes", "device", "accept", "remove", FIRST_ID)
        self.assertEqual({}, gw.list())

    def test_fifty_terminals_and_a_gateway_that_is_killed(self):
        gw = self.gateway(env=self.env)
        sim = self.callers(devices=50, history=200, rate=4)
        self.accept(gw, deviceIDs=sim.ids)
        wait_for(lambda: sum(d.stored > 0 for d in gw.list().values()) > 25, "half of them are being collected")
        for _ in range(2):
            gw.kill()
            gw = self.gateway(env=self.env)
            before = sum(d.stored for d in gw.list().values())
            wait_for(lambda: sum(d.stored for d in gw.list().values()) > before, "collection goes on")
        for device in sim.ids:
            gw.wait_connected(device)
        sim.set_rate(0)
        gw.wait_stored(sim)
        figures = compare.compare(gw.data_dir, sim.data_dir)
        self.assertEqual([], figures.problems)
        self.assertEqual((0, 0, 50), (figures.gaps, figures.duplicates, figures.epochs))
        self.assertGreater(figures.stored, 50 * 200)


class RelinkTest(EndToEndTest):
    """Terminals that are told how to be linked, and found."""

    def setUp(self):
        super().setUp()
        self.port, self.tls_port = free_port(), free_port()
        self.env = {"GATELOG_DEVICE_LISTEN": f"127.0.0.1:{self.port}",
                    "GATELOG_DEVICE_LISTEN_TLS": f"127.0.0.1:{self.tls_port}"}

    def listed(self, gw, device=FIRST_ID):
        devices = {d.deviceID: d for d in gw.connect.GetDeviceList(connect_pb2.GetDeviceListRequest()).deviceInfos}
        return devices.get(device)

    def wait_status(self, gw, status, mode, devices, what):
        wait_for(lambda: all((d := self.listed(gw, device)) and (d.status, d.connectionMode) == (status, mode)
                             for device in devices), what)

    def accept(self, gw, ids):
        gw.connect.SetAcceptFilter(connect_pb2.SetAcceptFilterRequest(filter=connect_pb2.AcceptFilter(deviceIDs=ids)))

    def set_mode(self, gw, ids, mode):
        gw.connect.SetConnectionModeMulti(connect_pb2.SetConnectionModeMultiRequest(deviceIDs=ids, connectionMode=mode))

    def connect(self, gw, sim, ssl):
        return gw.connect.Connect(connect_pb2.ConnectRequest(connectInfo=connect_pb2.ConnectInfo(
            IPAddr=sim.host(1), port=sim.port, useSSL=ssl))).deviceID

    def refusal(self, gw, sim, ssl):
        """Why the first terminal gets no link to this gateway; that it gets one fails the test."""
        with self.assertRaises(grpc.RpcError) as caught:
            self.connect(gw, sim, ssl)
        self.assertEqual(grpc.StatusCode.UNAVAILABLE, caught.exception.code(), caught.exception.details())
        return caught.exception.details()

    def test_a_terminal_calls_once_it_is_told_to_and_is_called_again(self):
        gw = self.gateway(env=self.env)
        sim = self.simulator(devices=1, history=100, rate=5)
        gw.add_all(sim)
        gw.wait_connected()
        self.accept(gw, sim.ids)
        gw.connect.SetConnectionMode(connect_pb2.SetConnectionModeRequest(
            deviceID=FIRST_ID, connectionMode=connect_pb2.DEVICE_TO_SERVER))
        self.wait_status(gw, connect_pb2.TCP_CONNECTED, connect_pb2.DEVICE_TO_SERVER, sim.ids, "it calls")
        self.assertTrue(self.listed(gw).autoReconnect, "it is kept as before")
        # It keeps what it was told.
        sim.stop()
        sim = self.simulator(devices=1, history=100, rate=5)
        self.wait_status(gw, connect_pb2.TCP_CONNECTED, connect_pb2.DEVICE_TO_SERVER, sim.ids, "it calls again")
        self.set_mode(gw, sim.ids, connect_pb2.SERVER_TO_DEVICE)
        gw.connect.DeleteAsyncConnection(connect_pb2.DeleteAsyncConnectionRequest(deviceIDs=sim.ids))
        self.assertIsNone(self.listed(gw))
        gw.add_all(sim)
        self.wait_status(gw, connect_pb2.TCP_CONNECTED, connect_pb2.SERVER_TO_DEVICE, sim.ids, "it is called")
        sim.set_rate(0)
        gw.wait_stored(sim)
        figures = compare.compare(gw.data_dir, sim.data_dir)
        self.assertEqual(([], 0, 0), (figures.problems, figures.gaps, figures.duplicates))

    def test_links_over_tls(self):
        gw = self.gateway(env=self.env)
        sim = self.simulator(devices=2, history=100, rate=5)
        gw.add_all(sim)
        for device in sim.ids:
            gw.wait_connected(device)
        gw.connect.EnableSSLMulti(connect_pb2.EnableSSLMultiRequest(deviceIDs=sim.ids))
        self.wait_status(gw, connect_pb2.TLS_CONNECTED, connect_pb2.SERVER_TO_DEVICE, sim.ids, "TLS")
        self.assertTrue(self.listed(gw).useSSL)
        self.assertIn("TLS", gw.cli("device", "list").stdout)

        # Neither without TLS nor with another gateway's certificate is there a link.
        stranger = self.gateway("stranger", env={"GATELOG_DEVICE_LISTEN": "", "GATELOG_DEVICE_LISTEN_TLS": ""})
        # Nobody holds the terminals meanwhile: that they are held is another refusal.
        gw.connect.DeleteAsyncConnection(connect_pb2.DeleteAsyncConnectionRequest(deviceIDs=sim.ids))
        for ssl in (False, True):
            with self.subTest(ssl=ssl):
                wait_for(lambda: "held by another" not in self.refusal(stranger, sim, ssl), "nobody holds it")
        gw.connect.AddAsyncConnection(connect_pb2.AddAsyncConnectionRequest(connectInfos=[
            connect_pb2.AsyncConnectInfo(deviceID=device, IPAddr=sim.host(number), port=sim.port, useSSL=True)
            for number, device in enumerate(sim.ids, 1)]))
        self.wait_status(gw, connect_pb2.TLS_CONNECTED, connect_pb2.SERVER_TO_DEVICE, sim.ids, "TLS again")

        # Both sides keep it, also the other way round.
        gw.kill()
        gw = self.gateway(env=self.env)
        self.wait_status(gw, connect_pb2.TLS_CONNECTED, connect_pb2.SERVER_TO_DEVICE, sim.ids, "TLS after a restart")
        self.accept(gw, sim.ids)
        self.set_mode(gw, sim.ids, connect_pb2.DEVICE_TO_SERVER)
        self.wait_status(gw, connect_pb2.TLS_CONNECTED, connect_pb2.DEVICE_TO_SERVER, sim.ids, "calls over TLS")
        gw.connect.DisableSSLMulti(connect_pb2.DisableSSLMultiRequest(deviceIDs=sim.ids))
        self.wait_status(gw, connect_pb2.TCP_CONNECTED, connect_pb2.DEVICE_TO_SERVER, sim.ids, "calls without TLS")
        sim.set_rate(0)
        gw.wait_stored(sim)
        figures = compare.compare(gw.data_dir, sim.data_dir)
        self.assertEqual(([], 0, 0), (figures.problems, figures.gaps, figures.duplicates))

    def test_a_search(self):
        port = free_port()
        gw = self.gateway(env=dict(self.env, GATELOG_DEVICE_SEARCH_PORT=str(port)))
        sim = self.simulator(devices=30, extra=["--search-port", str(port)])
        calling = self.simulator(name="calling", devices=1, first_id=542000001, extra=[
            "--search-port", str(port), "--mode", "device-to-server", "--gateway", str(self.port)])
        found = {d.deviceID: d for d in gw.connect.SearchDevice(
            connect_pb2.SearchDeviceRequest(timeout=1000)).deviceInfos}
        self.assertEqual(set(sim.ids + calling.ids), set(found))
        third = found[FIRST_ID + 2]
        self.assertEqual((sim.host(3), sim.port, connect_pb2.SERVER_TO_DEVICE, "", False),
                         (third.IPAddr, third.port, third.connectionMode, third.serverAddr, third.useSSL))
        caller = found[542000001]
        self.assertEqual((0, connect_pb2.DEVICE_TO_SERVER, f"127.0.0.1:{self.port}"),
                         (caller.port, caller.connectionMode, caller.serverAddr))
        self.assertIn(str(FIRST_ID), gw.cli("device", "search", "--seconds", "1").stdout)
        with self.fails(grpc.StatusCode.INVALID_ARGUMENT):
            gw.connect.SearchDevice(connect_pb2.SearchDeviceRequest(timeout=3_600_000))


if __name__ == "__main__":
    unittest.main()
