"""Visitors, told apart by the network addresses that their requests come from."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, NamedTuple, TypeAlias

import structlog
from starlette.types import Scope

from holds.model import Visitor

_log = structlog.get_logger(__name__)

_Address: TypeAlias = IPv4Address | IPv6Address
_Network: TypeAlias = IPv4Network | IPv6Network

# Where an address of these is not declared as a proxy, it most likely is one all the same.
_NOT_PUBLIC: Final[Sequence[_Network]] = tuple(
    map(
        ip_network,
        (
            "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10",
            "::1/128", "fc00::/7", "fe80::/10",
        ),
    )
)  # fmt: skip
# One customer of a provider has at least so much of IPv6.
_PREFIX_BYTES: Final = 8
# Bits of an address that the audit log keeps: enough to tell an office from elsewhere, too little to tell a person.
_NETWORK_BITS: Final = {4: 24, 6: 48}
# Longer than any address is spelled.
_MOST_CHARACTERS: Final = 64
# Addresses that a process remembers the meaning of: some hundred kB.
_MOST_REMEMBERED: Final = 4096
_UNKNOWN: Final = Visitor(address=None)


class _Judged(NamedTuple):
    """The address that a text names."""

    visitor: Visitor
    """Without an address where it is none, or most likely a proxy's."""
    is_trusted: bool
    told: str
    """The part of it for a log line: the address of a proxy, not that of a visitor."""
    network: str | None = None
    """The network that it is in, for the audit log."""


_NO_ADDRESS: Final = _Judged(_UNKNOWN, is_trusted=False, told="unknown")


class VisitorAddresses:
    """Finds the address of a request's visitor, behind the proxies that are trusted."""

    def __init__(self, trusted: Sequence[_Network]) -> None:
        self._trusted = trusted
        self._judge = lru_cache(_MOST_REMEMBERED)(self._judge_anew)
        self._has_warned_of_peer = False
        self._has_warned_of_header = False

    def visitor(self, scope: Scope) -> Visitor:
        """The visitor; without an address where that is unknown, or most likely a proxy's."""
        return self._sender(scope).visitor

    def network(self, scope: Scope) -> str | None:
        """The network of the sender, such as 192.0.2.0/24 or 2001:db8::/48; None where that is unknown."""
        return self._sender(scope).network

    def sender(self, scope: Scope) -> str:
        """A name for where the request comes from: its address, of IPv6 the /64, or the proxy that does not say."""
        judged = self._sender(scope)
        return judged.told if judged.visitor.address is None else judged.visitor.address.hex()

    def _sender(self, scope: Scope) -> _Judged:
        if not scope.get("client"):
            return _NO_ADDRESS
        peer = self._judge(scope["client"][0])
        forwarded = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
        if peer.is_trusted:
            return self._forwarded_for(forwarded)
        if forwarded and not self._has_warned_of_peer:
            self._has_warned_of_peer = True
            _log.warning("proxy.not_trusted", peer=peer.told, setting="HOLDFAST_TRUSTED_PROXIES")
        return peer

    def _forwarded_for(self, lines: Sequence[bytes]) -> _Judged:
        """The right-most address that is not trusted; none where there is none, or what is no address comes first."""
        for line in reversed(lines or [b""]):
            for entry in reversed(line.decode("latin-1").split(",")):
                text = entry.strip()
                judged = self._judge(text) if len(text) <= _MOST_CHARACTERS else _NO_ADDRESS
                if judged is _NO_ADDRESS:
                    self._warn_of_header()
                if not judged.is_trusted:
                    return judged
        return _NO_ADDRESS

    def _warn_of_header(self) -> None:
        if not self._has_warned_of_header:
            self._has_warned_of_header = True
            # What it says may be personal, an address with its port for example: it is not told.
            _log.warning("proxy.visitor_unknown", header="X-Forwarded-For")

    def _judge_anew(self, text: str) -> _Judged:
        address = _parsed(text)
        if address is None:
            return _NO_ADDRESS
        is_trusted = _is_in(address, self._trusted)
        if _is_in(address, _NOT_PUBLIC):
            return _Judged(_UNKNOWN, is_trusted, told=str(address), network=_network_of(address))
        visitor = Visitor(address=address.packed[:_PREFIX_BYTES])
        return _Judged(visitor, is_trusted, told="public", network=_network_of(address))


def _parsed(text: str) -> _Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _network_of(address: _Address) -> str:
    return str(ip_network((address, _NETWORK_BITS[address.version]), strict=False))


def _is_in(address: _Address, networks: Iterable[_Network]) -> bool:
    return any(address in network for network in networks)
