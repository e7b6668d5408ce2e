"""Many terminals at once, each with live events: all are stored."""

import os
import unittest

from harness import EndToEndTest, wait_for  # first: finds the generated contracts

import compare

DEVICES = int(os.environ.get("GATELOG_MANY_DEVICES", 300))


class ManyTest(EndToEndTest):
    def test_many_terminals(self):
        sim = self.simulator(devices=DEVICES, history=100)
        gw = self.gateway()
        gw.add_all(sim)
        wait_for(lambda: sum(t.connected for t in sim.terminals().values()) == DEVICES, "all connected", 120, 0.2)
        sim.set_rate(2)
        wait_for(lambda: min(t.last_id for t in sim.terminals().values()) > 110, "live events everywhere", 120, 0.2)
        sim.set_rate(0)
        gw.wait_stored(sim, 120)
        figures = compare.compare(gw.data_dir, sim.data_dir)
        self.assertEqual([], figures.problems)
        self.assertEqual((DEVICES, 0, 0, DEVICES), (figures.devices, figures.gaps, figures.duplicates, figures.epochs))
        self.assertEqual(sum(t.last_id for t in sim.terminals().values()), figures.stored)


if __name__ == "__main__":
    unittest.main()
