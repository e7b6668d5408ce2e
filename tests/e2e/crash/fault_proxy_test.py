"""The proxy must break links in the ways that it names: the tests of the gateway rest on it."""

import socket
import struct
import threading
import unittest

from harness import wait_for

from fault_proxy import CLEAN, CUT, DELAY, FAULTS, HALF_OPEN, REFUSE, RESET, TO_TERMINAL, Fate, FaultProxy, Frames, draw_fate

WAIT_SECONDS = 30


def frame(size):
    return struct.pack(">I", size) + bytes(size)


class EchoTerminal:
    """Sends back what it gets; knows what came and whether the connection has ended, and how."""

    def __init__(self):
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.got, self.end = b"", None
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        connection, _ = self.server.accept()
        with connection:
            try:
                while chunk := connection.recv(65536):
                    self.got += chunk
                    connection.sendall(chunk)
                self.end = "closed"
            except ConnectionError:
                self.end = "reset"


class FaultProxyTest(unittest.TestCase):
    def start(self, fate):
        self.terminal = EchoTerminal()
        self.addCleanup(self.terminal.server.close)
        self.proxy = FaultProxy(lambda number: "127.0.0.1", self.terminal.port, 1, 0, lambda *_: fate)
        self.addCleanup(self.proxy.close)

    def connect(self, fate):
        self.start(fate)
        peer = socket.create_connection(("127.0.0.1", self.proxy.port), WAIT_SECONDS)
        self.addCleanup(peer.close)
        return peer

    def receive(self, peer, size):
        got = b""
        while len(got) < size and (chunk := peer.recv(65536)):
            got += chunk
        return got

    def test_clean(self):
        peer = self.connect(Fate(CLEAN))
        data = bytes(range(256)) * 4000
        threading.Thread(target=peer.sendall, args=(data,), daemon=True).start()
        self.assertEqual(data, self.receive(peer, len(data)))
        peer.close()
        wait_for(lambda: self.terminal.end, "the terminal sees the end")

    def be_refused(self):
        """Connects and gets nothing. The refusal may arrive while connecting still lasts, or after."""
        try:
            with socket.create_connection(("127.0.0.1", self.proxy.port), WAIT_SECONDS) as peer:
                self.assertEqual(b"", peer.recv(1))
        except ConnectionError:
            pass

    def test_refuse(self):
        self.start(Fate(REFUSE))
        self.be_refused()
        self.assertEqual(b"", self.terminal.got)
        self.assertEqual(1, self.proxy.count[REFUSE])

    def test_reset_after_bytes(self):
        peer = self.connect(Fate(RESET, strike_bytes=10, strike_s=WAIT_SECONDS))
        peer.sendall(frame(100))
        with self.assertRaises(ConnectionResetError):
            while peer.recv(65536):
                pass
        wait_for(lambda: self.terminal.end == "reset", "the terminal sees the reset")
        self.assertEqual(1, self.proxy.count[RESET])

    def test_reset_in_time(self):
        peer = self.connect(Fate(RESET, strike_bytes=1000, strike_s=0.05))
        with self.assertRaises(ConnectionResetError):
            peer.recv(1)

    def test_cut_in_mid_frame(self):
        for direction in ({}, {"direction": TO_TERMINAL}):
            with self.subTest(**direction):
                peer = self.connect(Fate(CUT, strike_bytes=110, **direction))
                peer.sendall(frame(100) + frame(50))
                if direction:
                    wait_for(lambda: self.terminal.end, "the terminal sees the end")
                    self.assertEqual((frame(100) + frame(50))[:110], self.terminal.got)
                else:
                    self.assertEqual((frame(100) + frame(50))[:110], self.receive(peer, 1000))
                self.assertEqual(1, self.proxy.count[CUT])

    def test_a_cut_between_frames_is_not_counted(self):
        peer = self.connect(Fate(CUT, strike_bytes=104))
        peer.sendall(frame(100))
        self.assertEqual(frame(100), self.receive(peer, 1000))
        self.assertEqual(0, self.proxy.count[CUT])

    def test_delay_keeps_every_byte(self):
        peer = self.connect(Fate(DELAY))
        data = bytes(range(256)) * 10
        peer.sendall(data)
        self.assertEqual(data, self.receive(peer, len(data)))

    def test_half_open(self):
        peer = self.connect(Fate(HALF_OPEN, strike_bytes=4, strike_s=WAIT_SECONDS, half_open_s=WAIT_SECONDS))
        peer.sendall(frame(0))
        self.assertEqual(frame(0), self.receive(peer, 4))
        peer.sendall(frame(100))  # swallowed
        peer.settimeout(0.2)
        with self.assertRaises(TimeoutError):
            peer.recv(1)
        peer.close()              # not told
        self.assertIsNone(self.terminal.end)
        self.assertEqual(frame(0), self.terminal.got)
        self.proxy.quiet()
        wait_for(lambda: self.terminal.end == "reset", "the terminal sees the reset")

    def test_quiet(self):
        self.start(Fate(REFUSE))
        self.be_refused()
        wait_for(lambda: self.proxy.count[REFUSE], "the first connection is refused")
        self.proxy.quiet()
        with socket.create_connection(("127.0.0.1", self.proxy.port), WAIT_SECONDS) as peer:
            peer.sendall(frame(1))
            self.assertEqual(frame(1), self.receive(peer, 5))

    def test_frames(self):
        data = frame(3) + frame(0) + frame(300)
        ends = {0, 7, 11, len(data)}
        for size in range(len(data) + 1):
            whole, split = Frames(), Frames()
            whole.feed(data[:size])
            for byte in data[:size]:
                split.feed(bytes([byte]))
            self.assertEqual(size not in ends, whole.inside(), size)
            self.assertEqual(size not in ends, split.inside(), size)

    def test_a_seed_repeats_the_fates(self):
        fates = [draw_fate(1, 2, connection) for connection in range(500)]
        self.assertEqual(fates, [draw_fate(1, 2, connection) for connection in range(500)])
        self.assertNotEqual(fates, [draw_fate(2, 2, connection) for connection in range(500)])
        self.assertLessEqual(set(FAULTS), {fate.fault for fate in fates})


if __name__ == "__main__":
    unittest.main()
