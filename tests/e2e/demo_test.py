"""The demo itself, twice: the second run goes on where the first ended."""

import os
import re
import signal
import subprocess
import sys
import unittest

from harness import BUILD, ROOT, EndToEndTest  # first: finds the generated contracts


LAST_LINE = re.compile(r"^demo: devices=(\d+) stored=(\d+) gaps=(\d+) duplicates=(\d+) epochs=(\d+) images=(\d+)$")


class DemoTest(EndToEndTest):
    def command(self, *arguments):
        return [sys.executable, str(ROOT / "tests/e2e/demo.py"), "--build", str(BUILD), "--data", str(self.folder / "demo"), *arguments]

    def figures(self, done, output):
        self.assertEqual(0, done.returncode, output)
        match = LAST_LINE.match(output.splitlines()[-1])
        self.assertTrue(match, output)
        return [int(figure) for figure in match.groups()]

    def test_twice(self):
        stored = 20_000
        for _ in range(2):
            done = subprocess.run(self.command("--seconds", "3", "--devices", "2"), stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, text=True, timeout=120)
            devices, now, gaps, duplicates, epochs, images = self.figures(done, done.stdout)
            self.assertEqual((2, 0, 0, 2), (devices, gaps, duplicates, epochs))
            self.assertGreater(now, stored)
            self.assertGreater(images, 0)
            stored = now

    def interrupted(self, line_with):
        """The demo after Ctrl-C at that line of it, and all it printed: to the end of its output, which its children share."""
        with subprocess.Popen(self.command("--devices", "1"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                              start_new_session=True) as demo:
            output = ""
            for line in demo.stdout:
                output += line
                if line_with in line:
                    os.kill(demo.pid, signal.SIGINT)
            demo.wait(60)
        return demo, output

    def test_ctrl_c_still_gives_the_last_line(self):
        for line in ("Reading the terminals' logs", "Try in another terminal", "Live events"):
            with self.subTest(line):
                self.assertEqual(1, self.figures(*self.interrupted(line))[0])

    def test_ctrl_c_before_there_is_anything_to_compare(self):
        demo, output = self.interrupted("virtual terminals")
        self.assertEqual(1, demo.returncode)
        self.assertIn("nothing to compare", output)


if __name__ == "__main__":
    unittest.main()
