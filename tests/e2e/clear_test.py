"""Clearing, resets and reboots: nothing is lost, nothing is stored twice."""

import unittest

from harness import FIRST_ID, EndToEndTest, subscribe, wait_for  # first: finds the generated contracts

from gsdk import event_pb2
from simulator.v1 import control_pb2
import compare

LOG_CLEARED = 0x4200


class ClearTest(EndToEndTest):
    def setUp(self):
        super().setUp()
        self.sim = self.simulator(history=2000, rate=5)
        self.gw = self.gateway()
        self.gw.add(self.sim.address())

    def clear(self):
        self.gw.event.ClearLog(event_pb2.ClearLogRequest(deviceID=FIRST_ID), timeout=60)

    def verify(self, epochs):
        """Everything that the terminal ever wrote is stored once; gaps are none."""
        self.sim.set_rate(0)
        self.gw.wait_stored(self.sim)
        figures = compare.compare(self.gw.data_dir, self.sim.data_dir)
        self.assertEqual([], figures.problems)
        self.assertEqual((0, 0, epochs), (figures.gaps, figures.duplicates, figures.epochs))
        return figures

    def test_clear_log(self):
        self.gw.enable()
        live = subscribe(self.gw)
        self.clear()
        log = self.gw.get_log()
        self.assertEqual(LOG_CLEARED, log[0].eventCode)
        self.assertGreater(log[0].ID, 2000, "the counter goes on")
        live.wait_id(log[0].ID)
        figures = self.verify(epochs=1)
        stored = compare.stored_ids(self.gw.data_dir, FIRST_ID)
        self.assertEqual(list(range(1, figures.stored + 1)), stored)

    def test_clear_while_the_terminal_is_busy(self):
        self.sim.set_rate(200)
        for _ in range(3):
            self.clear()
        figures = self.verify(epochs=1)
        self.assertEqual(list(range(1, figures.stored + 1)), compare.stored_ids(self.gw.data_dir, FIRST_ID))

    def test_images_are_stored_before_they_are_cleared(self):
        sim = self.simulator(name="camera", history=3000, images=True, first_id=542000001)
        with compare.open_terminals(sim.data_dir) as terminals:
            images = dict(terminals.execute("SELECT id, payload FROM image"))
        self.assertGreater(len(images), 50)
        device = self.gw.add(sim.address())
        self.gw.event.ClearLog(event_pb2.ClearLogRequest(deviceID=device), timeout=60)
        self.assertEqual(0, sim.terminal(device).images)
        with compare.open_store(self.gw.data_dir) as store:
            self.assertEqual(images, dict(store.execute("SELECT id, payload FROM image WHERE log_device = ?", (device,))))

    def test_a_factory_reset_begins_an_epoch(self):
        self.gw.wait_stored(self.sim)
        self.sim.set_rate(0)
        self.gw.wait_stored(self.sim)
        before = self.gw.info()
        self.sim.control.FactoryReset(control_pb2.FactoryResetRequest(device_id=FIRST_ID))
        first = self.sim.inject(eventCode=0x5200, entityID=1)
        self.assertLess(first, 100)
        wait_for(lambda: self.gw.info().epoch == before.epoch + 1 and self.gw.info().next_id > first, "the new epoch stored")
        self.assertGreater(self.gw.info().stored, before.stored)
        self.assertEqual(0, self.gw.info().missing)

    def test_a_reboot_and_a_clock_jump(self):
        self.gw.enable()
        self.sim.control.JumpClock(control_pb2.JumpClockRequest(device_id=FIRST_ID, by_s=-3600))
        self.sim.control.Reboot(control_pb2.RebootRequest(device_id=FIRST_ID, duration_ms=500))
        self.gw.wait_connected()
        figures = self.verify(epochs=1)
        self.assertEqual(list(range(1, figures.stored + 1)), compare.stored_ids(self.gw.data_dir, FIRST_ID))

    def test_an_overwritten_part_is_a_gap_with_its_reason(self):
        sim = self.simulator(name="ring", history=500, capacity=1000, first_id=542000001)
        device = self.gw.add(sim.address())
        wait_for(lambda: self.gw.info(device).stored >= 500, "history stored")
        self.gw.stop()
        for _ in range(1500):
            sim.inject(device, eventCode=0x5200, entityID=1)
        again = self.gateway()
        again.wait_connected(device)
        wait_for(lambda: again.info(device).next_id > 2000, "the rest stored")
        done = again.cli("gap", "list", "-o", "json")
        self.assertIn("OVERWRITTEN", done.stdout.upper())
        self.assertEqual(2000, again.info(device).stored + again.info(device).missing)


if __name__ == "__main__":
    unittest.main()
