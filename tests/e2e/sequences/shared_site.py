"""What the sequences run against: one gateway and four virtual terminals, shared by all tests of a file.

A sequence leaves no device in the gateway's list and no person of its own on a terminal, so that the next one finds
what the first one found. Only the last terminal is told to call the gateway.
"""

import contextlib
import faulthandler
import pathlib
import shutil
import tempfile
import unittest

from harness import FIRST_ID, EndToEndTest, Gateway, Simulator, free_port  # first: finds the generated contracts

import grpc
from gsdk import connect_pb2

TERMINALS = 4
HISTORY = 20_000  # more than one page of the 16,384 records that clients ask for at a time
SECONDS_MAX = 120  # the clients have no deadlines: who hangs is shown with all its threads, and ended
FIRST, SECOND, THIRD, CALLER = (FIRST_ID + number for number in range(TERMINALS))


class SharedSiteTest(EndToEndTest):
    """A test whose gateway and terminals outlive it, until the tests of its file are done."""

    @classmethod
    def setUpClass(cls):
        if hasattr(SharedSiteTest, "gw"):
            return
        folder = pathlib.Path(tempfile.mkdtemp(prefix="gatelog-e2e-"))
        unittest.addModuleCleanup(shutil.rmtree, folder, ignore_errors=True)
        SharedSiteTest.shared_folder = folder
        search_port = free_port()
        SharedSiteTest.sim = Simulator(folder / "sim", devices=TERMINALS, history=HISTORY, images=True,
                                       extra=["--search-port", search_port])
        unittest.addModuleCleanup(SharedSiteTest.sim.kill)
        SharedSiteTest.gw = Gateway(folder / "gateway", env={
            "GATELOG_DEVICE_LISTEN": f"127.0.0.1:{free_port()}", "GATELOG_DEVICE_LISTEN_TLS": f"127.0.0.1:{free_port()}",
            "GATELOG_DEVICE_SEARCH_PORT": str(search_port)})
        unittest.addModuleCleanup(SharedSiteTest.gw.kill)

    def setUp(self):
        faulthandler.dump_traceback_later(SECONDS_MAX, exit=True)
        self.addCleanup(faulthandler.cancel_dump_traceback_later)
        self.folder = self.shared_folder
        self.addCleanup(self._show_logs_of_a_failure)
        self.addCleanup(self._forget_devices)

    def _forget_devices(self):
        """What a sequence that failed has left, so that it alone fails."""
        devices = [d.deviceID for d in self.gw.connect.GetDeviceList(connect_pb2.GetDeviceListRequest()).deviceInfos]
        with contextlib.suppress(grpc.RpcError):  # one may be leaving the list just now
            self.gw.connect.DeleteAsyncConnection(connect_pb2.DeleteAsyncConnectionRequest(deviceIDs=devices))
