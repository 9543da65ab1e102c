"""A TCP proxy in front of a store, by which a test takes the network away and gives it back."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit, urlunsplit

_CHUNK: Final = 65_536
# So that closing sends RST at once, whatever is unsent.
_NO_LINGER: Final = struct.pack("ii", 1, 0)


class Mode(StrEnum):
    """What happens to what comes along one direction."""

    PASS = "pass"
    DELAY = "delay"
    """Every piece waits for `delay_seconds`."""
    STALL = "stall"
    """It is held back, and passed on when the mode changes: a network that heals, and delivers late."""
    CUT_BEFORE_ANSWER = "cut_before_answer"
    """Questions get through; the connection is cut in place of the answer."""
    CUT_AFTER_ANSWER = "cut_after_answer"
    """The connection is cut as soon as an answer has passed."""
    BLACK_HOLE = "black_hole"
    """Connections are taken and everything is swallowed; what has been through it is cut when the mode changes."""
    REFUSE = "refuse"
    """Nobody listens, and all connections are cut."""


class Direction(StrEnum):
    """Which way."""

    TO_STORE = "to_store"
    TO_CLIENT = "to_client"


@dataclass(eq=False)
class _Link:
    """One client's connection, and ours to the store for it."""

    client: asyncio.StreamWriter
    store: asyncio.StreamWriter | None = None
    swallowed: bool = False
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def cut(self) -> None:
        """End both sides at once, as if a cable were pulled and both noticed."""
        for writer in (self.client, self.store):
            if writer is not None:
                # Of a connection that has ended, uvloop has no socket, or one without a number.
                with suppress(OSError, AttributeError, ValueError):
                    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
                writer.transport.abort()


class Proxy:
    """Stands in front of one store. Modes may be changed at any time, for both directions or for one."""

    def __init__(self, url: str) -> None:
        self._url = urlsplit(url)
        self._modes = dict.fromkeys(Direction, Mode.PASS)
        self._changed = asyncio.Event()
        self._links: set[_Link] = set()
        self._accepting: set[asyncio.Task[None]] = set()
        self._listener = _listen(0)
        self._port: int = self._listener.getsockname()[1]
        self.delay_seconds = 0.1
        self.accepted = 0
        """Connections taken so far."""

    @property
    def url(self) -> str:
        """The URL of the store with the proxy in front of it."""
        credentials, at, _ = self._url.netloc.rpartition("@")
        return urlunsplit(self._url._replace(netloc=f"{credentials}{at}127.0.0.1:{self._port}"))

    @property
    def connections(self) -> int:
        """How many there are now."""
        return len(self._links)

    @property
    def mode(self) -> Mode:
        """That of both directions, where it is one."""
        (mode,) = set(self._modes.values())
        return mode

    @mode.setter
    def mode(self, mode: Mode) -> None:
        self.set_mode(mode)

    def set_mode(self, mode: Mode, direction: Direction | None = None) -> None:
        """Change the mode of one direction, or of both."""
        refused = self._refuses
        for one in Direction if direction is None else (direction,):
            self._modes[one] = mode
        if self._refuses and not refused:
            self._stop_listening()
            self.cut()
        elif refused and not self._refuses:
            self._listener = _listen(self._port)
            self._start_listening()
        # What a swallowed piece belonged to makes no sense without it.
        self.cut(only_swallowed=True)
        self._changed.set()
        self._changed = asyncio.Event()

    def cut(self, *, only_swallowed: bool = False) -> None:
        """Cut the connections there are; new ones are taken as the mode has it."""
        for link in list(self._links):
            if link.swallowed or not only_swallowed:
                link.cut()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Proxy"]:
        """Serve for as long as the block lasts."""
        self._start_listening()
        try:
            yield self
        finally:
            if not self._refuses:
                self._stop_listening()
            self.cut()
            tasks = [*self._accepting, *(task for link in self._links for task in link.tasks)]
            for task in tasks:
                task.cancel()
            if tasks:
                await asyncio.wait(tasks)

    @property
    def _refuses(self) -> bool:
        return Mode.REFUSE in self._modes.values()

    def _start_listening(self) -> None:
        asyncio.get_running_loop().add_reader(self._listener, self._accept)

    def _stop_listening(self) -> None:
        asyncio.get_running_loop().remove_reader(self._listener)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(BlockingIOError, InterruptedError):
            connection, _ = self._listener.accept()
            task = asyncio.create_task(self._serve(connection))
            self._accepting.add(task)
            task.add_done_callback(self._accepting.discard)

    async def _serve(self, connection: socket.socket) -> None:
        """Both directions of one connection, until one of its sides closes it."""
        self.accepted += 1
        from_client, to_client = await asyncio.open_connection(sock=connection)
        link = _Link(to_client)
        self._links.add(link)
        try:
            # Not even the handshake gets through: the store hears nothing of a connection into the black hole.
            if self._modes[Direction.TO_STORE] is Mode.BLACK_HOLE:
                link.swallowed = True
                while await from_client.read(_CHUNK):
                    pass
                return
            with suppress(OSError):
                from_store, link.store = await asyncio.open_connection(self._url.hostname, self._url.port)
                link.tasks = [
                    asyncio.create_task(self._pump(link, from_client, link.store, Direction.TO_STORE)),
                    asyncio.create_task(self._pump(link, from_store, to_client, Direction.TO_CLIENT)),
                ]
                await asyncio.wait(link.tasks)
        except OSError:
            pass
        finally:
            self._links.discard(link)
            link.cut()

    async def _pump(
        self, link: _Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: Direction
    ) -> None:
        with suppress(OSError):
            while piece := await reader.read(_CHUNK):
                if not await self._passes(link, direction):
                    continue
                writer.write(piece)
                await writer.drain()
                if direction is Direction.TO_CLIENT and self._modes[direction] is Mode.CUT_AFTER_ANSWER:
                    break
            if self._modes[direction] is Mode.BLACK_HOLE:
                # Its end is not told either: the other side waits for something that will not come.
                link.swallowed = True
                return
            # What was written is sent before the end is.
            writer.close()
            await writer.wait_closed()
        link.cut()

    async def _passes(self, link: _Link, direction: Direction) -> bool:
        """Whether a piece is passed on; returns when it is its time."""
        while self._modes[direction] is Mode.STALL:
            await self._changed.wait()
        match self._modes[direction]:
            case Mode.DELAY:
                await asyncio.sleep(self.delay_seconds)
            case Mode.BLACK_HOLE:
                link.swallowed = True
                return False
            case Mode.CUT_BEFORE_ANSWER if direction is Direction.TO_CLIENT:
                link.cut()
                return False
            case _:
                pass
        return True


def _listen(port: int) -> socket.socket:
    listener = socket.create_server(("127.0.0.1", port), backlog=1024)
    listener.setblocking(False)  # noqa: FBT003 - the library's
    return listener
