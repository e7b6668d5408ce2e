"""The disk under the store is full, or fails: nothing is acknowledged that is not kept, the people are told, live goes on.

  disk_test.py [--seed S]    the seed repeats the moments of the tests that are random

failing_disk.cc, loaded into gatelogd, plays the disk; the fault is switched on and off while the gateway runs.
"""

import contextlib
import hashlib
import os
import pathlib
import sqlite3
import subprocess
import unittest
import urllib.error
import urllib.request

from harness import BUILD, EndToEndTest, Gateway, subscribe, wait_for  # first: finds the generated contracts

import grpc
from gatelog.v1 import events_pb2
from gsdk import event_pb2

import compare
from follower import Follower
from seeded import SeededTest, take_arguments

DEVICES = 3
HISTORY = 300
EVENTS_PER_S = 40     # of each terminal
ROUNDS = 15           # each ends with a kill
RUN_S_MAX = 0.3       # between two changes
FAULTS = ("full", "full-late", "write-error", "sync-error")
MISSED_MIN = 60       # events of each terminal that must come while the store takes nothing
SHIM = BUILD / "tests" / "failing_disk.so"
HTTP_SECONDS = 10


def http_get(gateway, path):
    """The status and the text."""
    try:
        with urllib.request.urlopen(f"http://{gateway.http_address}{path}", timeout=HTTP_SECONDS) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def metric(gateway, name):
    status, text = http_get(gateway, "/metrics")
    assert status == 200, text
    return next(float(line.split()[-1]) for line in text.splitlines() if line.split("{")[0].split(" ")[0] == name)


class FailingDiskTest(EndToEndTest):
    """A gateway whose disk obeys self.fault(...)."""

    def setUp(self):
        super().setUp()
        self.data_dir = self.folder / "gateway"
        self.environment = {"LD_PRELOAD": str(SHIM), "GATELOG_FAILING_DISK": str(self.data_dir.resolve())}
        self.follower = Follower()

    def fault(self, word):
        """One of the words that failing_disk.cc explains; None: the disk is sound again."""
        file = pathlib.Path(self.environment["GATELOG_FAILING_DISK"] + ".fault")
        if word is None:
            file.unlink()
            return
        # At once: never a half-written word.
        part = file.with_suffix(".part")
        part.write_text(word)
        part.rename(file)

    def start(self):
        gw = self.gateway(env=self.environment)
        self.addCleanup(self.follower.detach)  # before the gateway goes
        self.follower.attach(gw)
        return gw

    def start_fails(self):
        """gatelogd must end by itself with one sentence, which is returned."""
        done = subprocess.run([str(part) for part in Gateway.command(self.data_dir)], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60, env=dict(os.environ, **self.environment))
        self.assertEqual((1, ""), (done.returncode, done.stdout), done.stderr)
        self.assertEqual(1, len(done.stderr.strip().splitlines()), done.stderr)
        self.assert_sentence(done.stderr)
        return done.stderr

    def assert_everything_stored(self, gw, sim):
        """Nothing is missing or doubled, in the store and in what Follow gave. Ends the gateway."""
        sim.set_rate(0)
        gw.wait_stored(sim)
        wait_for(lambda: not compare.images_pending(self.data_dir, sim.data_dir), "all images stored")
        last = sum(terminal.last_id for terminal in sim.terminals().values())
        wait_for(lambda: self.follower.count >= last, "Follow gave every event")
        self.assertEqual(0, gw.stop(), gw.errors())
        self.follower.detach()
        figures = compare.compare(self.data_dir, sim.data_dir)
        self.assertEqual([], figures.problems)
        self.assertEqual((last, 0, 0, DEVICES), (figures.stored, figures.gaps, figures.duplicates, figures.epochs))
        self.assertEqual([], self.follower.compare(self.data_dir))
        with contextlib.closing(sqlite3.connect(self.data_dir / "gatelog.db")) as store:
            self.assertEqual([("ok",)], store.execute("PRAGMA integrity_check").fetchall())


