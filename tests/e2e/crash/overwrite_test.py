"""A terminal's ring overwrites records that the gateway has not read: exactly those are a gap, and all others are stored.

  overwrite_test.py [--seed S]    the seed repeats the numbers of records and the moments
"""

import unittest

from harness import wait_for  # first: finds the generated contracts

from gatelog.v1 import events_pb2

import compare
from fault_proxy import FaultProxy
from seeded import SeededTest, take_arguments

CAPACITY = 100           # records; the least that gatelog-sim takes
DOOR_OPENED = 0x5200
KILLS = 12
EVENTS_PER_S = 300       # of each terminal: a ring is overwritten in a third of a second
OVERWRITTEN = events_pb2.GAP_REASON_OVERWRITTEN
GATEWAY_ENVIRONMENT = {
    "GATELOG_DEVICE_PAGE_RECORDS": "16",
    "GATELOG_DEVICE_KEEP_ALIVE_MS": "200",
    "GATELOG_DEVICE_REQUEST_TIMEOUT_MS": "1000",
    "GATELOG_DEVICE_RECONNECT_DELAY_MS_MIN": "20",
    "GATELOG_DEVICE_RECONNECT_DELAY_MS_MAX": "200",
}


class OverwriteTest(SeededTest):
    def start(self):
        return self.gateway(env=GATEWAY_ENVIRONMENT)

    def produce(self, sim, device, count):
        for _ in range(count):
            sim.inject(device, eventCode=DOOR_OPENED, entityID=1)

    def gaps(self, gateway, device):
        """(first, last) of each gap of the device, all of which must be overwritten records of its first epoch."""
        gaps = gateway.events.ListGaps(events_pb2.ListGapsRequest(log_device_ids=[device])).gaps
        self.assertEqual({(1, OVERWRITTEN)} if gaps else set(), {(gap.epoch, gap.reason) for gap in gaps})
        return [(gap.first_id, gap.last_id) for gap in gaps]

    def assert_all_but(self, gateway, sim, gaps):
        """Each terminal's records are stored, but for these gaps, by device."""
        gateway.wait_stored(sim)
        for device, terminal in sim.terminals().items():
            self.assertEqual(gaps[device], self.gaps(gateway, device))
            missing = {id for first, last in gaps[device] for id in range(first, last + 1)}
            stored = [id for id in range(1, terminal.last_id + 1) if id not in missing]
            self.assertEqual(stored, compare.stored_ids(gateway.data_dir, device))
            info = gateway.info(device)
            self.assertEqual((len(stored), len(missing)), (info.stored, info.missing))
        figures = compare.compare(gateway.data_dir, sim.data_dir)
        self.assertEqual([], figures.problems)
        self.assertEqual(0, figures.duplicates)

    def test_while_the_gateway_is_down(self):
        """Each round makes up to three rings' records while no gateway runs; up to one ring, none is lost."""
        counts = [1, CAPACITY - 1, CAPACITY, CAPACITY + 1, CAPACITY + self.random.randint(2, CAPACITY - 1), 3 * CAPACITY]
        sim = self.simulator(devices=len(counts), history=self.random.randint(1, CAPACITY), capacity=CAPACITY)
        gw = self.start()
        gw.add_all(sim)
        gaps = {device: [] for device in sim.ids}
        self.assert_all_but(gw, sim, gaps)
        for number in range(len(counts)):
            gw.kill()
            for place, device in enumerate(sim.ids):
                next_id = sim.terminal(device).last_id + 1  # all before it is stored
                self.produce(sim, device, counts[(number + place) % len(counts)])
                first_held = sim.terminal(device).first_id
                if first_held > next_id:
                    gaps[device].append((next_id, first_held - 1))
            gw = self.start()
            self.assert_all_but(gw, sim, gaps)
        self.assertEqual(0, gw.stop())
        # In every place each count that is larger than a ring makes one gap, of as many records as are beyond it.
        expected = sorted(count - CAPACITY for count in counts if count > CAPACITY)
        for device, found in gaps.items():
            self.assertEqual(expected, sorted(last - first + 1 for first, last in found), device)

    def test_while_the_link_is_down(self):
        """The gateway runs and cannot reach the terminal."""
        sim = self.simulator(history=CAPACITY, capacity=CAPACITY)
        device = sim.ids[0]
        proxy = FaultProxy(sim.host, sim.port, 1, self.seed)
        proxy.quiet()
        self.addCleanup(proxy.close)
        gw = self.start()
        gw.add_all(sim, proxy.port)
        gw.wait_stored(sim)
        proxy.close_links()
        self.produce(sim, device, 2 * CAPACITY + 17)
        self.assertEqual(2 * CAPACITY + 18, sim.terminal(device).first_id)
        proxy.open_links()
        self.assert_all_but(gw, sim, {device: [(CAPACITY + 1, 2 * CAPACITY + 17)]})

    def test_while_it_is_read_and_killed(self):
        """Rings run over between two pages and between two gateways: gaps are where the terminal no longer has the records."""
        sim = self.simulator(devices=5, history=CAPACITY, capacity=CAPACITY)
        proxy = FaultProxy(sim.host, sim.port, len(sim.ids), self.seed)
        self.addCleanup(proxy.close)
        gw = self.start()
        gw.add_all(sim, proxy.port)
        sim.set_rate(EVENTS_PER_S)
        for _ in range(KILLS):
            until = {device: terminal.last_id + self.random.randint(1, 2 * CAPACITY)
                     for device, terminal in sim.terminals().items()}
            wait_for(lambda: all(terminal.last_id >= until[device] for device, terminal in sim.terminals().items()),
                     "more events", every=0.002)
            gw.kill()
            gw = self.start()
        proxy.quiet()
        sim.set_rate(0)
        gw.wait_stored(sim)
        gaps = {device: self.gaps(gw, device) for device in sim.ids}
        self.assert_all_but(gw, sim, gaps)
        for device, terminal in sim.terminals().items():
            for first, last in gaps[device]:
                self.assertLess(last, terminal.first_id)
        missing = sum(gw.info(device).missing for device in sim.ids)
        print(f"{sum(len(found) for found in gaps.values())} gaps, {missing} records")
        self.assertTrue(any(gaps.values()), "no ring ran over: nothing was tested")


if __name__ == "__main__":
    take_arguments()
    unittest.main()
