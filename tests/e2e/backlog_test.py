"""A long log is read whole while live events go on and the gateway is killed three times.

  GATELOG_BACKLOG=20000 python3 backlog_test.py    a quick run
"""

import os
import signal
import time
import unittest

from harness import FIRST_ID, EndToEndTest, wait_for  # first: finds the generated contracts

import compare

RECORDS = int(os.environ.get("GATELOG_BACKLOG", 1_000_000))
KILLS = 3


class BacklogTest(EndToEndTest):
    def test_backlog_with_kills(self):
        sim = self._started(self._simulator())
        gw = self.gateway()
        gw.add(sim.address())
        gw.enable()
        start = time.monotonic()
        for kill in range(1, KILLS + 1):
            wait_for(lambda: gw.info().next_id > RECORDS * kill // (KILLS + 2), f"part {kill} stored", 300)
            self.assertLess(gw.info().next_id, RECORDS, "the backlog was read before it could be disturbed")
            gw.process.send_signal(signal.SIGKILL)
            gw.process.wait()
            gw = self.gateway()
        done = gw.cli("device", "watch", "--until-stored", seconds=400)
        seconds = time.monotonic() - start
        sim.set_rate(0)
        gw.wait_stored(sim)
        last = sim.terminal().last_id
        self.assertGreater(last, RECORDS, "live events went on")
        figures = compare.compare(gw.data_dir, sim.data_dir)
        self.assertEqual([], figures.problems)
        self.assertEqual((last, 0, 0, 1), (figures.stored, figures.gaps, figures.duplicates, figures.epochs))
        self.assertEqual(list(range(1, last + 1)), compare.stored_ids(gw.data_dir, FIRST_ID))
        print(f"{last} records, {KILLS} kills: {seconds:.0f} s; {done.stdout.strip().splitlines()[-1:]}")

    def _simulator(self):
        from harness import Simulator
        return Simulator(self.folder / "sim", history=RECORDS, capacity=2 * RECORDS, rate=20)


if __name__ == "__main__":
    unittest.main()