class RunningTest(FailingDiskTest):
    """The disk fails under a gateway that is at work."""

    def setUp(self):
        super().setUp()
        self.sim = self.simulator(devices=DEVICES, history=HISTORY, images=True)
        self.gw = self.start()
        self.gw.add_all(self.sim)
        self.gw.wait_stored(self.sim)
        for device in self.sim.ids:
            self.gw.enable(device)
        self.sim.set_rate(EVENTS_PER_S)
        self.live = subscribe(self.gw, queue_size=60_000)

    def wait_until_nothing_is_taken(self):
        """Until the terminals have had many events that the store did not take; what was next then, by device."""
        def all_behind():
            next_ids = {device: info.next_id for device, info in self.gw.list().items()}
            return all(terminal.last_id > next_ids[device] + MISSED_MIN
                       for device, terminal in self.sim.terminals().items()) and next_ids
        return wait_for(all_behind, "events pile up on the terminals")

    def assert_not_ready(self, words):
        def told():
            status, text = http_get(self.gw, "/readyz")
            return status == 503 and text
        text = wait_for(told, "/readyz says no")
        self.assert_sentence(text)
        self.assertIn(words, text)
        self.assertEqual(200, http_get(self.gw, "/healthz")[0])
        self.assertGreater(metric(self.gw, "gatelog_commit_failures_total"), 0)

    def assert_only_stored_is_shown(self, next_ids):
        """What clients were told to be stored is in the file."""
        for device, next_id in next_ids.items():
            self.assertEqual(list(range(1, next_id)), compare.stored_ids(self.data_dir, device)[:next_id - 1])
        newest = self.gw.events.Query(events_pb2.QueryRequest(newest_first=True, page_size=1)).events[0]
        with compare.open_store(self.data_dir) as store:
            self.assertGreaterEqual(store.execute("SELECT max(seq) FROM event").fetchone()[0], newest.seq)

    def assert_devices_are_served(self):
        """Live events, and the log of a device by GetLog, do not need the store."""
        for device, terminal in self.sim.terminals().items():
            wait_for(lambda: any(e.deviceID == device and e.ID > terminal.last_id for e in list(self.live.events)),
                     f"live events of {device}")
            log = self.gw.get_log(terminal.last_id, 1, device)
            self.assertEqual([terminal.last_id], [event.ID for event in log])

    def assert_nothing_is_cleared(self):
        """A log that cannot be stored first is not cleared."""
        first = self.sim.terminal().first_id
        with self.assertRaises(grpc.RpcError) as caught:
            self.gw.event.ClearLog(event_pb2.ClearLogRequest(deviceID=self.sim.ids[0]), timeout=60)
        self.assertEqual(grpc.StatusCode.FAILED_PRECONDITION, caught.exception.code(), caught.exception.details())
        self.assert_sentence(caught.exception.details())
        self.assertEqual(first, self.sim.terminal().first_id)

    def check_no_space(self, fault):
        self.fault(fault)
        next_ids = self.wait_until_nothing_is_taken()
        self.assert_not_ready("space")
        self.assert_only_stored_is_shown(next_ids)
        self.assert_devices_are_served()
        self.assert_nothing_is_cleared()
        self.fault(None)
        wait_for(lambda: http_get(self.gw, "/readyz")[0] == 200, "ready again by itself")
        self.assert_everything_stored(self.gw, self.sim)

    def test_no_space(self):
        self.check_no_space("full")

    def test_no_space_that_shows_in_the_sync(self):
        """What a failed sync has left on the disk is not known, so a restart may be asked for."""
        self.fault("full-late")
        next_ids = self.wait_until_nothing_is_taken()
        self.assert_not_ready("gatelog.db")
        self.assert_only_stored_is_shown(next_ids)
        self.assert_devices_are_served()
        self.fault(None)
        self.assertEqual(0, self.gw.stop(), self.gw.errors())
        self.follower.detach()
        self.assert_everything_stored(self.start(), self.sim)

    def test_no_space_comes_and_goes(self):
        for _ in range(5):
            self.fault("full")
            self.wait_until_nothing_is_taken()
            self.fault(None)
            wait_for(lambda: http_get(self.gw, "/readyz")[0] == 200, "ready again by itself")
        self.assert_everything_stored(self.gw, self.sim)

    def test_killed_while_there_is_no_space(self):
        self.fault("full")
        self.wait_until_nothing_is_taken()
        self.gw.kill()
        self.follower.detach()
        self.fault(None)
        self.assert_everything_stored(self.start(), self.sim)

    def check_error(self, fault):
        self.fault(fault)
        next_ids = self.wait_until_nothing_is_taken()
        self.assert_not_ready("disk")
        self.assert_only_stored_is_shown(next_ids)
        self.assert_devices_are_served()
        self.assert_nothing_is_cleared()
        # A disk that seems to be well again is not believed: what it lost meanwhile is not known.
        self.fault(None)
        before = {device: terminal.last_id for device, terminal in self.sim.terminals().items()}
        wait_for(lambda: all(terminal.last_id > before[device] + MISSED_MIN
                             for device, terminal in self.sim.terminals().items()), "more events")
        self.assert_not_ready("restart")
        self.assertEqual(next_ids, {device: info.next_id for device, info in self.gw.list().items()})
        self.assertEqual(0, self.gw.stop(), self.gw.errors())
        self.follower.detach()
        again = self.start()
        wait_for(lambda: http_get(again, "/readyz")[0] == 200, "ready after the restart")
        self.assert_everything_stored(again, self.sim)

    def test_a_write_error(self):
        self.check_error("write-error")

    def test_a_sync_error(self):
        self.check_error("sync-error")

    def test_a_device_that_cannot_be_kept_is_not_said_to_be(self):
        other = self.simulator(name="other", first_id=542000001)
        self.fault("write-error")
        with self.assertRaises(grpc.RpcError) as caught:
            self.gw.add(other.address())
        self.assert_sentence(caught.exception.details())
        self.assertIn("disk", caught.exception.details())
        self.fault(None)
        self.gw.kill()
        self.follower.detach()
        again = self.start()
        self.assertNotIn(other.ids[0], again.list())
        other.kill()
        self.assert_everything_stored(again, self.sim)


