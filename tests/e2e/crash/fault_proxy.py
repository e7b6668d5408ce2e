"""A TCP proxy between a gateway and its terminals, whose links break in the ways in which links break.

The proxy takes terminal number k's connections on the terminal's own address, 127.0.0.k, at a port of its own, and passes
them on to the terminal's port. What becomes of a connection is drawn from (seed, terminal, number of the connection): the
same seed gives each connection the same fate, whenever it comes.

  refuse     reset before a byte has passed
  reset      both directions end at once, and what was under way is lost
  cut        the bytes up to some point inside a frame arrive, then the connection is closed
  delay      everything arrives late, in small pieces
  half-open  bytes are swallowed both ways and neither side is told, until the connection is reset a while later

A fault strikes after some bytes or some time, whichever comes first. Runs on a thread of its own.
"""

import asyncio
import collections
import dataclasses
import random
import socket
import struct
import threading

CHUNK = 16 * 1024
PIECE_MAX = 512            # bytes of a delayed link that arrive together
DELAY_S_MAX = 0.1          # of each piece
STRIKE_BYTES_MAX = 1 << 17
STRIKE_S_MAX = 2.0
HALF_OPEN_S_MAX = 4.0
START_S_MAX = 10
LENGTH_SIZE = 4            # of a frame: its length, big-endian, then so many bytes

CLEAN, REFUSE, RESET, CUT, DELAY, HALF_OPEN = "clean", "refuse", "reset", "cut", "delay", "half-open"
FAULTS = (REFUSE, RESET, CUT, DELAY, HALF_OPEN)
WEIGHTS = {CLEAN: 30, REFUSE: 10, RESET: 15, CUT: 20, DELAY: 12, HALF_OPEN: 13}
TO_GATEWAY, TO_TERMINAL = "to gateway", "to terminal"


@dataclasses.dataclass(frozen=True)
class Fate:
    """What becomes of one connection."""
    fault: str = CLEAN
    direction: str = TO_GATEWAY     # whose bytes are counted
    strike_bytes: int = 0
    strike_s: float | None = None   # None: bytes alone decide
    half_open_s: float = 0


def draw_fate(seed, number, connection):
    draw = random.Random(f"{seed}/{number}/{connection}")
    fault = draw.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
    # Most frames are short: as many faults in the first hundred bytes as between 10,000 and 100,000.
    strike_bytes = int(STRIKE_BYTES_MAX ** draw.random())
    # A link that is cut in mid-frame is cut by its bytes: when it is idle it is in no frame.
    strike_s = None if fault == CUT else draw.uniform(0, STRIKE_S_MAX)
    direction = draw.choices((TO_GATEWAY, TO_TERMINAL), (3, 1))[0]
    return Fate(fault, direction, strike_bytes, strike_s, draw.uniform(0.1, HALF_OPEN_S_MAX))


class Frames:
    """Tells where in a stream of frames a number of bytes ends."""

    def __init__(self):
        self._head, self._left = b"", 0

    def inside(self):
        """Whether the bytes fed so far end in the middle of a frame."""
        return bool(self._head) or self._left > 0

    def feed(self, chunk):
        while chunk:
            if self._left:
                taken = min(self._left, len(chunk))
                self._left -= taken
            else:
                taken = min(LENGTH_SIZE - len(self._head), len(chunk))
                self._head += chunk[:taken]
                if len(self._head) == LENGTH_SIZE:
                    self._left = int.from_bytes(self._head, "big")
                    self._head = b""
            chunk = chunk[taken:]


class Struck(Exception):
    """The connection has met its fault."""


def reset(writer):
    """Ends the connection so that the peer sees a reset and what is still unsent is lost."""
    connection = writer.get_extra_info("socket")
    if connection.fileno() >= 0:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


