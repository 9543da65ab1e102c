"""Connections to mail servers, kept for the next mail."""

import asyncio
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, TypeAlias

import aiosmtplib

from messages.channels.smtp_server import SmtpServer, Tls

STEP_SECONDS: Final = 10.0
"""Limit of each step of a conversation with a server."""
IDLE_SECONDS: Final = 20.0
"""A connection waits for the next mail for so long: less than any server's patience."""
LIFE_SECONDS: Final = 300.0
"""However busy a connection is, for so long it is used: then a server that has moved is found at its new address."""
MOST_MAILS: Final = 50
"""Mails of one connection; many servers end it after a hundred."""
MOST_IDLE: Final = 64
"""Connections of a process that wait; beyond it, the one that waits longest is closed."""
_START_TLS: Final = {Tls.STARTTLS: True, Tls.AS_OFFERED: None, Tls.NONE: False, Tls.FROM_START: False}

OpenSocket: TypeAlias = Callable[[str, int], Awaitable[socket.socket]]
"""Connects to a port of a host whose addresses were judged."""


@dataclass(slots=True, eq=False)
class _Connection:
    """A conversation with a server that has greeted, and has taken the login."""

    client: aiosmtplib.SMTP
    opened_at: float
    mails: int = 0
    closing: asyncio.TimerHandle | None = None


class SmtpConnections:
    """Connections of a process and its event loop. Each is used for one mail at a time."""

    def __init__(
        self,
        open_socket: OpenSocket | None = None,
        *,
        tls: ssl.SSLContext | None = None,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        """`open_socket`: connects to hosts that others have named; None: every host may be reached."""
        self._open_socket = open_socket
        self._tls = tls
        self._idle_seconds = idle_seconds
        self._idle: dict[SmtpServer, list[_Connection]] = {}

    @asynccontextmanager
    async def lease(self, server: SmtpServer) -> AsyncIterator[aiosmtplib.SMTP]:
        """A connection for one mail, which waits for the next one if the block ends well, or the server says no.

        One that waited is asked whether it is still there, and replaced if not: a mail is never handed over twice.
        """
        connection = await self._take(server) or await self._open(server)
        try:
            yield connection.client
        except (aiosmtplib.SMTPResponseException, aiosmtplib.SMTPRecipientsRefused):
            self._keep(server, connection)
            raise
        except BaseException:
            # Without a word of parting, for which a server that hangs would be waited for once more.
            connection.client.close()
            raise
        self._keep(server, connection)

    @property
    def idle(self) -> int:
        """The number of connections that wait."""
        return sum(map(len, self._idle.values()))

    def close(self) -> None:
        """Close all that wait."""
        for server in list(self._idle):
            for connection in list(self._idle[server]):
                self._drop(server, connection)

    async def _take(self, server: SmtpServer) -> _Connection | None:
        """A connection that waits and still answers, the latest first."""
        while kept := self._idle.get(server):
            connection = kept[-1]
            self._forget(server, connection)
            try:
                await connection.client.rset()
            except (aiosmtplib.SMTPException, OSError):
                connection.client.close()
            except BaseException:
                connection.client.close()
                raise
            else:
                return connection
        return None

    async def _open(self, server: SmtpServer) -> _Connection:
        opened = None if self._open_socket is None else await self._open_socket(server.host, server.port)
        try:
            client = aiosmtplib.SMTP(
                hostname=server.host,
                port=server.port if opened is None else None,
                sock=opened,
                username=server.user,
                password=server.password,
                use_tls=server.tls is Tls.FROM_START,
                start_tls=False if server.is_local else _START_TLS[server.tls],
                tls_context=self._tls,
                timeout=STEP_SECONDS,
            )
        except BaseException:
            if opened is not None:
                opened.close()
            raise
        try:
            await client.connect()
        except BaseException:
            client.close()
            raise
        return _Connection(client, time.monotonic())

    def _keep(self, server: SmtpServer, connection: _Connection) -> None:
        connection.mails += 1
        is_old = time.monotonic() - connection.opened_at >= LIFE_SECONDS
        if is_old or connection.mails >= MOST_MAILS or not connection.client.is_connected:
            connection.client.close()
            return
        loop = asyncio.get_running_loop()
        connection.closing = loop.call_later(self._idle_seconds, self._drop, server, connection)
        self._idle.setdefault(server, []).append(connection)
        if self.idle > MOST_IDLE:
            oldest, waiting = min(self._idle.items(), key=lambda one: _closes_at(one[1][0]))
            self._drop(oldest, waiting[0])

    def _drop(self, server: SmtpServer, connection: _Connection) -> None:
        self._forget(server, connection)
        connection.client.close()

    def _forget(self, server: SmtpServer, connection: _Connection) -> None:
        """Take it from those that wait."""
        if connection.closing is not None:
            connection.closing.cancel()
            connection.closing = None
        waiting = self._idle[server]
        waiting.remove(connection)
        if not waiting:
            del self._idle[server]


def _closes_at(connection: _Connection) -> float:
    assert connection.closing is not None, "it waits"
    return connection.closing.when()
