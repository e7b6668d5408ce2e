"""Retention: what is old goes in whole segments, is known to be gone, and everything else stays as it was."""

import json
import pathlib
import sqlite3
import subprocess
import unittest

from harness import EndToEndTest, run_cli, wait_for  # first: finds the generated contracts

CHECKER = pathlib.Path(__file__).resolve().parents[2] / "examples" / "audit" / "verify.py"


class RetentionTest(EndToEndTest):
    def setUp(self):
        super().setUp()
        self.sim = self.simulator(devices=2, history=300, images=True)
        self.gw = self.gateway(env={"GATELOG_SEAL_INTERVAL_MS": "1000"})
        self.gw.add_all(self.sim)
        self.gw.wait_stored(self.sim)

    def query(self, sql):
        return sqlite3.connect(self.gw.data_dir / "gatelog.db").execute(sql).fetchone()

    def prune(self, *options):
        return json.loads(self.gw.cli("store", "prune", "-o", "jsonl", *options).stdout)

    def test_what_is_pruned_is_known_and_is_no_gap(self):
        stored = self.query("SELECT max(seq) FROM events")[0]
        next_ids = self.query("SELECT group_concat(next) FROM logs")
        wait_for(lambda: self.query("SELECT max(block) >= (SELECT max(number) FROM block WHERE events > 0) FROM seal")[0], "a seal")
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
        run_cli("store", "verify", self.gw.data_dir / "gatelog.db")
        theirs = subprocess.run(["/usr/bin/python3", CHECKER, self.gw.data_dir / "gatelog.db"], capture_output=True, text=True, check=False)
        self.assertEqual(0, theirs.returncode, theirs.stdout + theirs.stderr)


if __name__ == "__main__":
    unittest.main()
