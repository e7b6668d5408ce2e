"""What people and networks get wrong: one clear sentence, the right status, nothing lost."""

import contextlib
import os
import socket
import struct
import subprocess
import threading
import unittest

from harness import BIN, FIRST_ID, EndToEndTest, free_port, run_cli, wait_for  # first: finds the generated contracts

import grpc
from gatelog.v1 import devices_pb2
import compare

GARBAGE = bytes(range(256)) * 8


@contextlib.contextmanager
def speaks(reply):
    """A server on a free port that answers every connection with these bytes and closes it."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve():
        with contextlib.suppress(OSError):
            while True:
                connection, _ = server.accept()
                with connection, contextlib.suppress(OSError):
                    connection.settimeout(5)
                    connection.recv(65536)
                    connection.sendall(reply)
    threading.Thread(target=serve, daemon=True).start()
    try:
        yield server.getsockname()[1]
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()


class DaemonStartTest(EndToEndTest):
    def refused(self, *arguments, text="", env=None):
        """gatelogd must end by itself, not with 0, and say one sentence."""
        done = subprocess.run([str(BIN / "gatelogd"), *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=30, env=dict(os.environ, **(env or {})))
        self.assertNotEqual(0, done.returncode)
        self.assertGreater(done.returncode, 0, f"died of a signal:\n{done.stderr}")
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        self.assertEqual(1, len(lines), done.stderr)
        self.assert_sentence(lines[0])
        self.assertIn(text, lines[0])
        self.assertEqual("", done.stdout)

    def ports(self):
        return "--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0"

    def test_a_port_in_use(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = "127.0.0.1:%d" % taken.getsockname()[1]
            self.refused("--data-dir", self.folder / "a", "--grpc", address, "--http", "127.0.0.1:0", text=address)
            self.refused("--data-dir", self.folder / "b", "--grpc", "127.0.0.1:0", "--http", address, text=address)

    def test_a_data_directory_that_cannot_be(self):
        file = self.folder / "file"
        file.write_text("not a folder")
        self.refused("--data-dir", file, *self.ports(), text=str(file))
        self.refused("--data-dir", file / "below", *self.ports(), text=str(file))

    @unittest.skipIf(os.getuid() == 0, "root may write everywhere")
    def test_a_data_directory_that_cannot_be_written(self):
        folder = self.folder / "locked"
        folder.mkdir(mode=0o500)
        self.refused("--data-dir", folder, *self.ports(), text=str(folder))

    def test_broken_configurations(self):
        for text, words in [
            ("[grpc]\nadress = '127.0.0.1:0'\n", "adress"),
            ("[grpc]\naddress = 5\n", "address"),
            ("[grpc\n", "config.toml"),
        ]:
            with self.subTest(text=text):
                config = self.folder / "config.toml"
                config.write_text(text)
                self.refused("--data-dir", self.folder / "data", "--config", config, *self.ports(), text=words)
        self.refused("--data-dir", self.folder / "data", "--grpc", "nowhere", text="nowhere")
        self.refused("--data-dir", self.folder / "data", "--config", self.folder / "absent.toml", *self.ports(), text="absent.toml")
        self.refused("--data-dir", self.folder / "data", *self.ports(), env={"GATELOG_STORE_READERS": "many"}, text="GATELOG_STORE_READERS")

    def test_a_second_daemon_on_one_data_directory(self):
        gw = self.gateway()
        self.refused("--data-dir", gw.data_dir, *self.ports(), text=str(gw.data_dir))
        self.assertTrue(gw.running())
        gw.list()

    def test_a_damaged_key_file(self):
        gw = self.gateway()
        gw.stop()
        certificate = next((gw.data_dir / "cert").glob("server*.crt"))
        certificate.write_text("no certificate\n")
        self.refused("--data-dir", gw.data_dir, *self.ports(), text=certificate.name)


class NetworkTest(EndToEndTest):
    def setUp(self):
        super().setUp()
        self.sim = self.simulator(history=5000, rate=50)
        self.gw = self.gateway()

    def finish(self):
        """Whatever happened: the device is read whole."""
        if FIRST_ID not in self.gw.list():
            self.gw.add(self.sim.address())
        self.gw.wait_connected()
        self.sim.set_rate(0)
        self.gw.wait_stored(self.sim)
        figures = compare.compare(self.gw.data_dir, self.sim.data_dir)
        self.assertEqual([], figures.problems)
        self.assertEqual((0, 0), (figures.gaps, figures.duplicates))
        self.assertTrue(self.gw.running() and self.sim.running())

    def test_garbage_sent_to_a_terminal(self):
        self.gw.add(self.sim.address())
        for data in (GARBAGE, b"GET / HTTP/1.1\r\n\r\n", struct.pack(">I", 100 << 20), struct.pack(">I", 50) + b"\x08",
                     struct.pack(">I", 0), b""):
            with socket.create_connection((self.sim.host(1), self.sim.port), 5) as peer:
                peer.sendall(data)
                peer.shutdown(socket.SHUT_WR)
                peer.settimeout(20)
                with contextlib.suppress(ConnectionResetError):
                    while peer.recv(65536):
                        pass
        self.finish()

    def test_garbage_from_a_terminal(self):
        for name, reply in [("garbage", GARBAGE), ("truncated", struct.pack(">I", 100) + b"\x08\x01"),
                            ("huge", struct.pack(">I", 100 << 20) + GARBAGE), ("empty", struct.pack(">I", 0)),
                            ("silent", b""), ("wrong frame", struct.pack(">I", 2) + b"\x08\x05")]:
            with self.subTest(name), speaks(reply) as port:
                with self.assertRaises(grpc.RpcError) as caught:
                    self.gw.devices.Add(devices_pb2.AddRequest(address=f"127.0.0.1:{port}"), timeout=60)
                self.assertNotIn(caught.exception.code(), (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNKNOWN))
                self.assert_sentence(caught.exception.details())
        self.finish()

    def test_garbage_sent_to_the_gateway(self):
        host, port = self.gw.grpc_address.rsplit(":", 1)
        http_host, http_port = self.gw.http_address.rsplit(":", 1)
        for target in ((host, int(port)), (http_host, int(http_port))):
            for data in (GARBAGE, b"\x16\x03\x01\xff\xff" + GARBAGE, b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n"):
                with socket.create_connection(target, 5) as peer, contextlib.suppress(ConnectionError, socket.timeout):
                    peer.sendall(data)
                    peer.settimeout(2)
                    peer.recv(1024)
        self.finish()

    def test_a_wrong_address(self):
        for address, words in [("127.0.0.1:0", "port"), ("127.0.0.1:70000", "70000"), ("ftp://127.0.0.1", "ftp"),
                               ("", ""), (f"127.0.0.1:{free_port()}", "127.0.0.1")]:
            with self.subTest(address=address):
                with self.assertRaises(grpc.RpcError) as caught:
                    self.gw.devices.Add(devices_pb2.AddRequest(address=address))
                self.assertIn(caught.exception.code(), (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.UNAVAILABLE))
                self.assert_sentence(caught.exception.details())
                self.assertIn(words, caught.exception.details())
        self.finish()

    def test_a_terminal_that_another_gateway_holds(self):
        self.gw.add(self.sim.address())
        other = self.gateway("other")
        with self.fails(grpc.StatusCode.UNAVAILABLE):
            other.add(self.sim.address())
        self.finish()

    def test_a_full_reply_to_a_small_client(self):
        """A reply that the client's own limit refuses is the client's failure, not the gateway's."""
        self.gw.add(self.sim.address())
        small = grpc.secure_channel(self.gw.grpc_address, grpc.ssl_channel_credentials(self.gw.ca.read_bytes()),
                                    options=[("grpc.max_receive_message_length", 10_000)])
        from gsdk import event_pb2, event_pb2_grpc
        with self.assertRaises(grpc.RpcError) as caught:
            event_pb2_grpc.EventStub(small).GetLog(event_pb2.GetLogRequest(deviceID=FIRST_ID))
        self.assertEqual(grpc.StatusCode.RESOURCE_EXHAUSTED, caught.exception.code())
        small.close()
        self.finish()


