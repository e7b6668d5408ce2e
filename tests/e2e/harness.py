"""Starts the programs on free ports in a folder of their own, and talks to them as a client would.

Every wait is for a condition and has a limit; every process that was started is ended by its id.
"""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("GATELOG_BUILD", ROOT / "build" / "release"))
BIN = BUILD / "bin"
sys.path.insert(0, str(BUILD / "python"))

import grpc  # noqa: E402
from gatelog.v1 import devices_pb2, devices_pb2_grpc, events_pb2, events_pb2_grpc  # noqa: E402
from gsdk import (admin_pb2_grpc, connect_pb2, connect_pb2_grpc, device_pb2_grpc, err_pb2,  # noqa: E402
                  event_pb2, event_pb2_grpc, tna_pb2_grpc)
from simulator.v1 import control_pb2, control_pb2_grpc  # noqa: E402

FIRST_ID = 541000001
START_SECONDS = 30
STOP_SECONDS = 5  # promised: SIGTERM to exit 0
WAIT_SECONDS = 60


def wait_for(condition, what, seconds=WAIT_SECONDS, every=0.02):
    """The first true value of condition(); an AssertionError naming `what` after the limit."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(every)


def free_port(host="127.0.0.1"):
    with socket.socket() as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]


class Process:
    """A program whose output is kept, line by line."""

    channel = None

    def __init__(self, command, log_path=None, env=None):
        self.command = [str(part) for part in command]
        self.lines = []
        self._errors = tempfile.TemporaryFile() if log_path is None else open(log_path, "ab+")
        self._errors_start = self._errors.seek(0, os.SEEK_END)
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._errors, text=True,
            env=dict(os.environ, **(env or {})), start_new_session=True)
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            with self._changed:
                self.lines.append(line.rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self.lines.append(None)
            self._changed.notify_all()

    def wait_line(self, pattern, seconds=START_SECONDS):
        """The match of the first line of stdout that fits."""
        end = time.monotonic() + seconds
        seen = 0
        with self._changed:
            while True:
                for line in self.lines[seen:]:
                    if line is None:
                        raise AssertionError(f"{self.command[0]} ended without '{pattern}':\n{self.errors()}")
                    match = re.search(pattern, line)
                    if match:
                        return match
                seen = len(self.lines)
                if time.monotonic() > end:
                    raise AssertionError(f"{self.command[0]}: no '{pattern}' within {seconds} s:\n{self.errors()}")
                self._changed.wait(0.5)

    def wait_ready(self, pattern, seconds=START_SECONDS):
        """As wait_line, for whoever has just started it: what does not get ready is ended."""
        try:
            return self.wait_line(pattern, seconds)
        except BaseException:
            self.kill()
            raise

    def errors(self):
        """What it wrote to stderr."""
        if not self._errors.closed:
            self._errors.seek(self._errors_start)
            self._error_text = self._errors.read().decode(errors="replace")
        return self._error_text

    def running(self):
        return self.process.poll() is None

    def kill(self):
        """SIGKILL if it still runs; then everything about it is closed."""
        if self.running():
            self.process.kill()
        self.process.wait()
        self._reader.join()
        self.process.stdout.close()
        self.errors()
        self._errors.close()
        if self.channel:
            self.channel.close()

    def stop(self, seconds=STOP_SECONDS):
        """SIGTERM; the exit status. Killed, and an AssertionError, after the limit."""
        if self.running():
            self.process.send_signal(signal.SIGTERM)
        return self.wait(seconds)

    def wait(self, seconds):
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.command[0]} still ran after {seconds} s:\n{self.errors()[-3000:]}") from None


class Simulator(Process):
    """gatelog-sim; device number k listens on 127.0.0.k."""

    def __init__(self, data_dir, devices=1, history=0, rate=0, capacity=None, images=False, seed=1, first_id=FIRST_ID,
                 port=0, extra=()):
        self.data_dir = pathlib.Path(data_dir)
        self.ids = [first_id + k for k in range(devices)]
        command = [BIN / "gatelog-sim", "--devices", devices, "--first-id", first_id, "--history", history, "--rate", rate,
                   "--seed", seed, "--data-dir", data_dir, "--port", port, "--control", "127.0.0.1:0", *extra]
        if capacity:
            command += ["--capacity", capacity]
        if images:
            command.append("--images")
        super().__init__(command, f"{data_dir}.log")
        ready = self.wait_ready(r"^gatelog-sim: ready devices=\d+ first=\S+:(\d+) .*control=(\S+)", 120)
        self.port, self.control_address = int(ready[1]), ready[2]
        self.channel = grpc.insecure_channel(self.control_address)
        self.control = control_pb2_grpc.ControlStub(self.channel)

    def host(self, number):
        """Where device `number` (from 1) listens."""
        return f"127.0.{number >> 8}.{number & 255}"

    def address(self, number=1):
        return f"{self.host(number)}:{self.port}"

    def terminals(self):
        return {t.device_id: t for t in self.control.ListTerminals(control_pb2.ListTerminalsRequest()).terminals}

    def terminal(self, device_id=FIRST_ID):
        return self.terminals()[device_id]

    def set_rate(self, events_per_s, device_id=0):
        self.control.SetRate(control_pb2.SetRateRequest(device_id=device_id, events_per_s=events_per_s))

    def inject(self, device_id=FIRST_ID, **fields):
        event = event_pb2.EventLog(**fields)
        return self.control.InjectEvent(control_pb2.InjectEventRequest(
            device_id=device_id, event=event.SerializeToString())).id

    def disconnect(self, device_id=FIRST_ID):
        self.control.Disconnect(control_pb2.DisconnectRequest(device_id=device_id))


class Gateway(Process):
    """gatelogd, and a channel to it that trusts its CA alone."""

    @staticmethod
    def command(data_dir, grpc_address="127.0.0.1:0", extra=()):
        return [BIN / "gatelogd", "--data-dir", data_dir, "--grpc", grpc_address, "--http", "127.0.0.1:0", *extra]

    def __init__(self, data_dir, grpc_address="127.0.0.1:0", extra=(), env=None):
        self.data_dir = pathlib.Path(data_dir)
        super().__init__(self.command(data_dir, grpc_address, extra), f"{data_dir}.log", env)
        ready = self.wait_ready(r"^gatelogd: ready grpc=(\S+) http=(\S+) ca=(.+)$")
        self.grpc_address, self.http_address, self.ca = ready[1], ready[2], pathlib.Path(ready[3])
        self.channel = grpc.secure_channel(self.grpc_address, grpc.ssl_channel_credentials(self.ca.read_bytes()))
        self.event = event_pb2_grpc.EventStub(self.channel)
        self.connect = connect_pb2_grpc.ConnectStub(self.channel)
        self.device = device_pb2_grpc.DeviceStub(self.channel)
        self.tna = tna_pb2_grpc.TNAStub(self.channel)
        self.admin = admin_pb2_grpc.AdminStub(self.channel)
        self.devices = devices_pb2_grpc.DevicesStub(self.channel)
        self.events = events_pb2_grpc.EventsStub(self.channel)

    def add(self, address):
        return self.devices.Add(devices_pb2.AddRequest(address=address)).device.device_id

    def add_all(self, simulator, port=None):
        """Adds every terminal of the simulator without waiting for each; `port` if a proxy stands before them."""
        infos = [connect_pb2.AsyncConnectInfo(deviceID=device, IPAddr=simulator.host(number), port=port or simulator.port)
                 for number, device in enumerate(simulator.ids, 1)]
        self.connect.AddAsyncConnection(connect_pb2.AddAsyncConnectionRequest(connectInfos=infos))

    def list(self):
        return {d.device_id: d for d in self.devices.List(devices_pb2.ListRequest()).devices}

    def info(self, device_id=FIRST_ID):
        return self.list()[device_id]

    def get_log(self, start=0, count=0, device_id=FIRST_ID):
        return list(self.event.GetLog(event_pb2.GetLogRequest(
            deviceID=device_id, startEventID=start, maxNumOfLog=count)).events)

    def enable(self, device_id=FIRST_ID):
        self.event.EnableMonitoring(event_pb2.EnableMonitoringRequest(deviceID=device_id))

    def disable(self, device_id=FIRST_ID):
        self.event.DisableMonitoring(event_pb2.DisableMonitoringRequest(deviceID=device_id))

    def wait_connected(self, device_id=FIRST_ID, seconds=WAIT_SECONDS):
        return wait_for(lambda: (d := self.list().get(device_id)) and d.state == devices_pb2.LINK_STATE_CONNECTED and d,
                        f"device {device_id} connected", seconds)

    def wait_stored(self, simulator, seconds=WAIT_SECONDS):
        """Until every record that the terminals hold now is stored or known missing."""
        last = {device: terminal.last_id for device, terminal in simulator.terminals().items()}

        def stored():
            here = self.list()
            return all(device in here and here[device].next_id > last[device] for device in last)
        wait_for(stored, "everything stored", seconds, every=0.1)

    def cli(self, *arguments, check=True, seconds=60, **options):
        """Runs `gatelog` against this gateway."""
        return run_cli("--gateway", self.grpc_address, "--ca", self.ca, *arguments, check=check, seconds=seconds, **options)


def run_cli(*arguments, check=True, seconds=60, env=None):
    done = subprocess.run([str(BIN / "gatelog"), *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=seconds, env=dict(os.environ, **(env or {})))
    if check and done.returncode:
        raise AssertionError(f"gatelog {' '.join(map(str, arguments))} exited {done.returncode}:\n{done.stderr}")
    return done


class Subscription:
    """A live stream, read on a thread of its own."""

    def __init__(self, call):
        self.call, self.events, self.error = call, [], None
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        try:
            for event in self.call:
                self.events.append(event)
        except grpc.RpcError as error:
            self.error = error

    def wait_id(self, event_id, device_id=None, seconds=WAIT_SECONDS):
        return wait_for(lambda: next((e for e in list(self.events) if e.ID == event_id and
                                      device_id in (None, e.deviceID)), None), f"event {event_id} on the stream", seconds)

    def cancel(self):
        self.call.cancel()
        self._thread.join(10)


def subscribe(gateway, queue_size=64, device_ids=(), event_codes=()):
    """Returns once the gateway has taken the subscription: it answers with its headers then."""
    call = gateway.event.SubscribeRealtimeLog(event_pb2.SubscribeRealtimeLogRequest(
        queueSize=queue_size, deviceIDs=device_ids, eventCodes=event_codes))
    call.initial_metadata()
    return Subscription(call)


class EndToEndTest(unittest.TestCase):
    """A test with a folder; what it starts is ended with it, and logs are shown when it failed."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="gatelog-e2e-"))
        self.addCleanup(self._remove_folder)

    def _remove_folder(self):
        self._show_logs_of_a_failure()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _show_logs_of_a_failure(self):
        outcome = getattr(self, "_outcome", None)
        result = getattr(outcome, "result", None)
        mine = [trace for case, trace in (result.failures + result.errors if result else []) if case is self]
        if mine or (outcome and not outcome.success):
            for log in sorted(self.folder.glob("*.log")):
                print(f"--- {log.name}\n{log.read_text(errors='replace')[-4000:]}", file=sys.stderr)

    def simulator(self, **options):
        return self._started(Simulator(self.folder / options.pop("name", "sim"), **options))

    def gateway(self, name="gateway", **options):
        return self._started(Gateway(self.folder / name, **options))

    def _started(self, process):
        self.addCleanup(process.kill)
        return process

    @contextlib.contextmanager
    def fails(self, code, text=""):
        """The call inside must end with this status and one calm sentence that has `text` in it."""
        with self.assertRaises(grpc.RpcError) as caught:
            yield
        self.assertEqual(code, caught.exception.code(), caught.exception.details())
        self.assert_sentence(caught.exception.details())
        self.assertIn(text, caught.exception.details())

    def assert_sentence(self, text):
        self.assertTrue(text.strip(), "an error without words")
        self.assertNotIn("\n", text.strip())
        self.assertLess(len(text), 400)
