"""What the command line refuses and how it says so: a sentence, an exit code, and nothing done."""

import json
import re
import unittest

from harness import EndToEndTest, run_cli

FOREIGN_CURSOR = "7c8d106f116fe78d-10"


class CommandLineTest(EndToEndTest):
    def setUp(self):
        super().setUp()
        self.gw = self.gateway()

    def refused(self, code, words, *arguments, **options):
        """The command ends with this code, one sentence with `words` in it, and no data."""
        done = self.gw.cli(*arguments, check=False, **options)
        self.assertEqual((code, ""), (done.returncode, done.stdout), done.stderr)
        self.assert_sentence(done.stderr)
        self.assertIn(words, done.stderr)
        return done

    def test_a_stream_that_the_gateway_refuses_ends_with_its_sentence(self):
        cursor = self.folder / "cursor"
        self.refused(2, "T&A key", "event", "tail", "-f", "--cursor", cursor, "--tna", 17)
        self.assertFalse(cursor.exists())
        cursor.write_text(FOREIGN_CURSOR)
        self.refused(1, "cursor", "event", "tail", "-f", "--cursor", cursor, "-o", "jsonl")
        self.assertEqual(FOREIGN_CURSOR, cursor.read_text())

    def test_a_zone_that_is_none_is_refused(self):
        for zone in ("UTC+5", "<+03>-3", "Europe/Berlni"):
            self.refused(2, "--zone", "event", "count", "--by", "hour", env={"TZ": zone})
            self.refused(2, "--zone", "event", "export", env={"TZ": zone})
        self.gw.cli("event", "count", "--by", "hour", "--utc", env={"TZ": "UTC+5"})

    def test_a_time_that_is_none_is_no_missing_limit(self):
        for command in (("event", "count", "--since"), ("event", "count", "--arrived-until"), ("gap", "list", "--since"),
                        ("store", "prune", "--yes", "--events-before")):
            self.refused(2, "no time", *command, "")
        for command in (("event", "count"), ("gap", "list")):
            self.refused(2, "1970", *command, "--until", "1970-01-01T00:00:00Z")
            self.refused(2, "1970", *command, "--since", "1969-01-01")
            self.refused(2, "earlier", *command, "--since", "now", "--until", "yesterday")

    def test_what_the_gateway_does_not_take_is_wrong_usage(self):
        self.refused(2, "T&A key", "event", "query", "--tna", 17)
        self.refused(2, "both", "event", "count", "--by", "hour,day", "--utc")
        self.refused(2, "'foo' is no command of 'gatelog', which knows device, event", "foo", "--bar")
        self.refused(2, "'foo' is no command of 'gatelog event', which knows query", "event", "foo")

    def test_gaps_of_a_device_that_does_not_exist_are_not_none(self):
        self.refused(1, "no device 5", "gap", "list", "--device", 5)
        self.assertIn("nothing is missing", self.gw.cli("gap", "list").stderr)

    def test_a_store_in_use_is_not_read_as_a_file(self):
        for place in (("--data-dir", self.gw.data_dir), (self.gw.data_dir / "gatelog.db",)):
            self.refused(1, "in use by another gatelogd", "store", "check", *place)
        self.gw.cli("store", "check")
        self.gw.stop()
        self.gw.cli("store", "check", "--data-dir", self.gw.data_dir)
        before = sorted((path.name, path.stat().st_mtime_ns) for path in self.gw.data_dir.iterdir())
        self.gw.cli("store", "check", "--data-dir", self.gw.data_dir)
        self.assertEqual(before, sorted((path.name, path.stat().st_mtime_ns) for path in self.gw.data_dir.iterdir()))

    def test_what_is_no_backup_is_called_by_its_name(self):
        wrong = self.folder / "holiday.jpg"
        wrong.write_bytes(b"no database " * 1000)
        done = self.refused(1, str(wrong), "store", "restore", wrong, "--data-dir", self.folder / "new")
        self.assertNotIn(".restoring", done.stderr)

    def test_what_the_store_did_is_shown_as_data(self):
        for command in (("store", "check"), ("store", "prune", "--dry-run"),
                        ("store", "verify", "--data-dir", self.gw.data_dir)):
            with self.subTest(command=command):
                line = self.gw.cli(*command, "-o", "jsonl").stdout
                self.assertEqual(1, line.count("\n"), line)
                fields = json.loads(line)
                self.assertEqual(fields.keys(), json.loads(self.gw.cli(*command, "-o", "json").stdout).keys())
                title, row = self.gw.cli(*command, "-o", "csv").stdout.splitlines()
                self.assertLessEqual(fields.keys(), set(title.split(",")))
                self.assertIn(str(fields["events"]), row.split(","))


class HelpTest(unittest.TestCase):
    def help_of(self, *names):
        """The help of a command and of all below it: the names and the text of each."""
        text = run_cli(*names, "--help").stdout
        yield names, text
        for line in text.partition("Subcommands:\n")[2].partition("\n\n")[0].splitlines():
            yield from self.help_of(*names, line.split()[0])

    def test_every_option_is_explained_in_words(self):
        verbs = options = 0
        for names, text in self.help_of():
            with self.subTest(command=names):
                self.assertNotRegex(text, r"\b(UINT|INT|FLOAT|BOOLEAN)\b", "types of the program")
                # One that is too long for its column has its words on the next line.
                listed = text.partition("Examples:")[0].partition("Options:")[2].partition("Subcommands:")[0]
                for option in re.split(r"\n  (?=-)", re.sub(r"\n {20,}", "  ", listed))[1:]:
                    options += 1
                    self.assertRegex(option.splitlines()[0], r"^-.*\S  +\S+ \S+", option)
                if "Subcommands:" in text or not names:
                    continue
                verbs += 1
                self.assertIn("  gatelog " + " ".join(names), text.partition("Examples:")[2])
        self.assertGreater(verbs, 20)
        self.assertGreater(options, 100)


if __name__ == "__main__":
    unittest.main()
