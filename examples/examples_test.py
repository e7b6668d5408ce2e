"""Runs each example against a gateway until it has shown the log and a live event in words."""

import os
import pathlib
import sys
import unittest

from harness import BUILD, ROOT, EndToEndTest, Process, run_cli, wait_for

EXAMPLES = pathlib.Path(__file__).resolve().parent
MODULES = pathlib.Path(os.environ.get("GATELOG_NODE_MODULES", ROOT / "build/node/node_modules"))
HISTORY = 300


class ExamplesTest(EndToEndTest):
    def setUp(self):
        super().setUp()
        self.sim = self.simulator(history=HISTORY)
        self.gw = self.gateway()
        self.codes = self.folder / "event_code.json"
        self.codes.write_text(run_cli("code", "list", "-o", "json").stdout)

    def check(self, *program, env=None):
        localhost = "localhost:" + self.gw.grpc_address.rsplit(":", 1)[1]
        example = Process([*program, localhost, self.gw.ca, self.codes, self.sim.host(1), self.sim.port], env=env)
        self.addCleanup(example.kill)
        ids = lambda: [int(line.split()[1]) for line in list(example.lines) if line]  # noqa: E731
        wait_for(lambda: not example.running() or len(ids()) >= HISTORY, "the whole log")
        self.assertTrue(example.running(), example.errors())
        live = self.sim.inject(eventCode=0x5400, entityID=5)
        wait_for(lambda: not example.running() or live in ids(), "the live event")
        self.assertEqual(list(range(1, live + 1)), ids(), example.errors())
        self.assertRegex(example.lines[-1], r" 5 .*forced")

    def test_python(self):
        self.check(sys.executable, "-u", EXAMPLES / "python/follow.py", env={"PYTHONPATH": str(BUILD / "python")})

    @unittest.skipUnless(MODULES.exists() or os.environ.get("CI"), "the Node clients are not installed; script/test installs them")
    def test_node(self):
        self.check("node", EXAMPLES / "node/follow.js", env={"NODE_PATH": str(MODULES)})

    def test_cpp(self):
        self.check(BUILD / "examples/read_log")


if __name__ == "__main__":
    unittest.main()
