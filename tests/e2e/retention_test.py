"""Retention: what is old goes in whole segments, is known to be gone, and everything else stays as it was."""

import json
import pathlib
import sqlite3
import subprocess
import unittest

from harness import EndToEndTest, run_cli, wait_for  # first: finds the generated contracts

from gatelog.v1 import store_pb2, store_pb2_grpc

CHECKER = pathlib.Path(__file__).resolve().parents[2] / "examples" / "audit" / "verify.py"
WHERE_AND_WHEN = "SELECT group_concat(seq || ' ' || log_device || ' ' || id || ' ' || timestamp || ' ' || code || ' ' || arrival_ms) FROM events"


class RetentionTest(EndToEndTest):
    def setUp(self):
        super().setUp()
        self.env = {"GATELOG_SEAL_INTERVAL_MS": "1000"}

    def fill(self, **options):
        self.sim = self.simulator(devices=2, **options)
        self.gw = self.gateway(env=self.env)
        self.gw.add_all(self.sim)
        self.gw.wait_stored(self.sim)

    def refuse(self):
        """An event that terminals take an image for, which a short history need not have."""
        self.sim.inject(eventCode=0x1100, subCode=2, cardData=b"card-of-a-stranger")
        self.gw.wait_stored(self.sim)

    def query(self, sql):
        database = sqlite3.connect(self.gw.data_dir / "gatelog.db")
        try:
            return database.execute(sql).fetchone()
        finally:
            database.close()

    def prune(self, *options):
        return json.loads(self.gw.cli("store", "prune", "-o", "jsonl", *options).stdout)

    def wait_sealed(self):
        wait_for(lambda: self.query("SELECT max(block) >= (SELECT max(number) FROM block WHERE events > 0) FROM seal")[0], "a seal")

    def wait_images(self):
        wait_for(lambda: self.query("SELECT sum(images_wanted = images + images_absent) = count(*) FROM log_state")[0], "all images")

    def verify(self):
        """Both checkers."""
        database = self.gw.data_dir / "gatelog.db"
        run_cli("store", "verify", database)
        theirs = subprocess.run(["/usr/bin/python3", CHECKER, database], capture_output=True, text=True, check=False)
        self.assertEqual(0, theirs.returncode, theirs.stdout + theirs.stderr)

    def test_what_is_pruned_is_known_and_is_no_gap(self):
        self.fill(history=300, images=True)
        stored = self.query("SELECT max(seq) FROM events")[0]
        next_ids = self.query("SELECT group_concat(next) FROM logs")
        self.wait_sealed()
        would = self.prune("--events-before", "2100-01-01", "--dry-run")
        self.assertEqual(stored, self.query("SELECT count(*) FROM events")[0], "a dry run changes nothing")
        self.prune("--events-before", "2100-01-01", "--yes")
        self.assertGreater(int(would["events"]), 0)
        wait_for(lambda: self.query("SELECT count(*) FROM events")[0] == 0, "the rows to go")
        self.assertEqual(next_ids, self.query("SELECT group_concat(next) FROM logs"))
        self.assertEqual(0, self.query("SELECT count(*) FROM gaps")[0])

        self.sim.inject(eventCode=0x1300, userID="4711")
        wait_for(lambda: self.query("SELECT count(*) FROM events")[0] > 0, "a new event")
        self.assertEqual(stored + 1, self.query("SELECT min(seq) FROM events")[0], "nothing pruned is read again")
        self.gw.cli("store", "check")
        self.gw.stop()
        self.verify()

    def test_old_events_tell_of_nobody(self):
        self.fill(history=300, images=True)
        self.refuse()
        self.wait_images()
        self.wait_sealed()
        where_and_when = self.query(WHERE_AND_WHEN)
        user = self.query("SELECT user_id FROM events WHERE user_id IS NOT NULL LIMIT 1")[0]
        told = self.query("SELECT count(*) FROM event WHERE person IS NOT NULL")[0]
        images = self.query("SELECT count(*) FROM image")[0]
        self.assertGreater(images, 0)
        would = self.prune("--people-before", "2100-01-01", "--dry-run")
        self.assertEqual((told, images), (int(would["people"]), int(would["images"])))
        self.assertEqual(told, self.query("SELECT count(*) FROM event WHERE person IS NOT NULL")[0], "a dry run changes nothing")

        self.assertEqual(would, self.prune("--people-before", "2100-01-01", "--yes"))
        self.assertEqual((0,), self.query("SELECT count(*) FROM events WHERE user_id IS NOT NULL OR temperature <> 0"))
        self.assertEqual((0, 0), self.query("SELECT (SELECT count(*) FROM image), (SELECT count(*) FROM person)"))
        self.assertEqual((told,), self.query("SELECT count(*) FROM events WHERE erased"))
        self.assertEqual(where_and_when, self.query(WHERE_AND_WHEN))
        self.assertEqual("", self.gw.cli("event", "query", "--user", user, "-o", "jsonl").stdout)
        self.assertEqual("0", str(self.prune("--people-before", "2100-01-01", "--yes").get("people", 0)), "once")
        self.verify()  # while the gateway runs

        self.sim.inject(eventCode=0x1300, userID=user)
        wait_for(lambda: self.query("SELECT count(*) FROM events WHERE user_id IS NOT NULL") == (1,), "a new event")
        self.gw.cli("store", "check")
        self.wait_sealed()  # which empties the write-ahead log
        self.gw.stop()
        self.verify()
        for file in self.gw.data_dir.glob("gatelog.db*"):
            self.assertNotIn(b"card-of-a-stranger", file.read_bytes(), file.name)

    def test_a_killed_gateway_goes_on_where_it_was(self):
        self.fill(history=4000)
        self.wait_sealed()
        where_and_when = self.query(WHERE_AND_WHEN)
        before = self.query("SELECT count(*) FROM events WHERE user_id IS NOT NULL")[0]
        for _ in range(3):
            left = self.query("SELECT count(*) FROM events WHERE user_id IS NOT NULL")[0]
            call = store_pb2_grpc.StoreStub(self.gw.channel).Prune.future(store_pb2.PruneRequest(people_before_ms=1 << 42))
            wait_for(lambda: call.done() or self.query("SELECT count(*) FROM events WHERE user_id IS NOT NULL")[0] < left, "a step")
            self.gw.kill()
            call.exception()  # waits for its end, which may have come before the kill
            self.verify()
            self.gw = self.gateway(env=self.env)
        self.assertGreater(before, 0)
        self.prune("--people-before", "2100-01-01", "--yes")
        self.assertEqual((0,), self.query("SELECT count(*) FROM events WHERE user_id IS NOT NULL"))
        self.assertEqual(where_and_when, self.query(WHERE_AND_WHEN))
        self.gw.cli("store", "check")
        self.verify()

    def test_the_configuration_says_how_long(self):
        self.env["GATELOG_RETENTION_PEOPLE_DAYS"] = "1"
        self.fill(history=50, images=True)
        self.refuse()
        self.wait_images()
        self.wait_sealed()
        would = self.prune("--dry-run")
        self.assertEqual("0", str(would.get("people", 0)), "nothing is a day old")
        would = self.prune("--people-days", "0", "--images-before", "2100-01-01", "--dry-run")
        self.assertEqual("0", str(would.get("people", 0)))
        self.assertGreater(int(would["images"]), 0)


if __name__ == "__main__":
    unittest.main()
