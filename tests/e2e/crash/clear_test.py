"""gatelogd is killed while it clears logs: what it has cleared on a terminal is stored, images too.

  clear_test.py [--seed S]    the seed repeats the moments
"""

import contextlib
import subprocess
import unittest

from harness import wait_for  # first: finds the generated contracts

from gsdk import event_pb2

import compare
from follower import Follower
from seeded import SeededTest, take_arguments

DEVICES = 5
HISTORY = 500
EVENTS_PER_S = 100       # of each terminal: also while its log is being cleared
KILLS = 25
DELAY_S_MAX = 0.3        # of a kill, after the clearing was asked for


class ClearTest(SeededTest):
    def test_killed_while_logs_are_cleared(self):
        follower = Follower()
        sim = self.simulator(devices=DEVICES, history=HISTORY, capacity=1_000_000, images=True)
        gw = self.gateway()
        gw.add_all(sim)
        sim.set_rate(EVENTS_PER_S)
        for _ in range(KILLS):
            follower.attach(gw)
            for device in sim.ids:
                gw.wait_connected(device)
            clearings = [gw.event.ClearLog.future(event_pb2.ClearLogRequest(deviceID=device)) for device in sim.ids]
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.fail(f"gatelogd ended by itself with {gw.process.wait(self.random.uniform(0, DELAY_S_MAX))}")
            gw.kill()
            follower.detach()
            for clearing in clearings:
                clearing.cancel()
            gw = self.gateway()
        follower.attach(gw)
        sim.set_rate(0)
        gw.wait_stored(sim)
        last = {device: terminal.last_id for device, terminal in sim.terminals().items()}
        self.assertTrue(any(terminal.first_id > 1 for terminal in sim.terminals().values()), "nothing was cleared")
        for device in sim.ids:
            self.assertEqual(list(range(1, last[device] + 1)), compare.stored_ids(gw.data_dir, device))
        wait_for(lambda: follower.count >= sum(last.values()), "Follow gave every event")
        # Every event that says it has an image had one on its terminal.
        with compare.open_store(gw.data_dir) as store:
            with_image = store.execute("SELECT count(*) FROM event WHERE flags & 1").fetchone()[0]
        wait_for(lambda: sum(device.images for device in gw.list().values()) >= with_image, f"{with_image} images stored")
        self.assertEqual(0, gw.stop(), gw.errors())
        follower.detach()
        self.assertEqual([], follower.compare(gw.data_dir))
        figures = compare.compare(gw.data_dir, sim.data_dir)
        self.assertEqual([], figures.problems)
        self.assertEqual((0, 0, DEVICES), (figures.gaps, figures.duplicates, figures.epochs))


if __name__ == "__main__":
    take_arguments()
    unittest.main()
