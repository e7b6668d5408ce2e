"""The gateway goes away and comes back."""

import json
import time
import unittest

from harness import BIN, FIRST_ID, EndToEndTest, Process, subscribe, wait_for  # first: finds the generated contracts


import compare


class RestartTest(EndToEndTest):
    def setUp(self):
        super().setUp()
        self.sim = self.simulator(devices=2, history=1000, rate=10)

    def test_devices_monitoring_and_the_store_survive(self):
        gw = self.gateway()
        for number in (1, 2):
            gw.add(self.sim.address(number))
        gw.enable()
        gw.wait_stored(self.sim)
        start = time.monotonic()
        self.assertEqual(0, gw.stop(), gw.errors())
        self.assertLess(time.monotonic() - start, 5)

        again = self.gateway()
        live = subscribe(again)
        self.assertEqual(set(self.sim.ids), set(again.list()))
        for device in self.sim.ids:
            again.wait_connected(device)
        self.assertTrue(again.info().monitored)
        wait_for(lambda: live.events, "a live event without enabling anew")
        self.assertEqual({FIRST_ID}, {e.deviceID for e in live.events if e.deviceID in self.sim.ids})
        self.sim.set_rate(0)
        again.wait_stored(self.sim)
        figures = compare.compare(again.data_dir, self.sim.data_dir)
        self.assertEqual([], figures.problems)
        self.assertEqual((0, 0, 2), (figures.gaps, figures.duplicates, figures.epochs))

    def test_a_synchronous_link_does_not_survive(self):
        from gsdk import connect_pb2
        gw = self.gateway()
        gw.connect.Connect(connect_pb2.ConnectRequest(connectInfo=connect_pb2.ConnectInfo(
            IPAddr=self.sim.host(1), port=self.sim.port)))
        gw.stop()
        self.assertEqual({}, self.gateway().list())

    def test_a_tail_goes_on_where_it_stopped(self):
        gw = self.gateway()
        gw.add(self.sim.address())
        tail = Process([BIN / "gatelog", "--gateway", gw.grpc_address, "--ca", gw.ca, "-o", "jsonl",
                        "event", "tail", "-n", "1", "-f"])
        self.addCleanup(tail.kill)
        wait_for(lambda: len(tail.lines) > 5, "the tail shows live events")
        self.assertEqual(0, gw.stop(), gw.errors())
        before = len(tail.lines)
        self.gateway(grpc_address=gw.grpc_address)
        # gRPC alone, with nobody waiting for it, needs 15 s to come back.
        wait_for(lambda: len(tail.lines) > before, "the tail goes on", 10)
        seen = [json.loads(line)["seq"] for line in tail.lines]
        self.assertEqual(list(range(seen[0], seen[0] + len(seen))), seen)

    def test_sigterm_in_the_middle_of_a_backlog_with_clients_waiting(self):
        sim = self.simulator(name="long", history=100_000, first_id=543000001)
        gw = self.gateway()
        live = subscribe(gw)
        device = gw.add(sim.address())
        wait_for(lambda: gw.info(device).stored > 0, "the first batch")
        self.assertEqual(0, gw.stop(), gw.errors())
        wait_for(lambda: live.error, "the stream ends")
        again = self.gateway()
        again.wait_stored(sim)
        self.assertEqual(list(range(1, 100_001)), compare.stored_ids(again.data_dir, device)[:100_000])
        self.assertEqual([], compare.compare(again.data_dir, sim.data_dir).problems)


if __name__ == "__main__":
    unittest.main()
