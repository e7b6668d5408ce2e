"""Query, Count, Follow and the command line find what a scan of the terminals' own logs finds, by every filter."""

import collections
import csv
import datetime
import io
import json
import signal
import subprocess
import unittest
import zoneinfo

from harness import BIN, EndToEndTest, FIRST_ID, wait_for  # first: finds the generated contracts

import grpc
from gatelog.v1 import events_pb2, store_pb2, store_pb2_grpc
from gsdk import event_pb2
from simulator.v1 import control_pb2

import compare

DEVICES = 3
HISTORY = 1500
PAGE = 700
LIVE_EVENTS = 40
FOLLOW_SECONDS = 20
ZONE = "Europe/Berlin"
ALERTS = {0x1100, 0x1400, 0x1900, 0x3000, 0x3400, 0x3C00, 0x4600, 0x4700}
PUNCHES = {0x1000, 0x1200, 0x1300, 0x1500}


def is_auth(code):
    return 0x1000 <= code < 0x2000


def is_door(code):
    return 0x5000 <= code < 0x6000


class Event:
    """A stored event, decoded."""

    def __init__(self, stored):
        self.stored = stored
        self.log = event_pb2.EventLog.FromString(stored.event)
        self.seq = stored.seq
        self.card = self.log.cardData.lstrip(b"\0")


