"""Guarded client for requests to addresses that customers chose."""

import asyncio
import socket
import ssl
import time
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Final

from kernel.errors import DomainError
from outbound.addresses import Address, Network, canonical, denial
from outbound.connection import MAX_ANSWER_BYTES, NoAnswer, OutboundAnswer, OutboundConnection
from outbound.resolver import Resolve, SystemResolver
from outbound.targets import Target

ALLOW_SETTING: Final = "HOLDFAST_OUTBOUND_ALLOW"
"""The setting that lets requests reach further networks."""
TOTAL_SECONDS: Final = 15.0
"""Limit of a request, from the look-up to the last byte of the answer."""
# A host whose first addresses do not answer is given up: a list of hundreds is no reason to try for long.
_MOST_ADDRESSES: Final = 4
_CONNECT_SECONDS: Final = 5.0
# A connection is used again for so long; after that its host is looked up, and checked, anew.
_IDLE_SECONDS: Final = 15.0
_MOST_IDLE: Final = 256
_UNREACHABLE: Final = "The host refuses the connection, or cannot be reached."
LIFE_SECONDS: Final = 300.0
"""However busy a connection is, for so long it is used: then a host that has moved is found at its new address."""
_NOT_ALLOWED: Final = (
    "The address of this host is {kind}. Requests go to public addresses, and to networks that the operator lists in "
    f"{ALLOW_SETTING}."
)


class TargetNotAllowed(DomainError):
    """The host has an address that outbound requests may not reach."""

    code = "target_not_allowed"

    def __init__(self, kind: str) -> None:
        super().__init__(_NOT_ALLOWED.format(kind=kind), setting=ALLOW_SETTING)


class OutboundFault(StrEnum):
    """The reason why a request got no answer."""

    UNKNOWN_HOST = "unknown_host"
    NO_CONNECTION = "no_connection"
    TLS = "tls"
    TIMEOUT = "timeout"
    NO_ANSWER = "no_answer"


class OutboundFailed(Exception):
    """A request got no answer, or none that is HTTP."""

    def __init__(self, fault: OutboundFault, detail: str) -> None:
        super().__init__(detail)
        self.fault = fault


