"""Follow without a seam: the gateway and the clients that follow it are killed at random moments while terminals produce
events, and what the clients have received at the end is what is stored, byte for byte, once, in order.

GATELOG_FOLLOW_KILLS sets how often each is killed; a run prints its seed, and --seed repeats its choices.
"""

import json
import os
import pathlib
import unittest

from harness import BIN, Gateway, Process, wait_for  # first: finds the generated contracts

from gatelog.v1 import events_pb2

import compare
from crash.seeded import SeededTest, take_arguments
from following_client import read_batches

KILLS = int(os.environ.get("GATELOG_FOLLOW_KILLS", 20))  # of the gateway, and of the clients
DEVICES = 6
HISTORY = 3000
EVENTS_PER_S = 40  # of each terminal
PAGE = 5000
IDLE_SECONDS = 30  # in which a filtered follower hears of its cursor
BYTES_MAX = 60_000  # that a client receives before the next kill
CLIENT = pathlib.Path(__file__).with_name("following_client.py")
ENVIRONMENT = {"GATELOG_DEVICE_RECONNECT_DELAY_MS_MIN": "20", "GATELOG_DEVICE_RECONNECT_DELAY_MS_MAX": "200",
               "GATELOG_DEVICE_PAGE_RECORDS": "64", "GATELOG_LOG_LEVEL": "warn"}


def stored_events(gateway, wanted=None):
    events, request = [], events_pb2.QueryRequest(page_size=PAGE, filter=wanted or events_pb2.Filter())
    while True:
        page = gateway.events.Query(request)
        events += page.events
        request.page_token = page.next_page_token
        if not request.page_token:
            return events


def whole_seqs(lines):
    """The last line may be torn: its program was killed."""
    if lines and not lines[-1].endswith("}"):
        lines = lines[:-1]
    return [json.loads(line)["seq"] for line in lines]


class Client:
    """One following client over all its lives."""

    def __init__(self, path, gateway, wanted):
        self.path, self.wanted = path, wanted
        self.arguments = [gateway.grpc_address, gateway.ca, path, wanted.SerializeToString().hex()]
        self.start()

    def start(self):
        self.process = Process(["/usr/bin/python3", "-u", CLIENT, *self.arguments], f"{self.path}.log",
                               {"PYTHONPATH": str(CLIENT.parent)})

    def kill(self):
        self.process.kill()

    def size(self):
        return self.path.stat().st_size if self.path.exists() else 0

    def batches(self):
        return read_batches(self.path)[0]


class FollowTest(SeededTest):
    def setUp(self):
        super().setUp()
        self.sim = self.simulator(devices=DEVICES, history=HISTORY, seed=self.seed)
        self.gw = None
        self.addCleanup(lambda: self.gw and self.gw.kill())
        self.start_gateway()
        self.gw.add_all(self.sim)
        for device in self.sim.ids:
            self.gw.wait_connected(device)
        self.sim.set_rate(EVENTS_PER_S)

    def start_gateway(self):
        address = self.gw.grpc_address if self.gw else "127.0.0.1:0"
        self.gw = Gateway(self.folder / "gateway", grpc_address=address, env=ENVIRONMENT)

    def kill_gateway(self):
        self.gw.kill()
        self.start_gateway()

    def finish(self):
        """Terminals are quiet, everything is stored: the newest seq."""
        self.sim.set_rate(0)
        self.gw.wait_stored(self.sim)
        last = self.gw.events.GetTotals(events_pb2.GetTotalsRequest()).last_seq
        self.assertEqual([], compare.compare(self.gw.data_dir, self.sim.data_dir).problems)
        return last

    def test_both_ends_are_killed(self):
        filters = [events_pb2.Filter(), events_pb2.Filter(categories=["Auth", "Door"], phase=events_pb2.PHASE_LIVE),
                   events_pb2.Filter(event_codes=[0xFFFF])]
        clients = [Client(self.folder / f"received-{number}", self.gw, wanted) for number, wanted in enumerate(filters)]
        for client in clients:
            self.addCleanup(client.kill)
        gateways = killed = 0
        while gateways < KILLS or killed < KILLS:
            # At random moments: sometimes at once, mostly in the middle of what is received.
            watched = self.random.choice(clients[:2])
            until = watched.size() + self.random.choice([0, 1, self.random.randrange(BYTES_MAX)])
            wait_for(lambda: watched.size() >= until, f"{watched.path.name} grows", every=0.001)
            if gateways < KILLS and (killed == KILLS or self.random.random() < 0.5):
                self.kill_gateway()
                gateways += 1
            else:
                client = self.random.choice(clients)
                client.kill()
                client.start()
                killed += 1
        last = self.finish()
        for client in clients:
            wait_for(lambda: (b := client.batches()) and int(b[-1].cursor.rpartition("-")[2]) >= last,
                     f"{client.path.name} has everything", IDLE_SECONDS, every=0.1)
            client.kill()
            self.compare(client, last)
        print(f"{gateways} kills of the gateway, {killed} of clients, {last} events stored, "
              f"received: {[sum(len(b.events) for b in c.batches()) for c in clients]}")

    def compare(self, client, last):
        received = [event for batch in client.batches() for event in batch.events]
        stored = stored_events(self.gw, client.wanted)
        self.assertEqual(len(stored), len(received))
        for theirs, ours in zip(received, stored):
            self.assertEqual(ours.SerializeToString(deterministic=True), theirs.SerializeToString(deterministic=True))
        seqs = [event.seq for event in received]
        self.assertEqual(sorted(set(seqs)), seqs)
        if not client.wanted.ByteSize():
            self.assertEqual(list(range(1, last + 1)), seqs)

    def test_a_tail_with_a_saved_cursor_leaves_no_hole(self):
        cursor, lives = self.folder / "cursor", []

        def tail():
            process = Process([BIN / "gatelog", "--gateway", self.gw.grpc_address, "--ca", self.gw.ca, "-o", "jsonl",
                               "event", "tail", "-f", "--cursor", cursor])
            self.addCleanup(process.kill)
            lives.append(process)
            return process

        process = tail()
        for number in range(6):
            until = len(process.lines) + self.random.randrange(1, 500)
            wait_for(lambda: len(process.lines) >= until, "the tail shows events", every=0.001)
            if number % 2:
                self.kill_gateway()
            else:
                process.kill()
                process = tail()
        last = self.finish()
        wait_for(lambda: cursor.exists() and int(cursor.read_text().strip().rpartition("-")[2]) >= last,
                 "the tail has shown everything", IDLE_SECONDS)
        process.process.terminate()
        self.assertEqual(0, process.wait(10), process.errors())
        expected = 1
        for life in lives:
            seqs = whole_seqs([line for line in life.lines if line])
            # What it shows again is the batch whose cursor was not saved when it was killed.
            self.assertLessEqual(seqs[0] if seqs else expected, expected)
            self.assertEqual(list(range(seqs[0], seqs[0] + len(seqs))) if seqs else [], seqs)
            expected = max([expected] + [seq + 1 for seq in seqs[-1:]])
        self.assertEqual(last + 1, expected)


if __name__ == "__main__":
    take_arguments()
    unittest.main()
