"""gatelogd is killed at random moments while its terminals produce events and their links break.

  script/crash [--kills N] [--seed S]    the seed repeats the moments and the faults; GATELOG_KILLS also sets N

At the end the store must equal the terminals' own logs, record by record, and a client of Follow must have received every
event once and in order. Terminals keep all their records here, so there must be no gap.
"""

import collections
import contextlib
import dataclasses
import os
import random
import signal
import sqlite3
import subprocess
import time
import unittest

from harness import Gateway, Process, Simulator, wait_for  # first: finds the generated contracts

import compare
from fault_proxy import FAULTS, FaultProxy
from follower import Follower
from seeded import SeededTest, take_arguments

DEVICES = 50
HISTORY = 400            # records of each terminal when it is first seen
EVENTS_PER_S = 10        # of each terminal
CAPACITY = 10_000_000    # nothing is overwritten
QUIET_SECONDS = 180      # to store everything once the faults have ended
EXIT_SECONDS = 10
REPORT_EVERY = 100       # kills
FAULTS_SEEN_AFTER = 100  # kills; by then each fault must have struck
GATEWAY_ENVIRONMENT = {
    # Small pages make many commits; the rest lets a link that broke come back between two kills.
    "GATELOG_DEVICE_PAGE_RECORDS": "32",
    "GATELOG_DEVICE_KEEP_ALIVE_MS": "200",
    "GATELOG_DEVICE_REQUEST_TIMEOUT_MS": "1000",
    "GATELOG_DEVICE_CONNECT_TIMEOUT_MS": "1000",
    "GATELOG_DEVICE_RECONNECT_DELAY_MS_MIN": "20",
    "GATELOG_DEVICE_RECONNECT_DELAY_MS_MAX": "200",
    "GATELOG_LOG_LEVEL": "warn",
}

STARTING, RUNNING, COMMITTED, WRITING, STOPPING = "starting", "running", "committed", "writing", "stopping"
WEIGHTS = {STARTING: 20, RUNNING: 20, COMMITTED: 30, WRITING: 20, STOPPING: 10}
DELAYS_S_MAX = {STARTING: 0.3, RUNNING: 1.0, STOPPING: 0.05}
EVENTS_MAX, WRITES_MAX = 500, 20
POWER_LOSS_CHANCE = 0.05  # that the terminals lose power, too, after the gateway has started


@dataclasses.dataclass(frozen=True)
class Moment:
    """When a gateway is killed."""
    when: str
    delay_s: float = 0  # from the start of the program, from when it was ready, or from SIGTERM
    count: int = 0      # of events committed, or of writes to the write-ahead log, since it was ready
    terminals: bool = False  # lose power while it starts


def draw_moment(seed, number):
    draw = random.Random(f"{seed}/kill/{number}")
    when = draw.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
    terminals = draw.random() < POWER_LOSS_CHANCE
    if when == COMMITTED:
        return Moment(when, count=draw.randint(1, EVENTS_MAX), terminals=terminals)
    if when == WRITING:
        return Moment(when, count=draw.randint(1, WRITES_MAX), terminals=terminals)
    return Moment(when, delay_s=draw.uniform(0, DELAYS_S_MAX[when]), terminals=terminals)


