"""compare.py must see each kind of difference: it is what the demo and the other tests rest on."""

import contextlib
import pathlib
import sqlite3
import tempfile
import unittest

import compare

STORE = """
CREATE TABLE event (seq INTEGER PRIMARY KEY, log_device INTEGER, epoch INTEGER, id INTEGER, payload BLOB);
CREATE TABLE log_state (log_device INTEGER PRIMARY KEY, epoch INTEGER, next INTEGER, image_next INTEGER);
CREATE TABLE epoch (log_device INTEGER, epoch INTEGER, first INTEGER, generation INTEGER);
CREATE TABLE gap (log_device INTEGER, epoch INTEGER, first INTEGER, last INTEGER, reason INTEGER);
CREATE TABLE image (log_device INTEGER, epoch INTEGER, id INTEGER, payload BLOB);
INSERT INTO epoch VALUES (7, 1, 1, 55);
INSERT INTO log_state VALUES (7, 1, 11, 11);
"""
TERMINALS = """
CREATE TABLE device (device INTEGER PRIMARY KEY, generation INTEGER, first_id INTEGER, next_id INTEGER);
CREATE TABLE record (device INTEGER, id INTEGER, payload BLOB);
CREATE TABLE image (device INTEGER, id INTEGER, payload BLOB);
INSERT INTO device VALUES (7, 55, 1, 11);
"""


class CompareTest(unittest.TestCase):
    """Ten records and an image on both sides, then one change."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.gateway, self.sim = pathlib.Path(folder.name) / "gateway", pathlib.Path(folder.name) / "sim"
        for path, name, schema in ((self.gateway, "gatelog.db", STORE), (self.sim, "sim.db", TERMINALS)):
            path.mkdir()
            with contextlib.closing(sqlite3.connect(path / name)) as database:
                database.executescript(schema)
        for i in range(1, 11):
            self.store("INSERT INTO event VALUES (?, 7, 1, ?, ?)", i, i, b"record %d" % i)
            self.terminal("INSERT INTO record VALUES (7, ?, ?)", i, b"record %d" % i)
        self.store("INSERT INTO image VALUES (7, 1, 3, x'ff')")
        self.terminal("INSERT INTO image VALUES (7, 3, x'ff')")

    def store(self, sql, *values):
        self.write(self.gateway / "gatelog.db", sql, values)

    def terminal(self, sql, *values):
        self.write(self.sim / "sim.db", sql, values)

    def write(self, path, sql, values):
        with contextlib.closing(sqlite3.connect(path)) as database, database:
            database.execute(sql, values)

    def assert_problem(self, words):
        problems = compare.compare(self.gateway, self.sim).problems
        self.assertTrue(any(words in problem for problem in problems), problems)

    def test_equal(self):
        figures = compare.compare(self.gateway, self.sim)
        self.assertEqual([], figures.problems)
        self.assertEqual("devices=1 stored=10 gaps=0 duplicates=0 epochs=1 images=1", str(figures))
        self.assertEqual(10, figures.compared)
        self.assertEqual(list(range(1, 11)), compare.stored_ids(self.gateway, 7))

    def test_records_that_the_terminal_dropped_later_are_fine(self):
        self.terminal("DELETE FROM record WHERE id < 4")
        self.terminal("UPDATE device SET first_id = 4")
        self.assertEqual([], compare.compare(self.gateway, self.sim).problems)

    def test_a_lost_record(self):
        self.store("DELETE FROM event WHERE id = 5")
        self.assert_problem("event 5 is on the terminal and not stored")
        self.assert_problem("5 to 5 are neither stored nor a gap")

    def test_a_gap_over_a_record_that_is_there(self):
        self.store("DELETE FROM event WHERE id = 5")
        self.store("INSERT INTO gap VALUES (7, 1, 5, 5, 3)")
        self.assert_problem("event 5 is on the terminal and not stored")

    def test_other_bytes(self):
        self.store("UPDATE event SET payload = x'00' WHERE id = 5")
        self.assert_problem("event 5 was stored with other bytes")

    def test_an_invented_record(self):
        self.store("INSERT INTO event VALUES (11, 7, 1, 11, x'01')")
        self.assert_problem("event 11 is stored, but the terminal never had it")
        self.assert_problem("next is 11")

    def test_a_record_under_two_epochs(self):
        self.store("INSERT INTO epoch VALUES (7, 0, 1, 44)")
        self.store("INSERT INTO event VALUES (11, 7, 0, 1, ?)", b"record 1")
        self.assert_problem("1 records are stored more than once")

    def test_a_counter_that_started_anew(self):
        self.terminal("UPDATE device SET generation = 56")
        self.assert_problem("started anew")

    def test_images(self):
        self.store("UPDATE image SET payload = x'00'")
        self.assert_problem("image of event 3 was stored with other bytes")
        self.store("DELETE FROM image")
        self.assert_problem("image of event 3 is not stored")

    def test_a_terminal_that_was_forgotten(self):
        self.terminal("INSERT INTO device VALUES (8, 66, 1, 2)")
        self.assert_problem("8: nothing of this terminal is stored")


if __name__ == "__main__":
    unittest.main()
