"""Mail servers as values, and their URLs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import ip_address
from typing import Final
from urllib.parse import unquote, urlsplit

_MISSPELLED: Final = "must be smtp://user:password@host:port, or smtps://…; in a user or a password write @ as %40"


class Tls(StrEnum):
    """The ways in which a conversation with a mail server is kept secret."""

    FROM_START = "tls"
    """As soon as there is a connection."""
    STARTTLS = "starttls"
    """After the greeting; a server that cannot is given no mail."""
    AS_OFFERED = "offered"
    """After the greeting, if the server can."""
    NONE = "none"


_DEFAULT_PORTS: Final[Mapping[str, int]] = {"smtp": 587, "smtps": 465}


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpServer:
    """A server that takes mails."""

    host: str
    port: int
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: Tls

    @property
    def is_local(self) -> bool:
        """True if the server is on this machine, where nobody can listen."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def read_smtp_url(url: str) -> SmtpServer:
    """Read `smtp://user:password@host:587`, or `smtps://…:465`. Raises ValueError, which repeats no part of it."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError(_MISSPELLED) from None
    is_plain = parts.path in {"", "/"} and not parts.query and not parts.fragment
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or not is_plain:
        raise ValueError(_MISSPELLED)
    password = None if parts.password is None else unquote(parts.password)
    # Without a password there is nothing to steal but the mail, which goes on in the clear elsewhere anyway.
    after_greeting = Tls.AS_OFFERED if password is None else Tls.STARTTLS
    return SmtpServer(
        host=parts.hostname,
        port=port or _DEFAULT_PORTS[parts.scheme],
        user=None if parts.username is None else unquote(parts.username),
        password=password,
        tls=Tls.FROM_START if parts.scheme == "smtps" else after_greeting,
    )