class RandomTest(SeededTest, FailingDiskTest):
    """The disk fails and recovers at random moments, and the gateway is killed at others."""

    def test_faults_and_kills(self):
        sim = self.simulator(devices=DEVICES, history=HISTORY, images=True)
        self.environment["GATELOG_DEVICE_PAGE_RECORDS"] = "16"
        gw = self.start()
        gw.add_all(sim)
        sim.set_rate(EVENTS_PER_S)
        for _ in range(ROUNDS):
            for fault in self.random.choices(FAULTS, k=self.random.randint(1, 3)):
                self.run_for(gw, self.random.uniform(0, RUN_S_MAX))
                self.fault(fault)
                self.run_for(gw, self.random.uniform(0, RUN_S_MAX))
                self.fault(None)
            self.run_for(gw, self.random.choice((0, 0.01, RUN_S_MAX)))
            gw.kill()
            self.follower.detach()
            self.assertEqual([], self.follower.problems)
            gw = self.start()
        self.assert_everything_stored(gw, sim)

    def run_for(self, gw, seconds):
        """The gateway must not end by itself meanwhile."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.fail(f"gatelogd ended by itself with {gw.process.wait(seconds)}:\n{gw.errors()[-3000:]}")


class StartingTest(FailingDiskTest):
    """The gateway is started on a disk that fails."""

    def contents(self):
        """What every file in the data directory holds."""
        return {path.relative_to(self.data_dir): hashlib.sha256(path.read_bytes()).hexdigest()
                for path in sorted(self.data_dir.rglob("*")) if path.is_file() and path.name != "gatelog.lock"}

    def filled(self):
        """A data directory with a store in it, left by a gateway that was killed."""
        sim = self.simulator(devices=DEVICES, history=HISTORY, images=True)
        gw = self.start()
        gw.add_all(sim)
        gw.wait_stored(sim)
        gw.kill()
        self.follower.detach()
        return sim

    def test_a_read_only_directory(self):
        sim = self.filled()
        before = self.contents()
        self.fault("read-only")
        self.assertIn(str(self.data_dir), self.start_fails())
        self.assertEqual(before, self.contents())
        self.fault(None)
        self.assert_everything_stored(self.start(), sim)

    def test_a_read_only_directory_that_is_empty(self):
        self.data_dir.mkdir()
        self.fault("read-only")
        self.assertIn(str(self.data_dir), self.start_fails())
        self.assertEqual([], list(self.data_dir.iterdir()))

    def assert_starts_fail(self, faults):
        for fault in faults:
            with self.subTest(fault):
                self.fault(fault)
                self.assertIn(str(self.data_dir), self.start_fails())
                self.fault(None)

    def test_a_first_start(self):
        self.assert_starts_fail(("full", "full 8", "full 5000", "full 40000", "full-late", "write-error", "sync-error"))
        # With the store made, the certificates are what fails.
        self.environment["GATELOG_FAILING_DISK"] = str(self.data_dir / "cert")
        with contextlib.suppress(FileExistsError):
            (self.data_dir / "cert").mkdir()
        self.assert_starts_fail(("full", "full 300", "full-late", "write-error", "sync-error"))
        gw = self.start()
        self.assertEqual({}, gw.list())
        self.assertEqual(0, gw.stop())
        self.assertEqual([], list(self.data_dir.rglob("*.tmp")))

    def test_a_start_with_a_store(self):
        sim = self.filled()
        self.assert_starts_fail(FAULTS)
        self.assert_everything_stored(self.start(), sim)


if __name__ == "__main__":
    take_arguments()
    unittest.main()
