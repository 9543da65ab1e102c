from ipaddress import ip_network

import pytest

from outbound.addresses import DENIED, canonical, denial


@pytest.mark.parametrize(
    "address",
    [
        "0.1.2.3", "10.1.2.3", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.0.1", "169.254.169.254",
        "172.16.0.1", "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1",
        "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1",
        "255.255.255.255",
        "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:0:127.0.0.1",
        "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "100::1", "2001::1", "2001:10::1", "2001:20::1",
        "2001:db8::1", "2002:7f00:1::1", "3fff::1", "4000::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1",
        "fe80::1%eth0", "fec0::1", "ff02::1",
    ],
)  # fmt: skip
def test_address_is_denied(address: str) -> None:
    assert denial(canonical(address), ()) is not None


@pytest.mark.parametrize(
    "address",
    [
        "1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
        "172.15.255.255", "172.32.0.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0",
        "223.255.255.255", "::ffff:8.8.8.8", "2606:4700:4700::1111", "2a00:1450:4001::1", "2001:4860:4860::8888",
    ],
)  # fmt: skip
def test_public_address_may_be_reached(address: str) -> None:
    assert denial(canonical(address), ()) is None


def test_allowed_network_may_be_reached_in_either_form_and_its_neighbours_not() -> None:
    allowed = [ip_network("127.0.0.0/8"), ip_network("fd00::/8")]

    assert denial(canonical("127.0.0.1"), allowed) is None
    assert denial(canonical("::ffff:127.0.0.1"), allowed) is None
    assert denial(canonical("fd00::1"), allowed) is None
    assert denial(canonical("::1"), allowed) == "loopback"
    assert denial(canonical("10.0.0.1"), allowed) == "private"


def test_kinds_are_words() -> None:
    assert all(kind == kind.strip() and kind for _, kind in DENIED)


@pytest.mark.parametrize("text", ["example.com", "127.1", "0x7f000001", "1.2.3.4.5"])
def test_text_that_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="does not appear"):
        canonical(text)
