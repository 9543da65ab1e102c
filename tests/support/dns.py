"""A name server whose answers a test decides, and a resolver that asks it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

import dns.asyncresolver
import dns.exception
import dns.message
import dns.rdatatype
import dns.rrset

Answers = Callable[[str, int], Sequence[str]]
"""The addresses of a name at the question with this number, counted from 1 for each name."""


@dataclass(eq=False)
class NameServer:
    """A server of A records over UDP, on the loopback interface."""

    answers: Answers
    asked: dict[str, int] = field(default_factory=dict)
    """How often each name was asked for."""
    port: int = 0

    async def resolve(self, host: str) -> Sequence[str]:
        """Ask the server for the addresses of a host, with no memory of earlier answers."""
        resolver = dns.asyncresolver.Resolver(configure=False)
        resolver.nameservers, resolver.port = ["127.0.0.1"], self.port
        try:
            found = await resolver.resolve(host, "A", search=False)
        except dns.exception.DNSException as error:
            raise OSError(str(error)) from error
        return [record.to_text() for record in found]


class _Protocol(asyncio.DatagramProtocol):
    def __init__(self, server: NameServer) -> None:
        self._server = server
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # The transport of the standard library is none by its class.
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, sender: tuple[str | None, int]) -> None:
        query = dns.message.from_wire(data)
        name = query.question[0].name.to_text().removesuffix(".")
        number = self._server.asked[name] = self._server.asked.get(name, 0) + 1
        response = dns.message.make_response(query)
        # Nobody may keep it: the next question is to get the next answer.
        addresses = self._server.answers(name, number)
        if addresses:
            response.answer = [dns.rrset.from_text_list(query.question[0].name, 0, "IN", "A", list(addresses))]
        assert self._transport is not None
        self._transport.sendto(response.to_wire(), sender)


@asynccontextmanager
async def running_name_server(answers: Answers) -> AsyncIterator[NameServer]:
    """Serve while the block runs."""
    server = NameServer(answers)
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: _Protocol(server), local_addr=("127.0.0.1", 0)
    )
    server.port = transport.get_extra_info("sockname")[1]
    try:
        yield server
    finally:
        transport.close()
