"""The demo: virtual terminals with a past, the gateway, you; and at the end the proof, record by record.

Keeps its data in .demo/, so that the next run goes on where this one ended. script/demo builds first and starts this.
"""

import argparse
import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
HISTORY = 10_000        # records that each terminal holds when it is first switched on
EVENTS_PER_S = 1        # of each terminal
FINISH_SECONDS = 120    # to store what came last


def parse_arguments():
    parser = argparse.ArgumentParser(prog="script/demo", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, help="how long live events are shown; default: until Ctrl-C")
    parser.add_argument("--devices", type=int, default=4, help="virtual terminals, 1 to 250; default: 4")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release", help=argparse.SUPPRESS)
    parser.add_argument("--data", type=pathlib.Path, default=ROOT / ".demo", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if not 1 <= arguments.devices <= 250:
        parser.error("--devices must be 1 to 250.")
    return arguments


arguments = parse_arguments()
os.environ["GATELOG_BUILD"] = str(arguments.build.resolve())

from harness import BIN, Gateway, Simulator, wait_for  # noqa: E402  first: finds the generated contracts

import compare  # noqa: E402
from gatelog.v1 import devices_pb2  # noqa: E402


class Ended(Exception):
    """Ctrl-C, or somebody asked the demo to end."""


class EndSignals:
    """SIGINT and SIGTERM raise Ended at once; while held, when that is over: no program is started and then not known."""

    def __init__(self):
        self.is_held = self.came = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._came)

    def _came(self, number, frame):
        first, self.came = not self.came, True
        if first and not self.is_held:
            raise Ended

    @contextlib.contextmanager
    def held(self):
        self.is_held = True
        try:
            yield
        finally:
            self.is_held = False
        if self.came:
            raise Ended


def say(text=""):
    print(text, flush=True)


def heading(text):
    bold, plain = ("\033[1m", "\033[0m") if sys.stdout.isatty() and not os.environ.get("NO_COLOR") else ("", "")
    say(f"\n{bold}{text}{plain}")


def last_port(data):
    """The terminals' port of the last run, if it is still free, so that their addresses stay the same; else 0."""
    try:
        port = int((data / "port").read_text())
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("0.0.0.0", port))
        return port
    except (OSError, ValueError):
        return 0


class Demo:
    def __init__(self, signals):
        self.data, self.signals, self.has_devices = arguments.data, signals, False
        self.simulator = self.gateway = self.child = None  # child: the command line that runs now

    def relative(self, path):
        path = pathlib.Path(path).resolve()
        return path.relative_to(ROOT) if path.is_relative_to(ROOT) and pathlib.Path.cwd() == ROOT else path

    def cli(self, *parts):
        return [str(BIN / "gatelog"), "--gateway", self.gateway.grpc_address, "--ca", str(self.gateway.ca), *parts]

    def start(self):
        again = (self.data / "gateway/gatelog.db").exists()
        self.data.mkdir(exist_ok=True)
        say(f"{'Going on with the' if again else 'Making'} {arguments.devices} virtual terminals; their logs and the store are in "
            f"{self.relative(self.data)}/.")
        with self.signals.held():
            self.simulator = Simulator(self.data / "terminals", devices=arguments.devices, history=HISTORY, rate=EVENTS_PER_S,
                                       images=True, port=last_port(self.data))
        (self.data / "port").write_text(f"{self.simulator.port}\n")
        with self.signals.held():
            self.gateway = Gateway(self.data / "gateway")
        say(f"The gateway serves gRPC on {self.gateway.grpc_address} and HTTP on {self.gateway.http_address}.")

    def add_devices(self):
        heading("Connecting")
        here = self.gateway.list()
        for device in here.keys() - set(self.simulator.ids):
            self.gateway.devices.Remove(devices_pb2.RemoveRequest(device_id=device))
        moved = [device for number, device in enumerate(self.simulator.ids, 1)
                 if device in here and not here[device].address.endswith(self.simulator.address(number))]
        for device in moved:  # the port of the last run was taken
            self.gateway.devices.Remove(devices_pb2.RemoveRequest(device_id=device))
        new = [self.simulator.address(number) for number, device in enumerate(self.simulator.ids, 1)
               if device not in here or device in moved]
        if new:
            self.run_until_done(self.cli("device", "add", *new))
        for device in self.simulator.ids:
            self.gateway.wait_connected(device)
        self.has_devices = True

    def read_backlog(self):
        heading("Reading the terminals' logs")
        self.run_until_done(self.cli("device", "watch", "--until-stored"))

    def run_until_done(self, command):
        with self.signals.held():
            self.child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
        if self.child.wait():
            raise subprocess.CalledProcessError(self.child.returncode, command)

    def show_commands(self):
        heading("Try in another terminal")
        base = f"{self.relative(BIN / 'gatelog')} --gateway {self.gateway.grpc_address} --ca {self.relative(self.gateway.ca)}"
        for command in ("device list", "event query --code denied --newest --limit 20",
                        f"event tail -f --device {self.simulator.ids[0]} -o jsonl"):
            say(f"  {base} {command}")

    def show_live(self):
        heading("Live events" + (f" for {arguments.seconds:g} seconds" if arguments.seconds is not None else "; Ctrl-C ends the demo"))
        with self.signals.held():
            self.child = subprocess.Popen(self.cli("event", "tail", "-f"), stdin=subprocess.DEVNULL, start_new_session=True)
        if arguments.seconds is None:
            self.child.wait()
        else:
            try:
                self.child.wait(arguments.seconds)
            except subprocess.TimeoutExpired:
                return
        raise AssertionError("gatelog event tail ended by itself")

    def finish(self):
        """Stops the production, waits until all of it is stored, ends the programs, compares. The exit status."""
        if self.child and self.child.poll() is None:
            self.child.terminate()
            self.child.wait()
        heading("Ending: the terminals stop, the gateway stores what came last")
        self.simulator.set_rate(0)
        self.gateway.wait_stored(self.simulator, FINISH_SECONDS)
        wait_for(lambda: not compare.images_pending(self.gateway.data_dir, self.simulator.data_dir), "all images stored",
                 FINISH_SECONDS)
        status = self.gateway.stop()
        self.simulator.stop()
        figures = compare.compare(self.gateway.data_dir, self.simulator.data_dir)
        if status:
            figures.problem(f"gatelogd ended with status {status}")
        for problem in figures.problems:
            print(problem, file=sys.stderr)
        if figures.problem_count > len(figures.problems):
            print(f"and {figures.problem_count - len(figures.problems)} more", file=sys.stderr)
        say(f"Compared {figures.compared} records with the terminals' own logs: "
            + ("all equal." if not figures.problem_count else f"{figures.problem_count} differences."))
        say(f"demo: {figures}")
        return 1 if figures.problem_count else 0

    def stop_everything(self):
        for process in (self.gateway, self.simulator):
            if process and process.running():
                process.kill()
        if self.child and self.child.poll() is None:
            self.child.kill()


def ignore_end():
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def main():
    demo = Demo(EndSignals())
    try:
        try:
            demo.start()
            demo.add_devices()
            demo.read_backlog()
            demo.show_commands()
            demo.show_live()
        except Ended:
            say()
        ignore_end()
        if not demo.has_devices:
            say("Ended before every terminal was connected; nothing to compare.")
            return 1
        return demo.finish()
    except (AssertionError, subprocess.CalledProcessError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    finally:
        ignore_end()
        demo.stop_everything()


if __name__ == "__main__":
    sys.exit(main())
