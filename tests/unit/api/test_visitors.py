"""The origin of a visitor's request."""

from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from starlette.types import Scope
from structlog.testing import capture_logs

from api.visitors import VisitorAddresses

_TRUSTED = (ip_network("127.0.0.1"), ip_network("10.0.0.0/8"), ip_network("2001:db8:ffff::/48"))


def _scope(peer: str | None, *forwarded: str) -> Scope:
    return {
        "type": "http",
        "client": None if peer is None else (peer, 50_000),
        "headers": [(b"x-forwarded-for", line.encode("latin-1")) for line in forwarded],
    }


def _key(address: str) -> bytes:
    return IPv6Address(address).packed[:8] if ":" in address else IPv4Address(address).packed


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        pytest.param("203.0.113.9", [], "203.0.113.9", id="directly"),
        pytest.param("203.0.113.9", ["198.51.100.1"], "203.0.113.9", id="directly, and invents another"),
        pytest.param("127.0.0.1", ["203.0.113.9"], "203.0.113.9", id="by a proxy"),
        pytest.param("127.0.0.1", ["198.51.100.1, 203.0.113.9"], "203.0.113.9", id="by a proxy, and invents another"),
        pytest.param("127.0.0.1", ["198.51.100.1", "203.0.113.9"], "203.0.113.9", id="in two headers"),
        pytest.param("127.0.0.1", ["203.0.113.9, 10.1.2.3"], "203.0.113.9", id="by two proxies"),
        pytest.param("127.0.0.1", ["junk, 203.0.113.9,10.1.2.3"], "203.0.113.9", id="invents what is no address"),
        pytest.param("::ffff:127.0.0.1", ["::ffff:203.0.113.9"], "203.0.113.9", id="mapped to IPv6"),
        pytest.param("2001:db8:ffff::1", ["2001:db8:1:2:3::4"], "2001:db8:1:2::", id="by IPv6"),
        pytest.param("127.0.0.1", [" 203.0.113.9 "], "203.0.113.9", id="with blanks"),
    ],
)
def test_address_is_the_right_most_one_that_is_not_trusted(peer: str, forwarded: list[str], address: str) -> None:
    visitor = VisitorAddresses(_TRUSTED).visitor(_scope(peer, *forwarded))

    assert visitor.address == _key(address)


@pytest.mark.parametrize(
    ("peer", "forwarded"),
    [
        pytest.param(None, ["203.0.113.9"], id="no peer"),
        pytest.param("127.0.0.1", [], id="a proxy that tells nothing"),
        pytest.param("127.0.0.1", ["10.1.2.3"], id="proxies only"),
        pytest.param("127.0.0.1", ["203.0.113.9, unknown"], id="no address"),
        pytest.param("127.0.0.1", ["203.0.113.9:4711"], id="an address with a port"),
        pytest.param("127.0.0.1", ["203.0.113.009"], id="zeros in front"),
        pytest.param("127.0.0.1", ["203.0.113.9,"], id="an empty entry"),
        pytest.param("127.0.0.1", ["203.0.113.9, 192.168.1.1"], id="another proxy that is not named"),
        pytest.param("192.168.1.1", ["203.0.113.9"], id="a proxy that is not named"),
        pytest.param("127.0.0.2", [], id="this machine"),
        pytest.param("::1", [], id="this machine, by IPv6"),
        pytest.param("fe80::1%eth0", [], id="a neighbour"),
        pytest.param("fd00::1", [], id="a private network of IPv6"),
        pytest.param("100.64.0.1", [], id="a network of a provider's"),
    ],
)
def test_address_is_unknown_where_it_may_be_a_proxys(peer: str | None, forwarded: list[str]) -> None:
    assert VisitorAddresses(_TRUSTED).visitor(_scope(peer, *forwarded)).address is None


@pytest.mark.parametrize(("peer", "told"), [("192.168.1.1", "192.168.1.1"), ("203.0.113.9", "public")])
def test_proxy_that_is_not_trusted_is_told_once_without_the_address_of_a_visitor(peer: str, told: str) -> None:
    addresses = VisitorAddresses(_TRUSTED)

    with capture_logs() as lines:
        for _ in range(3):
            addresses.visitor(_scope(peer, "198.51.100.1"))

    assert [(line["event"], line["peer"]) for line in lines] == [("proxy.not_trusted", told)]


@pytest.mark.parametrize("forwarded", [[], ["203.0.113.9:4711"]])
def test_trusted_proxy_that_does_not_tell_the_visitor_is_told_once(forwarded: list[str]) -> None:
    addresses = VisitorAddresses(_TRUSTED)

    with capture_logs() as lines:
        for _ in range(3):
            addresses.visitor(_scope("127.0.0.1", *forwarded))

    assert lines == [{"event": "proxy.visitor_unknown", "header": "X-Forwarded-For", "log_level": "warning"}]


def test_trusted_proxy_is_no_reason_for_a_warning() -> None:
    with capture_logs() as lines:
        VisitorAddresses(_TRUSTED).visitor(_scope("127.0.0.1", "198.51.100.1"))

    assert lines == []