class KillTest(SeededTest):
    kills = int(os.environ.get("GATELOG_KILLS", 200))

    def setUp(self):
        super().setUp()
        self.data_dir = self.folder / "gateway"
        self.sim = None
        self.addCleanup(lambda: self.sim and self.sim.kill())
        self.start_terminals()
        self.proxy = FaultProxy(self.sim.host, self.sim.port, DEVICES, self.seed)
        self.addCleanup(self.proxy.close)
        self.follower = Follower()
        self.gw = None
        self.addCleanup(lambda: self.gw and self.gw.kill())
        self.moments = collections.Counter()
        self.power_losses = 0

    def test_nothing_is_lost_or_doubled(self):
        start = time.monotonic()
        self.start()
        self.gw.add_all(self.sim, self.proxy.port)
        self.kill_now(RUNNING)  # the devices were acknowledged, so they are kept
        self.sim.set_rate(EVENTS_PER_S)
        number = 0
        while sum(self.moments.values()) < self.kills:
            number += 1
            self.kill_at(draw_moment(self.seed, number))
            killed = sum(self.moments.values())
            if killed % REPORT_EVERY == 0:
                print(f"{killed} kills, {self.follower.count} events, {time.monotonic() - start:.0f} s")
            self.assertEqual([], self.follower.problems)
        self.start()
        disturbed = time.monotonic() - start
        figures = self.finish()
        print(f"kills: {dict(sorted(self.moments.items()))}, terminals' power losses: {self.power_losses}")
        print(f"links: {dict(sorted(self.proxy.count.items()))}")
        print(f"{figures}, {figures.compared} records compared; {disturbed:.0f} s of faults, "
              f"{time.monotonic() - start:.0f} s in all")

    def start_terminals(self):
        """The first time, or again where they were when they lost power."""
        port = self.sim.port if self.sim else 0
        self.sim = Simulator(self.folder / "sim", devices=DEVICES, history=HISTORY, capacity=CAPACITY, images=True,
                             seed=self.seed, port=port)

    def start(self):
        self.gw = Gateway(self.data_dir, env=GATEWAY_ENVIRONMENT)
        self.follower.attach(self.gw)

    def kill_at(self, moment):
        """Starts a gateway and kills it at that moment."""
        if moment.when == STARTING:
            self.gw = Process(Gateway.command(self.data_dir), f"{self.data_dir}.log", GATEWAY_ENVIRONMENT)
        else:
            self.start()
        if moment.terminals:
            self.power_losses += 1
            self.sim.kill()
            self.start_terminals()
            self.sim.set_rate(EVENTS_PER_S)
        if moment.when in (STARTING, RUNNING):
            self.run_for(moment.delay_s)
        elif moment.when == COMMITTED:
            until = self.follower.count + moment.count
            self.wait_while_running(lambda: self.follower.count >= until, f"{moment.count} events committed")
        elif moment.when == WRITING:
            self.wait_for_writes(moment.count)
        else:
            self.gw.process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.assertEqual(0, self.gw.process.wait(moment.delay_s), "ended by SIGTERM")
        self.kill_now(moment.when)

    def kill_now(self, when):
        if self.gw.running():
            self.moments[when] += 1
        else:
            self.assertEqual(STOPPING, when, self.gw.errors())
        self.gw.kill()
        self.follower.detach()

    def run_for(self, seconds):
        """The gateway must not end by itself meanwhile."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            status = self.gw.process.wait(seconds)
            self.fail(f"gatelogd ended by itself with {status}:\n{self.gw.errors()[-3000:]}")

    def wait_while_running(self, condition, what):
        def met():
            self.assertTrue(self.gw.running(), "gatelogd ended by itself")
            return condition()
        wait_for(met, what, every=0.0005)

    def wait_for_writes(self, count):
        log, seen = self.data_dir / "gatelog.db-wal", set()

        def written():
            with contextlib.suppress(FileNotFoundError):
                seen.add(log.stat().st_mtime_ns)
            return len(seen) > count
        self.wait_while_running(written, f"{count} writes to the write-ahead log")

    def finish(self):
        """Faults end, everything is stored, the gateway stops, and what it has is compared."""
        self.sim.set_rate(0)
        self.proxy.quiet()
        self.gw.wait_stored(self.sim, QUIET_SECONDS)
        wait_for(lambda: not compare.images_pending(self.data_dir, self.sim.data_dir), "all images stored", QUIET_SECONDS)
        last = {device: terminal.last_id for device, terminal in self.sim.terminals().items()}
        self.assertEqual({0}, {device.lag for device in self.gw.list().values()})
        wait_for(lambda: self.follower.count >= sum(last.values()), "Follow gave every event", QUIET_SECONDS)
        self.assertEqual(0, self.gw.stop(EXIT_SECONDS), self.gw.errors())
        self.follower.detach()

        figures = compare.compare(self.data_dir, self.sim.data_dir)
        self.assertEqual([], figures.problems)
        self.assertEqual((DEVICES, sum(last.values()), 0, 0, DEVICES),
                         (figures.devices, figures.stored, figures.gaps, figures.duplicates, figures.epochs))
        self.assertEqual(figures.stored, figures.compared)
        self.assertEqual([], self.follower.compare(self.data_dir))
        with contextlib.closing(sqlite3.connect(self.data_dir / "gatelog.db")) as store:
            self.assertEqual([("ok",)], store.execute("PRAGMA integrity_check").fetchall())
        if self.kills >= FAULTS_SEEN_AFTER:
            self.assertEqual([], [fault for fault in FAULTS if not self.proxy.count[fault]], "faults that never struck")
        return figures


class Ended(Exception):
    """Ctrl-C, or somebody asked the run to end; unlike KeyboardInterrupt, it lets the test end what it has started."""


def end(signal_number, frame):
    raise Ended


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    KillTest.kills = take_arguments(kills=KillTest.kills).kills
    unittest.main()
