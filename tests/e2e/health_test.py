"""How each device is doing: list, info, RPC and metrics say the same."""

import json
import re
import unittest
import urllib.request

from harness import FIRST_ID, EndToEndTest, wait_for  # first: finds the generated contracts

from gatelog.v1 import devices_pb2
from simulator.v1 import control_pb2

QUICK = {"GATELOG_DEVICE_KEEP_ALIVE_MS": "200", "GATELOG_DEVICE_RECONNECT_DELAY_MS_MIN": "100",
         "GATELOG_DEVICE_RECONNECT_DELAY_MS_MAX": "200"}
HOUR = 3600
SLACK = 30  # seconds that a slow machine may take between two readings of a clock


class HealthTest(EndToEndTest):
    def setUp(self):
        super().setUp()
        self.sim = self.simulator(history=100, devices=2)
        self.gw = self.gateway(env=QUICK)

    def metric(self, name):
        text = urllib.request.urlopen(f"http://{self.gw.http_address}/metrics", timeout=10).read().decode()
        match = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
        return float(match[1]) if match else None

    def jump(self, by_s):
        self.sim.control.JumpClock(control_pb2.JumpClockRequest(device_id=FIRST_ID, by_s=by_s))

    def table(self, *arguments):
        return self.gw.cli(*arguments).stdout

    def test_a_clock_that_is_wrong_is_told_of_once_and_again_when_it_is_right(self):
        self.gw.add(self.sim.address())
        wait_for(lambda: self.gw.info().HasField("clock_drift"), "the clock measured")
        self.assertFalse(self.gw.info().clock_drift.beyond_limit)
        self.jump(-HOUR)
        wait_for(lambda: self.gw.info().clock_drift.beyond_limit, "the clock found wrong")
        self.assertAlmostEqual(-HOUR * 1000, self.gw.info().clock_drift.last_ms, delta=SLACK * 1000)
        self.assertAlmostEqual(-HOUR, self.metric(f'gatelog_device_clock_drift_seconds{{device="{FIRST_ID}"}}'),
                               delta=SLACK)
        self.assertEqual(1, self.metric("gatelog_devices_clock_beyond_limit"))
        self.assertRegex(self.table("device", "list"), r"-(1 h 0 m|59 m \d+ s) .*its clock is wrong")
        self.assertIn("set the device's clock", self.table("device", "info", FIRST_ID))
        measured = self.gw.info().clock_drift.measured_ms
        wait_for(lambda: self.gw.info().clock_drift.measured_ms > measured, "another measurement")
        self.jump(HOUR)
        wait_for(lambda: not self.gw.info().clock_drift.beyond_limit, "the clock found right")
        self.assertAlmostEqual(-HOUR * 1000, self.gw.info().clock_drift.largest_ms, delta=SLACK * 1000)
        self.assertEqual(1, self.gw.errors().count("A device's clock is wrong"))
        self.assertEqual(1, self.gw.errors().count("A device's clock is right again"))

    def test_what_came_last_is_known_also_after_a_restart(self):
        self.gw.add(self.sim.address())
        event_id = self.sim.inject(eventCode=0x1300, subCode=3, userID="1042")
        newest = wait_for(lambda: (e := self.gw.info().newest_event).id == event_id and e, "the event as the newest")
        self.assertEqual((0x1300, 3, "1042", FIRST_ID),
                         (newest.event_code, newest.sub_code, newest.user_id, newest.device_id))
        self.assertGreater(newest.arrival_ms, 0)
        self.sim.kill()
        self.gw.kill()
        self.gw = self.gateway(env=QUICK)
        wait_for(lambda: self.gw.info().newest_event == newest, "the same event, from the store")
        self.assertIn("identified by face, user 1042", self.table("device", "info", FIRST_ID))

    def test_a_link_that_is_lost_is_told_of_with_words_and_times(self):
        self.gw.add(self.sim.address())
        self.assertGreater(self.gw.wait_connected().connected_since_ms, 0)
        self.assertEqual("", self.gw.info().last_error)
        self.sim.kill()
        info = wait_for(lambda: (d := self.gw.info()).failed_attempts >= 2 and d, "two attempts")
        self.assertEqual(0, info.connected_since_ms)
        self.assertGreater(info.disconnected_since_ms, 0)
        self.assertTrue(info.last_error)
        self.assertGreaterEqual(info.last_error_ms, info.disconnected_since_ms)
        self.assertGreaterEqual(self.metric(f'gatelog_device_failed_attempts{{device="{FIRST_ID}"}}'), 2)
        listed = self.table("device", "list")
        self.assertIn("disconnected", listed.replace("connecting", "disconnected"))
        self.assertIn(info.last_error.split(":")[0], listed)

    def test_list_metrics_and_rpc_agree_and_the_list_fits_a_screen(self):
        for number in (1, 2):
            self.gw.add(self.sim.address(number))
        self.gw.wait_stored(self.sim)
        wait_for(lambda: all(d.HasField("clock_drift") for d in self.gw.list().values()), "both clocks measured")
        stored = sum(d.stored for d in self.gw.list().values())
        self.assertEqual(stored, self.metric("gatelog_stored_events"))
        self.assertEqual(0, self.metric("gatelog_lag_records"))
        self.assertEqual(0, self.metric("gatelog_device_series_left_out"))
        for line in self.table("device", "list").splitlines():
            self.assertLessEqual(len(line), 120, line)
        listed = json.loads(self.table("device", "list", "-o", "json"))
        self.assertEqual([d.device_id for d in self.gw.list().values()], [d["device_id"] for d in listed])
        self.assertIn("clock_drift.last_ms", self.table("device", "list", "-o", "csv").splitlines()[0])

    def test_many_devices_have_series_together_only(self):
        self.gw.kill()
        self.gw = self.gateway(name="few", env=dict(QUICK, GATELOG_METRICS_DEVICES_MAX="1"))
        for number in (1, 2):
            self.gw.add(self.sim.address(number))
        self.gw.wait_stored(self.sim)
        self.assertIsNone(self.metric(f'gatelog_device_stored_events{{device="{FIRST_ID}"}}'))
        self.assertEqual(2, self.metric("gatelog_device_series_left_out"))
        self.assertGreaterEqual(self.metric("gatelog_stored_events"), 200)

    def test_a_device_that_is_removed_and_added_again_is_counted_as_the_store_has_it(self):
        self.gw.add(self.sim.address())
        self.gw.wait_stored(self.simulator_of_one())
        before = self.gw.info()
        self.gw.devices.Remove(devices_pb2.RemoveRequest(device_id=FIRST_ID))
        self.gw.add(self.sim.address())
        after = wait_for(lambda: (d := self.gw.info()).stored >= before.stored and d, "the log known again")
        self.assertEqual(before.epoch, after.epoch)
        self.assertEqual(before.newest_event, wait_for(lambda: (d := self.gw.info()).HasField("newest_event") and d,
                                                       "the newest event known again").newest_event)

    def simulator_of_one(self):
        sim = self.sim

        class One:
            @staticmethod
            def terminals():
                return {FIRST_ID: sim.terminal()}
        return One


if __name__ == "__main__":
    unittest.main()