class OutboundClient:
    """Sends requests over HTTP/1.1 to hosts that others have named.

    A host is looked up once for a connection. All of its addresses are judged, and the connection goes to one of those
    that were judged, under the name of the host: a name that changes its addresses meanwhile gains nothing. Redirects
    are not followed, proxies of the environment are not used, and cookies are not kept.
    """

    def __init__(
        self,
        allowed: Iterable[Network] = (),
        *,
        resolve: Resolve | None = None,
        tls: ssl.SSLContext | None = None,
        total_seconds: float = TOTAL_SECONDS,
    ) -> None:
        """`allowed`: networks that requests may reach besides public addresses."""
        self._allowed = tuple(allowed)
        self._system = SystemResolver()
        self._resolve = resolve or self._system
        self._given_tls = tls
        self._total_seconds = total_seconds
        self._idle: dict[_Origin, list[tuple[float, OutboundConnection]]] = {}

    async def aclose(self) -> None:
        """Close all connections."""
        for _, connection in (one for kept in self._idle.values() for one in kept):
            connection.close()
        self._idle.clear()
        self._system.close()

    async def check(self, target: Target) -> None:
        """Look the host up, and judge its addresses now. Raises TargetNotAllowed, OutboundFailed."""
        try:
            async with asyncio.timeout(self._total_seconds):
                await self._addresses(target.host)
        except TimeoutError:
            raise self._too_late() from None

    async def open_socket(self, host: str, port: int) -> socket.socket:
        """Connect to a port of the host at one of its addresses, for a protocol of the caller's own.

        Raises TargetNotAllowed, OutboundFailed.
        """
        try:
            async with asyncio.timeout(self._total_seconds):
                addresses = await self._addresses(host)
        except TimeoutError:
            raise self._too_late() from None
        for address in addresses[:_MOST_ADDRESSES]:
            opened = await _connected(str(address), port)
            if opened is not None:
                return opened
        raise OutboundFailed(OutboundFault.NO_CONNECTION, _UNREACHABLE)

    async def send(
        self,
        method: str,
        target: Target,
        *,
        headers: Mapping[str, str],
        body: bytes = b"",
        most_bytes: int = MAX_ANSWER_BYTES,
    ) -> OutboundAnswer:
        """Send a request and read its answer, of whose body `most_bytes`. Raises TargetNotAllowed, OutboundFailed."""
        request = _rendered(method, target, headers, body)
        origin = target.scheme, target.host, target.port
        try:
            async with asyncio.timeout(self._total_seconds):
                kept = self._take(origin)
                if kept is not None:
                    try:
                        return await self._exchange(origin, kept, request, most_bytes)
                    except NoAnswer as failure:
                        # It may just have been closed for idleness, without having read anything.
                        if failure.had_begun:
                            raise
                return await self._exchange(origin, await self._connect(target), request, most_bytes)
        except TimeoutError:
            raise self._too_late() from None
        except NoAnswer:
            detail = "The connection ended before there was an answer in HTTP/1.1."
            raise OutboundFailed(OutboundFault.NO_ANSWER, detail) from None

    async def _exchange(
        self, origin: "_Origin", connection: OutboundConnection, request: bytes, most_bytes: int
    ) -> OutboundAnswer:
        try:
            answer = await connection.exchange(request, most_bytes=most_bytes)
        except BaseException:
            connection.close()
            raise
        if connection.is_open:
            self._keep(origin, connection)
        return answer

    async def _connect(self, target: Target) -> OutboundConnection:
        """Connect to the first address of the host that accepts."""
        failure: OutboundFailed | None = None
        for address in (await self._addresses(target.host))[:_MOST_ADDRESSES]:
            try:
                return await self._connect_to(address, target)
            except OutboundFailed as error:
                failure = error
        assert failure is not None, "a host has an address"
        raise failure

    async def _connect_to(self, address: Address, target: Target) -> OutboundConnection:
        tls = self._tls() if target.is_secure else None
        connection = OutboundConnection()
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                await asyncio.get_running_loop().create_connection(
                    lambda: connection,
                    str(address),
                    target.port,
                    ssl=tls,
                    server_hostname=target.host if tls is not None else None,
                )
        except TimeoutError:
            detail = f"There was no connection within {_CONNECT_SECONDS:g} seconds."
            raise OutboundFailed(OutboundFault.TIMEOUT, detail) from None
        except ssl.SSLError as error:
            raise OutboundFailed(OutboundFault.TLS, f"The TLS connection failed: {_tls_reason(error)}.") from None
        except OSError:
            raise OutboundFailed(OutboundFault.NO_CONNECTION, _UNREACHABLE) from None
        return connection

    async def _addresses(self, host: str) -> Sequence[Address]:
        """Look the host up. Raises TargetNotAllowed if any of its addresses is denied, and OutboundFailed."""
        try:
            addresses = [canonical(text) for text in await self._resolve(host)]
        except TimeoutError:
            raise
        except OSError:
            addresses = []
        if not addresses:
            raise OutboundFailed(OutboundFault.UNKNOWN_HOST, f"The host {host} has no address.")
        for address in addresses:
            kind = denial(address, self._allowed)
            if kind is not None:
                raise TargetNotAllowed(kind)
        return addresses

    def _take(self, origin: "_Origin") -> OutboundConnection | None:
        """A connection that was used not long ago, the latest first."""
        kept = self._idle.get(origin, [])
        while kept:
            since, connection = kept.pop()
            now = time.monotonic()
            if connection.is_open and now - since < _IDLE_SECONDS and now - connection.opened_at < LIFE_SECONDS:
                return connection
            connection.close()
        self._idle.pop(origin, None)
        return None

    def _keep(self, origin: "_Origin", connection: OutboundConnection) -> None:
        now = time.monotonic()
        self._idle.setdefault(origin, []).append((now, connection))
        if sum(map(len, self._idle.values())) > _MOST_IDLE:
            self._drop_idle(now)

    def _drop_idle(self, now: float) -> None:
        """Close what is idle for too long; if nothing is, what is longest."""
        oldest = min((kept[0][0] for kept in self._idle.values() if kept), default=now)
        until = max(now - _IDLE_SECONDS, oldest)
        for origin, kept in list(self._idle.items()):
            for _, connection in (one for one in kept if one[0] <= until):
                connection.close()
            self._idle[origin] = [one for one in kept if one[0] > until]
            if not self._idle[origin]:
                del self._idle[origin]

    def _tls(self) -> ssl.SSLContext:
        # To read the system's certificates takes some hundredths of a second, which most processes need not spend.
        self._given_tls = self._given_tls or ssl.create_default_context()
        return self._given_tls

    def _too_late(self) -> OutboundFailed:
        detail = f"There was no complete answer within {self._total_seconds:g} seconds."
        return OutboundFailed(OutboundFault.TIMEOUT, detail)


async def _connected(address: str, port: int) -> socket.socket | None:
    """A connection to an address that was judged; None: there is none in time."""
    opened = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    opened.setblocking(False)  # noqa: FBT003 - the parameter has no name
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            await asyncio.get_running_loop().sock_connect(opened, (address, port))
    except OSError:
        opened.close()
        return None
    except BaseException:
        opened.close()
        raise
    return opened


_Origin = tuple[str, str, int]
"""Scheme, host and port."""


def _rendered(method: str, target: Target, headers: Mapping[str, str], body: bytes) -> bytes:
    lines = {"Host": target.authority, "Content-Length": str(len(body)), **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"{method} {target.path} HTTP/1.1\r\n{head}\r\n".encode("ascii") + body


def _tls_reason(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message.rstrip(".")
    return "the host speaks no TLS that is in use"