class CommandLineTest(EndToEndTest):
    def refused(self, *arguments, text="", env=None):
        done = run_cli(*arguments, check=False, env=env)
        self.assertGreater(done.returncode, 0)
        self.assertEqual("", done.stdout)
        self.assertIn(text, done.stderr)
        self.assertLessEqual(len(done.stderr.strip().splitlines()), 3, done.stderr)

    def test_mistakes(self):
        gw = self.gateway()
        base = ("--gateway", gw.grpc_address, "--ca", gw.ca)
        self.refused("--gateway", f"127.0.0.1:{free_port()}", "--ca", gw.ca, "device", "list", text="127.0.0.1")
        self.refused("--gateway", gw.grpc_address, "--ca", self.folder / "none.crt", "device", "list", text="none.crt")
        self.refused(*base, "device", "info", "999", text="999")
        self.refused(*base, "log", "get", "999", text="999")
        self.refused(*base, "log", "clear", "999")
        self.refused(*base, "event", "query", "--limit", "-1", text="negative")
        # Refused without any waiting; the gateway must live on.
        self.refused(*base, "device", "add", "uhppote://127.0.0.1:60000", text="uhppote")
        secret = "000102030405060708090a0b0c0d0e0f"
        done = run_cli(*base, "device", "add", f"terminal://127.0.0.1:{free_port()}?key={secret}", check=False)
        self.assertEqual(1, done.returncode, done.stderr)
        self.assertNotIn(secret, done.stderr)
        unknown = run_cli(*base, "device", "frobnicate", check=False)
        self.assertEqual(2, unknown.returncode)
        self.assertIn("frobnicate", unknown.stderr)
        self.refused(*base, "-o", "xml", "device", "list", text="xml")


if __name__ == "__main__":
    unittest.main()
