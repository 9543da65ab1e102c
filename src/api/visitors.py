"""Visitors, told apart by the network addresses that their requests come from."""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, TypeAlias

import structlog
from starlette.datastructures import Headers
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


class VisitorAddresses:
    """Finds the address of a request's visitor, behind the proxies that are trusted."""

    def __init__(self, trusted: Sequence[_Network]) -> None:
        self._trusted = trusted
        self._has_warned = False

    def visitor(self, scope: Scope) -> Visitor:
        """The visitor; without an address where that is unknown, or most likely a proxy's."""
        peer = _parsed(scope["client"][0]) if scope.get("client") else None
        if peer is None:
            return Visitor(address=None)
        address: _Address | None = peer
        if _is_in(peer, self._trusted):
            address = self._forwarded_for(scope)
        elif not self._has_warned and "x-forwarded-for" in Headers(scope=scope):
            self._has_warned = True
            # The address of a proxy may be told, not that of a visitor.
            told = str(peer) if _is_in(peer, _NOT_PUBLIC) else "public"
            _log.warning("proxy.not_trusted", peer=told, setting="HOLDFAST_TRUSTED_PROXIES")
        if address is None or _is_in(address, _NOT_PUBLIC):
            return Visitor(address=None)
        return Visitor(address=address.packed[:_PREFIX_BYTES])

    def _forwarded_for(self, scope: Scope) -> _Address | None:
        """The right-most address that is not trusted; None where there is none, or what is no address comes first."""
        entries = ",".join(Headers(scope=scope).getlist("x-forwarded-for")).split(",")
        for entry in reversed(entries):
            address = _parsed(entry.strip())
            if address is None or not _is_in(address, self._trusted):
                return address
        return None


def _parsed(text: str) -> _Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _is_in(address: _Address, networks: Iterable[_Network]) -> bool:
    return any(address in network for network in networks)
