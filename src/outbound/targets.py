"""Targets of outbound requests, read from the URLs that customers enter."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import SplitResult, urlsplit

MAX_URL_CHARACTERS: Final = 2048
"""Room for a token in the query."""
_DEFAULT_PORTS: Final = {"https": 443, "http": 80}
# Below this, other services listen that must not be spoken to: mail servers, shells.
_FIRST_FREE_PORT: Final = 1024
_MALFORMED: Final = "is not a URL; write blanks and letters beyond ASCII in its path as %XX"
_WRONG_PORT: Final = "must have the port 443, 80, or one from 1024 to 65535"
_VISIBLE: Final = re.compile(r"[!-~]+")
_HOST: Final = re.compile(r"(?=.{1,253}$)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*|[0-9a-f:.]*:[0-9a-f:.]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A URL in its parts."""

    is_secure: bool
    host: str
    """In lower case, international names in their ASCII form; an IPv6 address without its brackets."""
    port: int
    path: str
    """With the query."""

    @property
    def scheme(self) -> str:
        """The part of the URL before its host: https or http."""
        return "https" if self.is_secure else "http"

    @property
    def authority(self) -> str:
        """The value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


# One endpoint is sent thousands of deliveries, each of which reads its URL.
@lru_cache(maxsize=1024)
def read_target(url: str) -> Target:
    """Read a URL. Raises ValueError, which says what is wrong with it."""
    if len(url) > MAX_URL_CHARACTERS:
        raise ValueError(f"must have at most {MAX_URL_CHARACTERS} characters")
    # Programs differ in which of these they skip, so two of them might read two hosts.
    if "\\" in url or any(character.isspace() or not character.isprintable() for character in url):
        raise ValueError(_MALFORMED)
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").removesuffix(".")
        host = host if host.isascii() else host.encode("idna").decode()
    except ValueError:
        raise ValueError(_MALFORMED) from None
    if parts.scheme not in _DEFAULT_PORTS:
        raise ValueError("must start with https:// or http://")
    if "@" in parts.netloc:
        raise ValueError("must not have a user or a password; put a token into the path or the query")
    if "#" in url:
        raise ValueError("must not have a fragment")
    path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
    if _HOST.fullmatch(host) is None or _VISIBLE.fullmatch(path) is None:
        raise ValueError(_MALFORMED)
    return Target(is_secure=parts.scheme == "https", host=host, port=_port_of(parts), path=path)


def _port_of(parts: SplitResult) -> int:
    try:
        port = _DEFAULT_PORTS[parts.scheme] if parts.port is None else parts.port
    except ValueError:
        raise ValueError(_WRONG_PORT) from None
    if port < _FIRST_FREE_PORT and port not in _DEFAULT_PORTS.values():
        raise ValueError(_WRONG_PORT)
    return port
