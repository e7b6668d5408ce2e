"""Backups, checks and restoring, with real processes."""

import os
import re
import unittest

from harness import BIN, FIRST_ID, EndToEndTest, run_cli, wait_for  # first: finds the generated contracts

import subprocess

import grpc
from gatelog.v1 import events_pb2

import compare


class StoreTest(EndToEndTest):
    def setUp(self):
        super().setUp()
        self.sim = self.simulator(devices=3, history=4000, rate=20, images=True)

    def collecting(self):
        gw = self.gateway()
        for number in range(1, 4):
            gw.add(self.sim.address(number))
        return gw

    def backup(self, gw, name="backup.db"):
        path = self.folder / name
        gw.cli("store", "backup", path)
        return path

    def assert_equals_terminals(self, gw):
        """Everything on the terminals is stored, once, and nothing is missing."""
        self.sim.set_rate(0)
        gw.wait_stored(self.sim)
        wait_for(lambda: not compare.images_pending(gw.data_dir, self.sim.data_dir), "the images")
        figures = compare.compare(gw.data_dir, self.sim.data_dir)
        self.assertEqual([], figures.problems)
        self.assertEqual((0, 0, 3), (figures.gaps, figures.duplicates, figures.epochs))

    def test_a_restored_backup_goes_on_and_nothing_is_lost_or_doubled(self):
        gw = self.collecting()
        wait_for(lambda: gw.info().stored > 500, "part of the backlog")
        backup = self.backup(gw)
        self.assertEqual(0o600, os.stat(backup).st_mode & 0o777)
        held = int(run_cli("store", "check", backup, "-o", "jsonl").stdout.split('"events":')[1].split(",")[0])
        self.assertGreater(held, 500)
        gw.wait_stored(self.sim)
        wait_for(lambda: sum(d.stored for d in gw.list().values()) > held, "more than the backup has")
        cursor = next(gw.events.Follow(events_pb2.FollowRequest(cursor="now"))).cursor

        refused = run_cli("store", "restore", backup, "--data-dir", gw.data_dir, "--yes", check=False)
        self.assertEqual(1, refused.returncode)
        self.assertRegex(refused.stderr, r"is in use by another gatelogd \(process \d+\)")
        self.assertEqual(0, gw.stop(), gw.errors())
        refused = run_cli("store", "restore", backup, "--data-dir", gw.data_dir, check=False)
        self.assertEqual(2, refused.returncode)
        self.assertIn("--yes", refused.stderr)
        restored = run_cli("store", "restore", backup, "--data-dir", gw.data_dir, "--yes")
        kept = re.search(r"What was there before lies in (\S+);", restored.stderr)[1]
        self.assertIn("OK", run_cli("store", "check", kept).stdout)

        again = self.gateway()
        with self.fails(grpc.StatusCode.OUT_OF_RANGE, "the first valid one is"):
            next(again.events.Follow(events_pb2.FollowRequest(cursor=cursor)))
        self.assert_equals_terminals(again)
        self.assertIn("OK", again.cli("store", "check").stdout)

    def test_a_backup_restores_into_an_empty_place(self):
        gw = self.collecting()
        gw.wait_stored(self.sim)
        backup = self.backup(gw)
        self.assertEqual(0, gw.stop(), gw.errors())
        target = self.folder / "elsewhere"
        run_cli("store", "restore", backup, "--data-dir", target)
        self.assert_equals_terminals(self.gateway(name="elsewhere"))

    def test_a_backup_never_replaces_a_file_and_leaves_nothing_behind(self):
        gw = self.collecting()
        path = self.folder / "mine"
        path.write_text("mine")
        refused = gw.cli("store", "backup", path, check=False)
        self.assertEqual(1, refused.returncode)
        self.assert_sentence(refused.stderr)
        self.assertEqual("mine", path.read_text())
        refused = gw.cli("store", "backup", self.folder / "no" / "where", check=False)
        self.assertEqual(1, refused.returncode)
        self.assert_sentence(refused.stderr)
        self.assertEqual([], [f.name for f in gw.data_dir.iterdir() if "backup" in f.name])
        self.assertEqual([], list(self.folder.glob("*.part")))

    def test_check_names_the_first_fault(self):
        gw = self.collecting()
        gw.wait_stored(self.sim)
        self.assertIn("OK", gw.cli("store", "check").stdout)
        backup = self.backup(gw)
        content = bytearray(backup.read_bytes())
        middle = len(content) // 2 // 4096 * 4096
        content[middle:middle + 4096] = b"\x55" * 4096
        damaged = self.folder / "damaged.db"
        damaged.write_bytes(content)
        for command in (["check", damaged], ["restore", damaged, "--data-dir", self.folder / "new"]):
            found = run_cli("store", *command, check=False)
            self.assertEqual(1, found.returncode)
            self.assertIn("is damaged", found.stderr)
            self.assert_sentence(found.stderr)
        self.assertFalse((self.folder / "new" / "gatelog.db").exists(), "nothing is put in place")
        self.assertEqual(0, gw.stop(), gw.errors())
        self.assertIn("OK", run_cli("store", "check", "--data-dir", gw.data_dir).stdout)

    def test_a_log_that_was_removed_after_a_crash(self):
        gw = self.collecting()
        wait_for(lambda: gw.info().stored > 500, "part of the backlog")
        gw.kill()
        (gw.data_dir / "gatelog.db-wal").unlink()
        failed = subprocess.run([str(BIN / "gatelogd"), "--data-dir", str(gw.data_dir)], capture_output=True, text=True, timeout=30)
        self.assertEqual(1, failed.returncode)
        self.assertIn("gatelog.db-wal is missing", failed.stderr)
        # What the sentence says to do.
        run_cli("store", "restore", gw.data_dir / "gatelog.db", "--data-dir", gw.data_dir, "--yes")
        again = self.gateway()
        if FIRST_ID not in again.list():  # the devices were in the log as well
            for number in range(1, 4):
                again.add(self.sim.address(number))
        self.assert_equals_terminals(again)


if __name__ == "__main__":
    unittest.main()
