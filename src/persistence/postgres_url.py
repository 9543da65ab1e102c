"""Parts of a Postgres URL that may be printed."""

import getpass
import os
import re
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

_FORM: Final = re.compile(
    r"""[a-z+]+://
    (?:[^/?\#@]*@)?                             # user and password
    (?:\[[^\]/?\#@]*\]|[^/?\#@:,\[\]]*)(?::\d*)?  # host, or an address of IPv6, and port
    (?:,(?:\[[^\]/?\#@]*\]|[^/?\#@:,\[\]]*)(?::\d*)?)*
    (?:/[^?\#@]*)?                              # database
    (?:\?[^\#]*)?                               # options
    """,
    re.VERBOSE,
)


def has_plain_form(url: str) -> bool:
    """True if each part of the URL is where it seems to be.

    A password with an unescaped character that separates parts would end up in the host, the port or the database, and
    so in messages.
    """
    return _FORM.fullmatch(url) is not None


def host_of(url: str) -> str:
    """The hosts of the URL with their ports, as they are written; the driver's own defaults where it names none."""
    named = urlsplit(url).netloc.rpartition("@")[2] or _option(url, "host") or os.environ.get("PGHOST")
    return unquote(named) if named else "localhost"


def user_of(url: str) -> str:
    """The account that the URL logs in with; the driver's own defaults where it names none."""
    credentials = urlsplit(url).netloc.rpartition("@")[0]
    named = unquote(credentials.partition(":")[0]) or _option(url, "user") or os.environ.get("PGUSER")
    return named or getpass.getuser()


def _option(url: str, name: str) -> str | None:
    return parse_qs(urlsplit(url).query).get(name, [None])[-1]