class Link:
    """One connection from the gateway, and the one to the terminal behind it."""

    def __init__(self, fate, gateway, terminal, count):
        self.fate = fate
        self._gateway, self._terminal = gateway, terminal  # (reader, writer) each
        self._count = count
        self._swallowing = False

    async def run(self):
        """Until the link has ended; both connections are closed then, also when this is cancelled."""
        parts = [self._pass(TO_GATEWAY, self._terminal[0], self._gateway[1]),
                 self._pass(TO_TERMINAL, self._gateway[0], self._terminal[1])]
        if self.fate.fault in (RESET, HALF_OPEN):
            parts.append(self._strike_in_time())
        parts = [asyncio.ensure_future(part) for part in parts]
        abrupt = True
        try:
            done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
            abrupt = any(part.exception() for part in done)
        finally:
            for part in parts:
                part.add_done_callback(lambda ended: ended.cancelled() or ended.exception())  # looked at, so not reported
                part.cancel()
            for _, writer in (self._gateway, self._terminal):
                if abrupt:
                    reset(writer)
                else:
                    writer.close()

    async def _pass(self, direction, reader, writer):
        """Until one side has closed its end, or the fault has struck: an exception if abruptly."""
        counted = direction == self.fate.direction and self.fate.fault in (RESET, CUT, HALF_OPEN)
        left, frames = self.fate.strike_bytes, Frames()
        while chunk := await self._read(reader):
            if self._swallowing:
                continue
            if self.fate.fault == DELAY:
                await self._pass_slowly(writer, chunk)
                continue
            if counted and len(chunk) >= left:
                frames.feed(chunk[:left])
                writer.write(chunk[:left])
                await writer.drain()
                if await self._strike(frames.inside()):
                    return
                continue
            left -= len(chunk)
            frames.feed(chunk)
            writer.write(chunk)
            await writer.drain()

    async def _read(self, reader):
        """Empty at the end; while bytes are swallowed there is none, because nobody is told that the peer has gone."""
        try:
            chunk = await reader.read(CHUNK)
        except ConnectionError:
            if not self._swallowing:
                raise
            chunk = b""
        if not chunk and self._swallowing:
            await asyncio.Event().wait()
        return chunk

    async def _pass_slowly(self, writer, chunk):
        draw = random.Random(len(chunk))
        while chunk:
            await asyncio.sleep(draw.uniform(0, DELAY_S_MAX))
            piece = draw.randint(1, PIECE_MAX)
            writer.write(chunk[:piece])
            await writer.drain()
            chunk = chunk[piece:]

    async def _strike_in_time(self):
        await asyncio.sleep(self.fate.strike_s)
        await self._strike(False)
        await asyncio.sleep(self.fate.half_open_s)
        raise Struck

    async def _strike(self, inside):
        """True: the link is to be closed in good order."""
        if self._swallowing:
            return False
        if self.fate.fault == CUT:
            if inside:
                self._count[CUT] += 1
            return True
        self._count[self.fate.fault] += 1
        if self.fate.fault == RESET:
            raise Struck
        self._swallowing = True
        return False


class FaultProxy:
    """Between the gateway and terminals 1 to `devices`, which answer on host_of(number) at `terminal_port`.

    `port` is where the gateway finds them; `count` says how often each fault has struck (clean: connections that had none).
    """

    def __init__(self, host_of, terminal_port, devices, seed, draw=draw_fate):
        self._host_of, self._terminal_port, self._devices = host_of, terminal_port, devices
        self._seed, self._draw = seed, draw
        self.count = collections.Counter()
        self.port = 0
        self._connections = collections.Counter()
        self._links = {}  # the task of each link -> its fault
        self._quiet = self._closed = False
        self._servers = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._call(self._listen())

    def quiet(self):
        """Ends every fault: links that have one are reset, new ones have none."""
        self._call(self._end_faults())

    def close_links(self):
        """Resets every link, and refuses new ones until open_links()."""
        self._call(self._set_closed(True))

    def open_links(self):
        self._call(self._set_closed(False))

    def close(self):
        self._call(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _call(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(START_S_MAX)

    async def _listen(self):
        for number in range(1, self._devices + 1):
            async def accept(reader, writer, number=number):
                await self._serve(number, reader, writer)
            server = await asyncio.start_server(accept, self._host_of(number), self.port)
            self.port = server.sockets[0].getsockname()[1]  # one for all
            self._servers.append(server)

    async def _serve(self, number, reader, writer):
        self._connections[number] += 1
        fate = Fate() if self._quiet else self._draw(self._seed, number, self._connections[number])
        if fate.fault == REFUSE or self._closed:
            self.count[REFUSE] += 1
            return reset(writer)
        task = asyncio.current_task()
        self._links[task] = fate.fault
        try:
            terminal = await asyncio.open_connection(self._host_of(number), self._terminal_port)
            if fate.fault in (CLEAN, DELAY):
                self.count[fate.fault] += 1
            await Link(fate, (reader, writer), terminal, self.count).run()
        except (OSError, asyncio.CancelledError):  # the terminal does not answer, or the proxy stops
            reset(writer)
        finally:
            del self._links[task]

    async def _end_faults(self):
        self._quiet = True
        for task, fault in list(self._links.items()):
            if fault != CLEAN:
                task.cancel()

    async def _set_closed(self, closed):
        self._closed = closed
        if closed:
            for task in list(self._links):
                task.cancel()

    async def _stop(self):
        for server in self._servers:
            server.close()
        tasks = list(self._links)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
