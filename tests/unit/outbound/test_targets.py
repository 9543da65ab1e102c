import pytest

from outbound.targets import Target, read_target


def test_url_is_read_into_its_parts() -> None:
    target = read_target("https://Hooks.Example.com/in?token=a%20b")

    assert target == Target(is_secure=True, host="hooks.example.com", port=443, path="/in?token=a%20b")
    assert target.authority == "hooks.example.com"


@pytest.mark.parametrize(
    ("url", "authority", "path"),
    [
        ("http://example.com", "example.com", "/"),
        ("http://example.com:8080/", "example.com:8080", "/"),
        ("https://example.com./x", "example.com", "/x"),
        ("https://[2606:4700:4700::1111]/x", "[2606:4700:4700::1111]", "/x"),
        ("https://[2606:4700:4700::1111]:8443", "[2606:4700:4700::1111]:8443", "/"),
        ("https://bücher.example/?q=1", "xn--bcher-kva.example", "/?q=1"),
        ("http://2130706433/", "2130706433", "/"),
    ],
)
def test_authority_and_path_are_those_of_the_request(url: str, authority: str, path: str) -> None:
    target = read_target(url)

    assert (target.authority, target.path) == (authority, path)


@pytest.mark.parametrize(
    "url",
    [
        "", "example.com", "ftp://example.com", "file:///etc/passwd", "https://", "https:///x",
        "https://user:password@example.com/", "https://example.com@127.0.0.1/", "https://example.com/#x",
        "https://example.com\\@127.0.0.1/", "https://exa mple.com/", "https://example.com/a b",
        "https://example.com/\r\nHost: x", "https://exam\nple.com/", "https://example.com:22/", "https://example.com:0/",
        "https://example.com:25/", "https://example.com:70000/", "https://example.com:x/", "https://exa_mple..com/",
        "https://[::1", "https://example.com/ü", "https://[fe80::1%25eth0]/", f"https://example.com/{'x' * 2048}",
        "https://-/\u200b",
    ],
)  # fmt: skip
def test_url_that_is_no_target_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"^(must|is)"):
        read_target(url)


@pytest.mark.parametrize("port", ["22", "0", "70000", "x"])
def test_wrong_port_is_named(port: str) -> None:
    with pytest.raises(ValueError, match="must have the port 443, 80, or one from 1024 to 65535"):
        read_target(f"https://example.com:{port}/")
