"""The calls that copied programs make, in the order in which they make them, from Node. node/ has a file for each.

Each is made with contracts that are loaded as a program of today does, with the options of older programs, which see
enumerations by their names, and on the paths of programs that are older than the prefix `gsdk.`.
"""

import json
import os
import pathlib
import subprocess
import unittest

from shared_site import HISTORY, SECONDS_MAX, SharedSiteTest  # first: finds the generated contracts
from harness import ROOT

MODULES = pathlib.Path(os.environ.get("GATELOG_NODE_MODULES", ROOT / "build/node/node_modules"))
RUN = pathlib.Path(__file__).resolve().parent / "node/run.js"
installed = unittest.skipUnless(MODULES.exists() or os.environ.get("CI"),
                                "the Node clients are not installed; script/test installs them")


class Sequences:
    """What is done in each style of loading the contracts."""

    style, person = "", 0

    def run_sequence(self, name):
        site = {"gateway": "localhost:" + self.gw.grpc_address.rsplit(":", 1)[1], "ca": str(self.gw.ca),
                "control": self.sim.control_address, "port": self.sim.port, "devices": self.sim.ids, "history": HISTORY,
                "person": self.person,
                "hosts": [self.sim.host(number) for number, _ in enumerate(self.sim.ids, 1)]}
        done = subprocess.run(["node", RUN, name, self.style, json.dumps(site)], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=SECONDS_MAX / 2,
                              env=dict(os.environ, NODE_PATH=str(MODULES)))
        self.assertEqual(0, done.returncode, done.stderr)

    def test_quick(self):
        self.run_sequence("quick")

    def test_event(self):
        self.run_sequence("event")

    def test_monitor(self):
        self.run_sequence("monitor")

    def test_sync(self):
        self.run_sequence("sync")

    def test_tna(self):
        self.run_sequence("tna")

    def test_thermal(self):
        self.run_sequence("thermal")


@installed
class PlainTest(Sequences, SharedSiteTest):
    style, person = "plain", 7791001


@installed
class LegacyTest(Sequences, SharedSiteTest):
    style, person = "legacy", 7792001

    def test_connect(self):
        """Once: a terminal that calls waits some seconds before each time."""
        self.run_sequence("connect")


@installed
class OldPathsTest(Sequences, SharedSiteTest):
    style, person = "old_paths", 7793001


if __name__ == "__main__":
    unittest.main()
