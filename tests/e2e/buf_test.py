"""`buf curl`, a client that we did not write, with our CA and without our protos: it learns all by reflection."""

import json
import os
import pathlib
import subprocess
import unittest

from harness import FIRST_ID, ROOT, EndToEndTest, wait_for  # first: finds the generated contracts


MODULES = pathlib.Path(os.environ.get("GATELOG_NODE_MODULES", ROOT / "build/node/node_modules"))
BUF = MODULES / ".bin/buf"


@unittest.skipUnless(BUF.exists() or os.environ.get("CI"), "buf is not installed; script/test installs it")
class BufTest(EndToEndTest):
    def setUp(self):
        super().setUp()
        self.sim = self.simulator(history=200)
        self.gw = self.gateway()

    def command(self, *arguments):
        address = "https://localhost:" + self.gw.grpc_address.rsplit(":", 1)[1]
        return [str(BUF), "curl", "--protocol", "grpc", "--cacert", str(self.gw.ca),
                *[a.replace("@", address + "/") for a in arguments]]

    def curl(self, method, **request):
        done = subprocess.run(self.command("-d", json.dumps(request), "@" + method), stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60, env=self.environment())
        self.assertEqual(0, done.returncode, done.stderr)
        return json.loads(done.stdout)

    def environment(self):
        return dict(os.environ, HOME=str(self.folder), PATH=os.environ["PATH"], BUF_CACHE_DIR=str(self.folder / "buf"))

    def test_lists_reads_filters_clears_and_subscribes(self):
        listed = subprocess.run(self.command("--list-methods", "@"), capture_output=True, text=True, timeout=60,
                                env=self.environment())
        self.assertEqual(0, listed.returncode, listed.stderr)
        for method in ("gsdk.event.Event/GetLog", "gsdk.event.Event/SubscribeRealtimeLog", "gatelog.v1.Events/Follow"):
            self.assertIn(method, listed.stdout)

        connected = self.curl("gsdk.connect.Connect/Connect",
                              connectInfo={"IPAddr": self.sim.host(1), "port": self.sim.port})
        self.assertEqual({"deviceID": FIRST_ID}, connected)

        events = self.curl("gsdk.event.Event/GetLog", deviceID=FIRST_ID, maxNumOfLog=100)["events"]
        self.assertEqual(list(range(1, 101)), [e["ID"] for e in events])
        code = events[0]["eventCode"]
        passed = self.curl("gsdk.event.Event/GetLogWithFilter", deviceID=FIRST_ID, filters=[{"eventCode": code}])["events"]
        self.assertEqual({code}, {e["eventCode"] for e in passed})

        self.curl("gsdk.event.Event/EnableMonitoring", deviceID=FIRST_ID)
        with open(self.folder / "live.json", "w+") as output, subprocess.Popen(
                ["timeout", "120"] + self.command("-d", '{"queueSize": 16}', "@gsdk.event.Event/SubscribeRealtimeLog"),
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.PIPE, env=self.environment()) as live:
            try:
                path = self.folder / "live.json"
                wait_for(lambda: self.sim.inject(eventCode=0x5200, entityID=3) and path.stat().st_size, "a live event", 60, 0.2)
                self.assertEqual(0x5200, json.JSONDecoder().raw_decode(path.read_text())[0]["eventCode"])
            finally:
                live.terminate()

        self.curl("gsdk.event.Event/ClearLog", deviceID=FIRST_ID)
        after = self.curl("gsdk.event.Event/GetLog", deviceID=FIRST_ID)["events"]
        self.assertEqual(0x4200, after[0]["eventCode"])
        self.assertGreater(after[0]["ID"], 200)


if __name__ == "__main__":
    unittest.main()
