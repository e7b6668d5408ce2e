"""A gateway whose store is a PostgreSQL database."""

import json
import subprocess
import unittest
import urllib.error
import urllib.request

from harness import BIN, EndToEndTest, Gateway, run_cli, wait_for  # first: finds the generated contracts

import compare
from postgres_server import PostgresServer


class PostgresTest(EndToEndTest):
    def setUp(self):
        super().setUp()
        self.server = PostgresServer(self.folder / "pg")
        self.addCleanup(lambda: self.server.kill())

    def pg_gateway(self, name="gateway", **options):
        return self.gateway(name, extra=("--store", self.server.url), **options)

    def assert_equal_to(self, sim):
        figures = compare.compare(self.server.export(self.folder / "export"), sim.data_dir)
        self.assertEqual([], figures.problems)
        self.assertEqual((0, 0), (figures.gaps, figures.duplicates))
        self.assertGreater(figures.compared, 0)
        return figures

    def ready(self, gw):
        try:
            with urllib.request.urlopen(f"http://{gw.http_address}/readyz", timeout=10) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code

    def test_the_store_equals_the_terminals_when_server_and_gateway_restart(self):
        sim = self.simulator(devices=3, history=20_000, rate=20, images=True)
        gw = self.pg_gateway()
        gw.add_all(sim)
        wait_for(lambda: any(d.stored > 0 for d in gw.list().values()), "the first batch")
        for _ in range(3):
            self.server.kill()
            wait_for(lambda: self.ready(gw) == 503, "the gateway says that its store is away")
            self.server.start()
            wait_for(lambda: self.ready(gw) == 200, "the store takes events again")
        self.assertEqual(0, gw.stop(), gw.errors())
        gw = self.pg_gateway()
        wait_for(lambda: any(d.stored > 2_000 for d in gw.list().values()), "it goes on")
        gw.kill()  # SIGKILL: the server notices by itself
        gw = self.pg_gateway()
        sim.set_rate(0)
        gw.wait_stored(sim, 120)
        export = lambda: self.server.export(self.folder / "export")  # noqa: E731
        wait_for(lambda: compare.images_pending(export(), sim.data_dir) == 0, "the images", every=0.5)
        figures = self.assert_equal_to(sim)
        self.assertGreater(figures.images, 0)
        self.assertEqual(0, gw.stop(), gw.errors())
        self.assertFalse((gw.data_dir / "gatelog.db").exists())

    def test_clients_find_and_follow_what_is_stored(self):
        sim = self.simulator(devices=2, history=500)
        gw = self.pg_gateway()
        gw.add_all(sim)
        gw.wait_stored(sim)
        events = [json.loads(line) for line in gw.cli("-o", "jsonl", "event", "query", "--limit", "0").stdout.splitlines()]
        self.assertEqual(1_000, len(events))
        self.assertEqual(1_000, int(self.server.sql("SELECT count(*) FROM gatelog.events")))
        with urllib.request.urlopen(f"http://{gw.http_address}/metrics", timeout=10) as answer:
            self.assertIn("gatelog_store_takes_events 1", answer.read().decode())

    def test_a_check_says_what_is_there_and_what_was_changed(self):
        sim = self.simulator(devices=2, history=300)
        gw = self.pg_gateway()
        gw.add_all(sim)
        gw.wait_stored(sim)
        sound = gw.cli("store", "check")
        self.assertIn("600", sound.stdout)
        self.server.sql("UPDATE gatelog.event SET code = code + 1 WHERE seq = 77")
        changed = gw.cli("store", "check", check=False)
        self.assertNotEqual(0, changed.returncode)
        self.assertIn("the event with seq 77: its code is not what its record says", changed.stderr)

    def test_what_is_old_goes_and_is_known(self):
        sim = self.simulator(devices=2, history=300)
        gw = self.pg_gateway()
        gw.add_all(sim)
        gw.wait_stored(sim)
        self.assertEqual(0, gw.stop(), gw.errors())
        self.server.sql("UPDATE gatelog.event SET arrival_ms = arrival_ms - 30 * 86400000::bigint")
        gw = self.pg_gateway(env={"GATELOG_RETENTION_PEOPLE_DAYS": "20"})
        number = lambda sql: int(self.server.sql(f"SELECT {sql}"))  # noqa: E731
        wait_for(lambda: number("count(*) FROM gatelog.segment WHERE indexed") == 1, "the old segment is closed")
        prune = lambda *options: json.loads(gw.cli("store", "prune", "-o", "jsonl", *options).stdout)  # noqa: E731
        told = number("count(*) FROM gatelog.events WHERE user_id IS NOT NULL")
        self.assertGreater(told, 0)
        self.assertGreaterEqual(int(prune("--dry-run")["people"]), told)
        self.assertGreaterEqual(int(prune("--yes")["people"]), told)
        self.assertEqual(0, number("count(*) FROM gatelog.events WHERE user_id IS NOT NULL"))
        self.assertEqual(600, number("count(*) FROM gatelog.events"))
        gw.cli("store", "check")
        self.assertEqual(600, int(prune("--events-days", "20", "--yes")["events"]))
        self.assertEqual(0, number("count(*) FROM gatelog.events"))
        self.assertEqual(0, number("count(*) FROM pg_class WHERE relname = 'event_1'"))
        sim.inject(eventCode=0x1300, userID="4711")
        wait_for(lambda: number("coalesce(min(seq), 0) FROM gatelog.events") == 601, "a new event, and nothing pruned again")
        gw.cli("store", "check")

    def test_a_second_gateway_gets_one_sentence(self):
        self.pg_gateway()
        second = subprocess.run([str(part) for part in Gateway.command(self.folder / "other", extra=("--store", self.server.url))],
                                capture_output=True, text=True, timeout=30)
        self.assertEqual(1, second.returncode)
        self.assertIn("Another gateway uses", second.stderr)
        self.assertEqual(1, len(second.stderr.strip().splitlines()), second.stderr)

    def test_what_this_store_does_not_keep_is_said_in_a_sentence(self):
        gw = self.pg_gateway()
        for command, words in ((("store", "backup", self.folder / "b.db"), "pg_dump"),
                               (("store", "forget", "somebody", "--yes"), "cannot forget")):
            done = gw.cli(*command, check=False)
            self.assertNotEqual(0, done.returncode, command)
            self.assertIn(words, done.stderr)
        self.assertFalse((self.folder / "b.db").exists())

    def test_no_backup_is_restored_where_it_would_not_be_read(self):
        other = self.gateway("other")
        backup = self.folder / "backup.db"
        other.cli("store", "backup", backup)
        gw = self.pg_gateway()
        self.assertEqual(0, gw.stop(), gw.errors())
        refused = run_cli("store", "restore", backup, "--data-dir", gw.data_dir, check=False)
        self.assertEqual(1, refused.returncode)
        self.assertIn("keeps its store in PostgreSQL", refused.stderr)
        self.assertFalse((gw.data_dir / "gatelog.db").exists())
        gw = self.gateway("gateway")  # from now on in SQLite
        self.assertEqual(0, gw.stop(), gw.errors())
        run_cli("store", "restore", backup, "--data-dir", gw.data_dir, "--yes")

    def test_a_url_that_is_none_and_a_server_that_is_away(self):
        def start(*extra, **options):
            return subprocess.run([str(part) for part in Gateway.command(self.folder / "none", extra=extra)],
                                  capture_output=True, text=True, timeout=30, **options)
        wrong = start("--store", "mysql://root:secret@host/db")
        self.assertEqual(2, wrong.returncode)
        self.assertNotIn("secret", wrong.stderr)
        self.server.kill()
        away = start("--store", self.server.url)
        self.assertEqual(1, away.returncode)
        self.assertIn("cannot be reached", away.stderr)


if __name__ == "__main__":
    assert (BIN / "gatelogd").exists()
    unittest.main()
