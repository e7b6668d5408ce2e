"""Evidence: what is stored is what was committed, for gatelog and for a checker that shares nothing with it."""

import collections
import json
import pathlib
import shutil
import sqlite3
import subprocess
import unittest

from harness import FIRST_ID, EndToEndTest, run_cli, wait_for  # first: finds the generated contracts

from gsdk import event_pb2

CHECKER = pathlib.Path(__file__).resolve().parents[2] / "examples" / "audit" / "verify.py"


class EvidenceTest(EndToEndTest):
    def setUp(self):
        super().setUp()
        self.heads = pathlib.Path(self.folder) / "heads"
        self.env = {"GATELOG_SEAL_HEADS_FILE": str(self.heads), "GATELOG_SEAL_INTERVAL_MS": "1000"}

    def start(self):
        self.gw = self.gateway(env=self.env)
        return self.gw

    def fill(self):
        self.sim = self.simulator(devices=2, history=400, images=True)
        self.start().add_all(self.sim)
        self.gw.wait_stored(self.sim)

    def database(self):
        return self.gw.data_dir / "gatelog.db"

    def query(self, sql):
        database = sqlite3.connect(self.database())
        try:
            return database.execute(sql).fetchone()
        finally:
            database.close()  # or the gateway would leave its write-ahead log

    def verify(self, path=None, check=True, statuses=(0, 1)):
        """Both checkers; they must agree."""
        path = path or self.database()
        key = self.gw.data_dir / "cert" / "seal.pub"
        ours = run_cli("store", "verify", path, "--key", key, "--heads", self.heads, check=False)
        theirs = subprocess.run(["/usr/bin/python3", CHECKER, path, "--key", key, "--heads", self.heads],
                                capture_output=True, text=True, check=False)
        self.assertEqual(ours.returncode == 0, theirs.returncode == 0, f"{ours.stderr}\n{theirs.stdout}{theirs.stderr}")
        self.assertIn(ours.returncode, statuses)
        self.assertNotIn("Traceback", theirs.stderr)
        if check:
            self.assertEqual(0, ours.returncode, ours.stderr)
        return ours

    def test_everything_that_is_stored_verifies(self):
        self.fill()
        self.gw.event.ClearLog(event_pb2.ClearLogRequest(deviceID=FIRST_ID), timeout=60)
        self.gw.wait_stored(self.sim)
        users = collections.Counter(row[0] for row in sqlite3.connect(self.database()).execute("SELECT user_id FROM events"))
        user, count = next((user, count) for user, count in users.most_common() if user)
        said = self.gw.cli("store", "forget", user, "--yes").stderr
        self.assertIn(f"{count} events", said)
        self.assertEqual(1, self.gw.cli("store", "forget", user, "--yes", check=False).returncode)
        self.assertIn("erased events", self.verify().stdout)  # while the gateway runs
        self.gw.stop()
        self.assertIn("not yet sealed  nothing", self.verify().stdout)
        store = sqlite3.connect(self.database())
        self.assertEqual([(6, 1)], store.execute("SELECT kind, count(*) FROM entry WHERE kind = 6").fetchall())
        for file in self.gw.data_dir.glob("gatelog.db*"):
            self.assertNotIn(b"\x22" + bytes([len(user)]) + user.encode() + b"\x30", file.read_bytes(), "the user in a record")

    def test_a_forgotten_user_is_told_of_by_no_answer(self):
        self.fill()
        self.sim.inject(eventCode=0x1300, userID="one-who-leaves")
        wait_for(lambda: "one-who-leaves" in self.gw.cli("device", "list", "-o", "json").stdout, "the newest event")
        self.gw.cli("store", "forget", "one-who-leaves", "--yes")
        self.assertNotIn("one-who-leaves", self.gw.cli("device", "list", "-o", "json").stdout)
        wait_for(lambda: all("newest_event" in device for device in json.loads(
            self.gw.cli("device", "list", "-o", "json").stdout)), "the newest events are known again")
        self.assertNotIn("one-who-leaves", self.gw.cli("device", "list", "-o", "json").stdout)

    def test_a_crash_between_commit_and_seal(self):
        self.fill()
        for _ in range(3):
            before = self.heads.read_text().count("gatelog-head")
            self.sim.inject(eventCode=0x1300, userID="4711")
            wait_for(lambda: sqlite3.connect(self.database()).execute(
                "SELECT max(block) > (SELECT max(block) FROM seal) FROM (SELECT max(number) AS block FROM block)").fetchone()[0]
                or self.heads.read_text().count("gatelog-head") > before, "a commit")
            self.gw.kill()
            self.verify()
            self.start()
            wait_for(lambda: self.heads.read_text().count("gatelog-head") > before, "a seal")
            self.gw.wait_stored(self.sim)
        self.gw.stop()
        self.verify()

    def test_what_is_changed_is_found(self):
        self.fill()
        self.gw.cli("store", "forget", sqlite3.connect(self.database()).execute(
            "SELECT user_id FROM events WHERE user_id IS NOT NULL LIMIT 1").fetchone()[0], "--yes")
        self.gw.stop()
        changes = {
            "UPDATE event SET person = (SELECT max(id) FROM person) WHERE seq = 7": "event seq 7",
            "UPDATE event SET timestamp = timestamp - 3600 WHERE seq = 300": "timestamp",
            "DELETE FROM event WHERE seq = 100": "event seq 100 is missing",
            "UPDATE event SET arrival_ms = arrival_ms + 1 WHERE seq = 9": "event seq 9",
            "UPDATE person SET user_id = 'nobody' WHERE id = (SELECT max(id) FROM person)": "user ID",
            "UPDATE person SET salt = randomblob(32) WHERE id = (SELECT max(id) FROM person)": "salt",
            "UPDATE image SET payload = x'00' WHERE rowid = (SELECT min(rowid) FROM image)": "picture",
            "DELETE FROM image WHERE rowid = (SELECT min(rowid) FROM image)": "missing",
            "UPDATE epoch SET opened_ms = 0": "opening",
            "INSERT INTO gap VALUES (541000001, 1, 1, 2, 3, 0, x'')": "gaps",
            "UPDATE log_state SET events = events + 1": "number of events",
            "UPDATE block SET time_ms = time_ms + 1 WHERE number = 3": "block 3",
            "UPDATE seal SET time_ms = time_ms + 1 WHERE number = 1": "seal 1",
            "UPDATE seal_manifest SET next = next + 1": "manifest",
            "DELETE FROM seal_manifest WHERE seal = (SELECT max(number) FROM seal)": "manifest",
            "DELETE FROM seal WHERE number = 1": "seal 1 is missing",
            "DELETE FROM erased": "erase",
            "INSERT INTO seal_manifest SELECT 0, log_device, epoch, first, next, events, gaps, missing FROM seal_manifest WHERE seal = 2":
                "manifest of seal 0",
            "INSERT INTO seal SELECT 0, time_ms, block, head, previous, manifest, key, signature FROM seal WHERE number = 1": "seal 0",
            "INSERT INTO block SELECT 0, time_ms, 0, 0, 0, events_digest, head FROM block WHERE number = 1": "block 0",
        }
        for number in (0, -1, -5):
            changes[f"INSERT INTO entry VALUES ({number}, 0, 3, 0, x'00')"] = f"entry of block {number}"
            changes[f"INSERT INTO event SELECT {number}, log_device, epoch, id, timestamp, device, code, sub_code, person, entity, tna_key, flags, "
                    "temperature, arrival_ms, phase, payload, mark FROM event WHERE seq = 5"] = f"event seq {number} is in no block"
        self.expect_found(changes)

    def test_what_is_added_to_what_was_pruned_is_found(self):
        self.fill()
        self.wait_images()
        wait_for(lambda: self.query("SELECT max(block) >= (SELECT max(number) FROM block) FROM seal")[0], "a seal")
        self.gw.cli("store", "prune", "--events-before", "2100-01-01", "--yes")
        wait_for(lambda: self.query("SELECT count(*) FROM event") == (0,), "the rows to go")
        self.gw.stop()
        self.verify()
        event = ("WITH b AS (SELECT first_seq + events - 1 AS last FROM block WHERE events > 1 ORDER BY number DESC LIMIT 1) "
                 "INSERT INTO event SELECT last, 541000001, 1, 400, 1795420800, 541000001, 4864, 0, NULL, 0, 0, 0, 0, "
                 "1795440320876, 1, x'', 0 FROM b")
        image = "INSERT INTO image SELECT log_device, epoch, first, 1795420800, 4864, x'00', NULL FROM epoch LIMIT 1"
        self.expect_found({event: "go together", image: "image"})

    def test_an_image_that_is_added_after_a_prune_of_images_is_found(self):
        self.fill()
        self.wait_images()
        user = self.query("SELECT p.user_id FROM image AS i JOIN person AS p ON p.id = i.person LIMIT 1")[0]
        self.gw.cli("store", "forget", user, "--yes")  # so that the number of images alone tells nothing
        self.gw.cli("store", "prune", "--images-before", "2100-01-01", "--yes")
        self.gw.stop()
        self.verify()
        image = "INSERT INTO image SELECT log_device, epoch, id, timestamp, code, x'1234', NULL FROM event WHERE flags & 5 = 0 LIMIT 1"
        self.expect_found({image: "images"})

    def wait_images(self):
        wait_for(lambda: self.query("SELECT sum(images_wanted = images + images_absent) = count(*) FROM log_state")[0], "all images")

    def expect_found(self, changes):
        """Each change of a copy of the store that is named, in words of gatelog's finding, by both checkers."""
        for change, words in changes.items():
            with self.subTest(change):
                copy = pathlib.Path(self.folder) / "copy.db"
                shutil.copyfile(self.database(), copy)
                store = sqlite3.connect(copy)
                store.execute(change)
                store.commit()
                store.close()
                found = self.verify(copy, check=False)
                self.assertEqual(1, found.returncode)
                self.assertIn("is not as it was committed", found.stderr)
                self.assertIn(words, found.stderr)

    def test_a_file_that_is_no_store_is_no_finding(self):
        self.gw = self.start()
        self.gw.stop()
        damaged = bytearray(self.database().read_bytes())
        damaged[100:4096] = bytes(3996)
        for name, content in (("text", b"root:x:0:0:root:/root:/bin/bash\n" * 40), ("empty", b""), ("damaged", damaged), ("missing", None)):
            with self.subTest(name):
                path = pathlib.Path(self.folder) / f"{name}.db"
                if content is not None:
                    path.write_bytes(content)
                found = self.verify(path, check=False, statuses=(1, 2))
                self.assertIn(str(path), found.stderr)
                self.assertNotIn("committed", found.stderr)
                self.assertNotIn("..", found.stderr)
                checker = subprocess.run(["/usr/bin/python3", CHECKER, path], capture_output=True, text=True, check=False)
                self.assertEqual((2, 1), (checker.returncode, len(checker.stderr.splitlines())), checker.stderr)

    def test_backups_and_restored_stores_verify(self):
        self.fill()
        user = sqlite3.connect(self.database()).execute("SELECT user_id FROM events WHERE user_id IS NOT NULL LIMIT 1").fetchone()[0]
        self.gw.cli("store", "forget", user, "--yes")
        backup = self.folder / "backup.db"
        self.gw.cli("store", "backup", backup)
        self.verify(backup)
        self.gw.cli("store", "check")
        self.gw.stop()
        restored = self.folder / "restored"
        run_cli("store", "restore", backup, "--data-dir", restored)
        self.verify(restored / "gatelog.db")
        entries = sqlite3.connect(restored / "gatelog.db").execute("SELECT count(*) FROM entry WHERE kind = 9").fetchone()
        self.assertEqual((1,), entries, "the restore is in the chain")

    def test_a_cut_end_shows_by_the_heads_kept_elsewhere(self):
        self.fill()
        self.gw.stop()
        store = sqlite3.connect(self.database())
        seals = store.execute("SELECT max(number) FROM seal").fetchone()[0]
        store.execute("DELETE FROM seal_manifest WHERE seal = ?", (seals,))
        store.execute("DELETE FROM seal WHERE number = ?", (seals,))
        store.commit()
        store.close()
        self.assertIn(f"seal {seals} is among the heads that were kept elsewhere", self.verify(check=False).stderr)


if __name__ == "__main__":
    unittest.main()
