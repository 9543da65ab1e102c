"""The network between engine and stores: proxies in a process of their own, told by its input what to do."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import uvloop

from loadtests.faults.engine import clean_environment
from tests.support.proxy import Mode, Proxy

_ROOM: Final = 1 << 20
"""For one line, which lists all proxies once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """The running proxies, as whoever inflicts faults sees them."""

    process: asyncio.subprocess.Process
    urls: Mapping[str, str]
    """Where each proxy listens, with credentials, by name."""
    _turn: asyncio.Lock

    async def set_mode(self, names: Iterable[str], mode: Mode, *, delay_seconds: float = 0.0) -> None:
        """Change the modes of proxies; returns when it is done."""
        await self._tell({"names": list(names), "mode": mode.value, "delay_seconds": delay_seconds})

    async def _tell(self, order: Mapping[str, object]) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        async with self._turn:
            self.process.stdin.write(json.dumps(order).encode() + b"\n")
            await self.process.stdout.readline()


@asynccontextmanager
async def running_network(stores: Mapping[str, str]) -> AsyncIterator[Network]:
    """A proxy in front of each of the URLs, by name, for as long as the block lasts."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "loadtests.faults.network",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=clean_environment(),
        limit=_ROOM,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(json.dumps(stores).encode() + b"\n")
        urls = json.loads(await process.stdout.readline())
        yield Network(process=process, urls=urls, _turn=asyncio.Lock())
    finally:
        # The end of its input is its end.
        process.stdin.close()
        await process.wait()


async def _serve() -> None:
    orders = asyncio.StreamReader(limit=_ROOM)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    stores: dict[str, str] = json.loads(await orders.readline())
    async with AsyncExitStack() as stack:
        proxies = {name: await stack.enter_async_context(Proxy(url).running()) for name, url in stores.items()}
        _say({name: proxy.url for name, proxy in proxies.items()})
        while line := await orders.readline():
            order = json.loads(line)
            for name in order["names"]:
                proxies[name].delay_seconds = order["delay_seconds"]
                proxies[name].mode = Mode(order["mode"])
            _say({})


def _say(said: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    uvloop.run(_serve())
