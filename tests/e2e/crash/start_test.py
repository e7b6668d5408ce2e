"""The first start is killed at any moment, and a second gateway is started on the same directory: the next start works.

  start_test.py [--seed S]    the seed repeats the moments
"""

import contextlib
import shutil
import sqlite3
import stat
import subprocess
import unittest

from harness import EndToEndTest, Gateway, Process, wait_for  # first: finds the generated contracts

import compare
from seeded import SeededTest, take_arguments

KILLS_IN_TIME = 40
START_S_MAX = 0.15       # of a random kill, after the start of the program
SECONDS = 10             # for a file of the first start to appear
SECOND_STARTS = 5
# What a first start makes, in this order; each appears at a moment in which it may be killed.
MADE = ("gatelog.lock", "gatelog.db", "gatelog.db-wal", "cert", "cert/ca.key.tmp", "cert/ca.key", "cert/ca.crt.tmp",
        "cert/ca.crt", "cert/server.key.tmp", "cert/server.key", "cert/server.crt.tmp", "cert/server.crt")


class FirstStartTest(SeededTest):
    def setUp(self):
        super().setUp()
        self.data_dir = self.folder / "gateway"

    def begin(self):
        """A first start in an empty place."""
        shutil.rmtree(self.data_dir, ignore_errors=True)
        starting = Process(Gateway.command(self.data_dir), f"{self.data_dir}.log")
        self.addCleanup(starting.kill)
        return starting

    def assert_next_start_works(self):
        """It serves clients that have the CA, keeps its secrets secret, and leaves nothing half-made."""
        gw = self.gateway()
        self.assertEqual({}, gw.list())
        gw.channel.close()  # or else the gateway gives its client a second to say good-bye
        self.assertEqual(0, gw.stop(), gw.errors())
        self.assertEqual([], list(self.data_dir.rglob("*.tmp")))
        for name in ("ca.key", "server.key"):
            self.assertEqual(0o600, stat.S_IMODE((self.data_dir / "cert" / name).stat().st_mode))
        with contextlib.closing(sqlite3.connect(self.data_dir / "gatelog.db")) as store:
            self.assertEqual([("ok",)], store.execute("PRAGMA integrity_check").fetchall())

    def test_killed_when_a_file_appears(self):
        for name in MADE:
            with self.subTest(name):
                starting = self.begin()
                # A temporary file lives for an instant; where it was missed, its successor is there.
                names = [self.data_dir / name, self.data_dir / name.removesuffix(".tmp")]
                wait_for(lambda: any(path.exists() for path in names), f"{name} appears", SECONDS, every=0)
                self.assertTrue(starting.running(), starting.errors())
                starting.kill()
                self.assert_next_start_works()

    def test_killed_at_random(self):
        for _ in range(KILLS_IN_TIME):
            starting, delay = self.begin(), self.random.uniform(0, START_S_MAX)
            with self.subTest(delay=delay), contextlib.suppress(subprocess.TimeoutExpired):
                status = starting.process.wait(delay)
                self.fail(f"gatelogd ended by itself with {status}:\n{starting.errors()}")
            starting.kill()
            self.assert_next_start_works()


class SecondGatewayTest(EndToEndTest):
    def second_start(self, gw):
        done = subprocess.run([str(part) for part in Gateway.command(gw.data_dir)], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=30)
        self.assertEqual((1, ""), (done.returncode, done.stdout), done.stderr)
        self.assertEqual(1, len(done.stderr.strip().splitlines()), done.stderr)
        self.assert_sentence(done.stderr)
        self.assertIn(str(gw.data_dir), done.stderr)
        self.assertIn(str(gw.process.pid), done.stderr)

    def test_the_first_is_not_disturbed(self):
        sim = self.simulator(devices=3, history=3000, rate=50)
        gw = self.gateway(env={"GATELOG_DEVICE_PAGE_RECORDS": "32"})
        gw.add_all(sim)
        for count in range(SECOND_STARTS):
            wait_for(lambda: sum(device.stored for device in gw.list().values()) > 1000 * count, "the first is at work")
            self.second_start(gw)
        self.assertTrue(gw.running())
        # Killed, it lets go of the directory at once.
        gw.kill()
        again = self.gateway()
        self.second_start(again)
        sim.set_rate(0)
        again.wait_stored(sim)
        figures = compare.compare(again.data_dir, sim.data_dir)
        self.assertEqual([], figures.problems)
        self.assertEqual((0, 0, 3), (figures.gaps, figures.duplicates, figures.epochs))


if __name__ == "__main__":
    take_arguments()
    unittest.main()
