"""Look-ups of host names that hold up nothing else, however long they take."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeAlias

Resolve: TypeAlias = Callable[[str], Awaitable[Sequence[str]]]
"""Finds the addresses of a host, as text. Raises OSError."""
# The system's resolver gives up on a silent name server after ten seconds or more, and cannot be told to before. Its
# threads are not those of the event loop, which the stores need.
_THREADS: Final = 32


class SystemResolver:
    """The resolver of the machine, asked once for a host while an answer is awaited."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="resolver")
        self._running: dict[str, asyncio.Future[Sequence[str]]] = {}

    async def __call__(self, host: str) -> Sequence[str]:
        """Find the addresses of a host, in the order in which the system would try them. Raises OSError."""
        lookup = self._running.get(host)
        if lookup is None:
            lookup = asyncio.get_running_loop().run_in_executor(self._threads, _addresses, host)
            self._running[host] = lookup
            lookup.add_done_callback(lambda done: self._forget(host, done))
        # Another request may wait for the same answer.
        return await asyncio.shield(lookup)

    def close(self) -> None:
        """Begin no more look-ups, and wait for none."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _forget(self, host: str, lookup: "asyncio.Future[Sequence[str]]") -> None:
        del self._running[host]
        # Whoever asked may have given up before: then nobody else looks at what went wrong.
        if not lookup.cancelled():
            lookup.exception()


def _addresses(host: str) -> Sequence[str]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise socket.gaierror(str(error)) from error
    return list(dict.fromkeys(str(address[0]) for *_, address in found))
