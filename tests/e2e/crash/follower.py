"""A client of gatelog.v1.Events/Follow that keeps its cursor, as a program that hands events on would do."""

import array
import hashlib
import threading

import harness  # noqa: F401  first: finds the generated contracts

import grpc
from gatelog.v1 import events_pb2

import compare

END_SECONDS = 10   # for a stream to end after its gateway was killed
PROBLEMS_MAX = 20  # told


def digest(log_device, epoch, payload):
    """Eight bytes that stand for an event."""
    head = b"%d/%d/" % (log_device, epoch)
    return int.from_bytes(hashlib.blake2b(head + payload, digest_size=8).digest(), "big")


class Follower:
    """Follows one gateway after the other, on threads of its own; each goes on from the cursor of the last."""

    def __init__(self):
        self.problems = []
        self.count = 0               # events received; the newest has this seq
        self._digests = array.array("Q")
        self._cursor = ""
        self._call = self._thread = None

    def attach(self, gateway):
        self._call = gateway.events.Follow(events_pb2.FollowRequest(cursor=self._cursor))
        self._thread = threading.Thread(target=self._read, args=(self._call,), daemon=True)
        self._thread.start()

    def detach(self):
        """Returns when nothing more can come from the gateway that it was attached to."""
        if not self._thread:
            return
        self._call.cancel()
        self._thread.join(END_SECONDS)
        if self._thread.is_alive():
            self.problems.append("a stream of Follow did not end")
        self._thread = None

    def _read(self, call):
        try:
            for batch in call:
                for event in batch.events:
                    if event.seq != self.count + 1:
                        self.problems.append(f"Follow gave {event.seq} after {self.count}")
                    self.count = event.seq
                    self._digests.append(digest(event.log_device_id, event.epoch, event.event))
                self._cursor = batch.cursor
        except grpc.RpcError as error:
            if error.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED):
                self.problems.append(f"Follow ended with {error.code().name}: {error.details()}")

    def compare(self, gateway_dir):
        """What it has received is what is stored, in the same order: a list of differences."""
        problems, seen = list(self.problems[:PROBLEMS_MAX]), 0
        with compare.open_store(gateway_dir) as store:
            for seq, device, epoch, event_id, payload in store.execute(
                    "SELECT seq, log_device, epoch, id, payload FROM event ORDER BY seq"):
                seen += 1
                if seq != seen:
                    problems.append(f"the store has seq {seq} where {seen} is due")
                elif seen <= len(self._digests) and self._digests[seen - 1] != digest(device, epoch, payload):
                    problems.append(f"Follow gave another event under seq {seq} than {device} {event_id}")
                if len(problems) >= PROBLEMS_MAX:
                    break
        if seen != len(self._digests):
            problems.append(f"Follow gave {len(self._digests)} events, {seen} are stored")
        return problems