class QueryTest(EndToEndTest):
    def setUp(self):
        super().setUp()
        self.sim = self.simulator(devices=DEVICES, history=HISTORY, images=True)
        self.gw = self.gateway()
        for number in range(1, DEVICES + 1):
            self.gw.add(self.sim.address(number))
        for k in range(LIVE_EVENTS):
            self.sim.inject(self.sim.ids[k % DEVICES], eventCode=0x1300, subCode=k % 9, userID=f"live-{k % 4}",
                            TNAKey=k % 5, temperature=3600 + k * 10, changedOnDevice=k % 7 == 0,
                            cardData=b"\0\0\x0a" + bytes([k]) if k % 3 else b"")
        self.gw.wait_stored(self.sim)
        self.events = [Event(stored) for stored in self.query(events_pb2.Filter())]

    def query(self, wanted, newest_first=False):
        found, request = [], events_pb2.QueryRequest(filter=wanted, newest_first=newest_first, page_size=PAGE)
        while True:
            page = self.gw.events.Query(request)
            found += page.events
            request.page_token = page.next_page_token
            if not request.page_token:
                return found

    def filters(self):
        """Filters, and what each lets pass."""
        one = next(e for e in self.events if e.log.userID)
        card = next(e.card for e in self.events if e.card)
        door = next(e.log.entityID for e in self.events if is_door(e.log.eventCode))
        times = sorted(e.log.timestamp for e in self.events)
        begin, end = times[len(times) // 3], times[2 * len(times) // 3]
        arrival = sorted(e.stored.arrival_ms for e in self.events)[len(self.events) // 2]
        return {
            "all": ({}, lambda e: True),
            "log device": ({"log_device_ids": [self.sim.ids[1]]}, lambda e: e.stored.log_device_id == self.sim.ids[1]),
            "device": ({"device_ids": self.sim.ids[:2]}, lambda e: e.log.deviceID in self.sim.ids[:2]),
            "user": ({"user_ids": [one.log.userID, "live-2"]}, lambda e: e.log.userID in (one.log.userID, "live-2")),
            "nobody": ({"user_ids": [""]}, lambda e: not e.log.userID),
            "code": ({"event_codes": [0x1300, 0x5000]}, lambda e: e.log.eventCode in (0x1300, 0x5000)),
            "sub code": ({"event_codes": [0x1300, 0x1000], "sub_codes": [1, 2]},
                         lambda e: e.log.eventCode in (0x1300, 0x1000) and e.log.subCode in (1, 2)),
            "pair": ({"code_pairs": [events_pb2.CodePair(event_code=0x1300, sub_code=3)], "event_codes": [0x5400]},
                     lambda e: e.log.eventCode == 0x5400 or (e.log.eventCode, e.log.subCode) == (0x1300, 3)),
            "category": ({"categories": ["Auth"]}, lambda e: is_auth(e.log.eventCode)),
            "level": ({"levels": ["alert"]}, lambda e: e.log.eventCode in ALERTS),
            "nothing": ({"categories": ["Door"], "event_codes": [0x1300]}, lambda e: False),
            "door": ({"categories": ["Door"], "entity_ids": [door]},
                     lambda e: is_door(e.log.eventCode) and e.log.entityID == door),
            "T&A key": ({"tna_keys": [1, 3]}, lambda e: e.log.TNAKey in (1, 3)),
            "card": ({"cards": [b"\0" * 5 + card]}, lambda e: e.card == card),
            "time": ({"from_s": begin, "to_s": end}, lambda e: begin <= e.log.timestamp < end),
            "arrival": ({"arrival_from_ms": arrival, "arrival_to_ms": arrival + 10_000_000},
                        lambda e: e.stored.arrival_ms >= arrival),
            "temperature": ({"temperature_from": 3620, "temperature_to": 3700}, lambda e: 3620 <= e.log.temperature <= 3700),
            "cold": ({"temperature_to": 3650}, lambda e: 0 < e.log.temperature <= 3650),
            "image": ({"has_image": True}, lambda e: e.log.hasImage),
            "at the device": ({"changed_on_device": True}, lambda e: e.log.changedOnDevice),
            "phase": ({"phase": events_pb2.PHASE_LIVE}, lambda e: e.stored.phase == events_pb2.PHASE_LIVE),
            "epoch": ({"epoch": 1}, lambda e: e.stored.epoch == 1),
            "no such epoch": ({"epoch": 2}, lambda e: False),
            "IDs": ({"first_id": 100, "last_id": 200}, lambda e: 100 <= e.log.ID <= 200),
            "several": ({"log_device_ids": self.sim.ids[:2], "categories": ["Auth"], "from_s": begin, "first_id": 50},
                        lambda e: e.stored.log_device_id in self.sim.ids[:2] and is_auth(e.log.eventCode) and
                        e.log.timestamp >= begin and e.log.ID >= 50),
        }

    def test_the_store_holds_the_terminals_logs(self):
        for device in self.sim.ids:
            self.assertEqual(compare.terminal_log(self.sim.data_dir, device),
                             {e.log.ID: e.stored.event for e in self.events if e.stored.log_device_id == device})

    def test_every_filter_finds_what_a_scan_finds(self):
        covered = set()
        for name, (fields, matches) in self.filters().items():
            with self.subTest(filter=name):
                wanted = events_pb2.Filter(**fields)
                covered |= set(fields)
                expected = [e.seq for e in self.events if matches(e)]
                self.assertEqual(expected, [e.seq for e in self.query(wanted)])
                self.assertEqual(expected[::-1], [e.seq for e in self.query(wanted, newest_first=True)])
                rows = self.gw.events.Count(events_pb2.CountRequest(filter=wanted)).rows
                self.assertEqual(len(expected), sum(row.events for row in rows))
                self.assertEqual(expected, self.followed(wanted))
                if name not in ("nothing", "no such epoch"):
                    self.assertTrue(expected, "the filter shows nothing")
        self.assertEqual({field.name for field in events_pb2.Filter.DESCRIPTOR.fields}, covered)

    def followed(self, wanted):
        seqs = []
        call = self.gw.events.Follow(events_pb2.FollowRequest(filter=wanted), timeout=FOLLOW_SECONDS)
        for batch in call:
            seqs += [event.seq for event in batch.events]
            if int(batch.cursor.rpartition("-")[2]) >= self.events[-1].seq:
                break
            if not batch.events and not seqs:
                break
        call.cancel()
        return seqs

    def count(self, *by, zone="", **fields):
        return self.gw.events.Count(events_pb2.CountRequest(
            filter=events_pb2.Filter(**fields), by=by, time_zone=zone)).rows

    def test_counts_equal_a_scan(self):
        codes = collections.Counter((e.log.eventCode, e.log.subCode) for e in self.events)
        rows = self.count(events_pb2.COUNT_BY_CODE, events_pb2.COUNT_BY_SUB_CODE)
        self.assertEqual(codes, {(r.event_code, r.sub_code): r.events for r in rows})
        self.assertEqual(collections.Counter((e.log.deviceID, e.log.userID) for e in self.events),
                         {(r.device_id, r.user_id): r.events for r in self.count(
                             events_pb2.COUNT_BY_DEVICE, events_pb2.COUNT_BY_USER)})
        self.assertEqual(collections.Counter(e.log.entityID for e in self.events if is_door(e.log.eventCode)),
                         {r.door_id: r.events for r in self.count(events_pb2.COUNT_BY_DOOR)})
        categories = {r.category: r.events for r in self.count(events_pb2.COUNT_BY_CATEGORY)}
        self.assertEqual(sum(is_auth(e.log.eventCode) for e in self.events), categories["Auth"])
        self.assertEqual(sum(is_door(e.log.eventCode) for e in self.events), categories["Door"])
        zone = zoneinfo.ZoneInfo(ZONE)
        local = lambda e: datetime.datetime.fromtimestamp(e.log.timestamp, zone)  # noqa: E731
        days = {datetime.datetime.fromtimestamp(r.from_s, zone).date(): r.events
                for r in self.count(events_pb2.COUNT_BY_DAY, zone=ZONE)}
        self.assertEqual(collections.Counter(local(e).date() for e in self.events), days)
        hours = {r.from_s: r.events for r in self.count(events_pb2.COUNT_BY_HOUR, zone=ZONE)}
        self.assertEqual(collections.Counter(e.log.timestamp // 3600 * 3600 for e in self.events), hours)

    def test_what_cannot_be_meant_is_refused(self):
        query = lambda **f: self.gw.events.Query(events_pb2.QueryRequest(filter=events_pb2.Filter(**f)))  # noqa: E731
        invalid = grpc.StatusCode.INVALID_ARGUMENT
        for fields, words in [({"sub_codes": [1]}, "event_codes"), ({"categories": ["Window"]}, "categories"),
                              ({"tna_keys": [17]}, "T&A key"), ({"cards": [b"\0"]}, "card"),
                              ({"event_codes": [1 << 16]}, "16 bits"), ({"first_id": 2, "last_id": 1}, "last_id"),
                              ({"temperature_from": 2, "temperature_to": 1}, "temperature"),
                              ({"user_ids": ["x"] * 1001}, "user_ids")]:
            with self.subTest(fields=fields if len(str(fields)) < 100 else words), self.fails(invalid, words):
                query(**fields)
        with self.fails(invalid, "zone"):
            self.count(events_pb2.COUNT_BY_DAY, zone="Europe/../../etc/passwd")
        with self.fails(invalid, "both"):
            self.count(events_pb2.COUNT_BY_DAY, events_pb2.COUNT_BY_HOUR)

    def cli_seqs(self, *arguments):
        lines = self.gw.cli("event", "query", "--limit", 0, "-o", "jsonl", *arguments).stdout.splitlines()
        return [json.loads(line)["seq"] for line in lines]

    def test_the_command_line_filters_as_the_service(self):
        seqs = lambda matches: [e.seq for e in self.events if matches(e)]  # noqa: E731
        card = next(e.card for e in self.events if e.card)
        self.assertEqual(seqs(lambda e: is_door(e.log.eventCode)), self.cli_seqs("--category", "door"))
        self.assertEqual(seqs(lambda e: 3620 <= e.log.temperature <= 3700), self.cli_seqs("--temperature", "36.2..37"))
        self.assertEqual(seqs(lambda e: e.card == card), self.cli_seqs("--card", card.hex()))
        self.assertEqual(seqs(lambda e: e.stored.phase == events_pb2.PHASE_LIVE and e.log.TNAKey == 2),
                         self.cli_seqs("--phase", "live", "--tna", 2))
        self.assertEqual(seqs(lambda e: (e.log.eventCode, e.log.subCode) == (0x1300, 3)), self.cli_seqs("--code", "0x1300/3"))
        self.assertEqual(seqs(lambda e: e.log.hasImage and e.log.ID <= 300), self.cli_seqs("--image", "--last-id", 300))
        self.assertEqual([], self.cli_seqs("--arrived-until", "2 days ago"))
        rows = json.loads(self.gw.cli("event", "count", "--by", "day,code", "--zone", ZONE, "-o", "json").stdout)
        self.assertEqual(len(self.events), sum(row["events"] for row in rows))
        self.assertEqual({ZONE}, {row["zone"] for row in rows})
        table = self.gw.cli("event", "count", "--by", "hour,code", "--zone", ZONE).stdout
        self.assertIn(f"HOUR ({ZONE})", table)
        wrong = self.gw.cli("event", "query", "--category", "window", check=False)
        self.assertEqual((2, ""), (wrong.returncode, wrong.stdout))
        self.assertEqual(2, self.gw.cli("event", "count", "--by", "weather", check=False).returncode)

    def test_an_export_holds_every_event(self):
        path = self.folder / "events.csv"
        done = self.gw.cli("event", "export", "--zone", ZONE, "--file", path)
        self.assertIn(f"{len(self.events):,} events", done.stderr)
        rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"), newline="")))
        self.assertEqual([(e.seq, e.log.ID, e.log.userID) for e in self.events],
                         [(int(r["seq"]), int(r["event_id"]), r["user_id"]) for r in rows])
        zone = zoneinfo.ZoneInfo(ZONE)
        for event, row in zip(self.events, rows):
            self.assertEqual(datetime.datetime.fromtimestamp(event.log.timestamp, zone).isoformat(), row["time"])
            self.assertEqual(ZONE, row["zone"])
        self.assertEqual(0o600, path.stat().st_mode & 0o777)
        again = self.gw.cli("event", "export", "--file", path, check=False)
        self.assertEqual(1, again.returncode)
        self.assertIn("is there already", again.stderr)
        lines = self.gw.cli("event", "export", "-o", "jsonl", "--category", "door").stdout.splitlines()
        self.assertEqual([e.seq for e in self.events if is_door(e.log.eventCode)], [json.loads(line)["seq"] for line in lines])

    def test_an_export_that_is_interrupted_leaves_nothing(self):
        path = self.folder / "cut.csv"
        self.sim.inject(eventCode=0x1300, userID="one more")
        for _ in range(10):
            export = subprocess.Popen([str(BIN / "gatelog"), "--gateway", self.gw.grpc_address, "--ca", str(self.gw.ca), "event",
                                       "export", "--file", str(path)], stderr=subprocess.DEVNULL, start_new_session=True)
            part = path.with_name(path.name + ".part")
            wait_for(lambda: part.exists() or export.poll() is not None, "the export begins", every=0.0005)
            export.send_signal(signal.SIGINT)
            status = export.wait(10)
            self.assertFalse(part.exists())
            if status:
                self.assertFalse(path.exists())
                return
            path.unlink()
        self.fail("no export was interrupted")

    def test_punches_are_who_was_recognised_when(self):
        zone = zoneinfo.ZoneInfo(ZONE)
        punches = [e for e in self.events if e.log.eventCode in PUNCHES and e.log.userID]
        expected = [(e.log.userID, datetime.datetime.fromtimestamp(e.log.timestamp, zone).strftime("%Y-%m-%d %H:%M:%S"),
                     str(e.log.TNAKey or ""), str(e.log.deviceID)) for e in punches]
        read = lambda *a: [(r["person"], f'{r["day"]} {r["time"]}', r["tna_key"], r["device_id"])  # noqa: E731
                           for r in csv.DictReader(io.StringIO(self.gw.cli(
                               "event", "export", "--punches", "--zone", ZONE, *a).stdout, newline=""))]
        self.assertTrue(expected)
        self.assertEqual(expected, read())
        self.assertEqual([e for e in expected if e[2]], read("--tna-only"))

    def with_filter(self, start=0, count=0, device=FIRST_ID, **fields):
        return list(self.gw.event.GetLogWithFilter(event_pb2.GetLogWithFilterRequest(
            deviceID=device, startEventID=start, maxNumOfLog=count, filters=[event_pb2.EventFilter(**fields)])).events)

    def check_filtered_log(self, device=FIRST_ID):
        """What GetLogWithFilter gives is part of the log that the terminal holds."""
        log = self.gw.get_log(device_id=device)
        self.assertEqual(compare.terminal_log(self.sim.data_dir, device), {e.ID: e.SerializeToString() for e in log})
        users = {e.userID for e in log if e.userID} or {"nobody"}
        for start in (0, log[len(log) // 2].ID if log else 5):
            part = [e for e in log if e.ID >= start]
            self.assertEqual(part, self.with_filter(start, device=device))
            user = sorted(users)[0]
            self.assertEqual([e for e in part if e.userID == user], self.with_filter(start, device=device, userID=user))
            self.assertEqual([e for e in part if e.eventCode == 0x1300][:7],
                             self.with_filter(start, 7, device=device, eventCode=0x1300))

    def test_a_filtered_log_is_the_terminals_also_after_a_clear_and_a_reset(self):
        self.check_filtered_log()
        self.gw.event.ClearLog(event_pb2.ClearLogRequest(deviceID=FIRST_ID))
        self.check_filtered_log()
        for k in range(30):
            self.sim.inject(eventCode=0x1300, userID=f"after-{k % 3}")
            if k % 10 == 0:
                self.check_filtered_log()
        self.gw.wait_stored(self.sim)
        self.check_filtered_log()
        self.sim.control.FactoryReset(control_pb2.FactoryResetRequest(device_id=FIRST_ID))
        for k in range(30):
            self.sim.inject(eventCode=0x1300, userID=f"anew-{k % 3}")
        wait_for(lambda: self.gw.info().epoch == 2 and self.gw.info().lag == 0, "the new epoch is stored")
        self.check_filtered_log()

    def test_who_was_erased_is_gone_from_the_store_and_still_on_the_terminal(self):
        user = next(e.log.userID for e in self.events if e.log.userID and e.stored.log_device_id == FIRST_ID)
        mine = [e.seq for e in self.events if e.log.userID == user]
        self.with_filter(userID=user)
        store_pb2_grpc.StoreStub(self.gw.channel).Forget(store_pb2.ForgetRequest(user_id=user, requested_by="test"))
        self.assertEqual([], self.query(events_pb2.Filter(user_ids=[user])))
        self.assertEqual(mine, [e.seq for e in self.query(events_pb2.Filter()) if e.erased])
        self.check_filtered_log()
        log = self.gw.get_log()
        self.assertEqual([e for e in log if e.userID == user], self.with_filter(userID=user))


if __name__ == "__main__":
    unittest.main()
