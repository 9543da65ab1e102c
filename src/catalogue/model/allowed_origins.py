"""Allowed origins: the sites whose pages may call the API for a business."""

import re
from collections.abc import Iterable, Sequence
from typing import Annotated, Final

from pydantic import AfterValidator, Field, StringConstraints

from catalogue.limits import MAX_ALLOWED_ORIGINS
from catalogue.model.columns import ColumnDetails

ANY: Final = "*"
"""Every site, and pages without one, such as files."""
ANY_ORIGIN: Final = (ANY,)
_ANY_SUBDOMAIN: Final = "*."
_LABEL: Final = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
# As browsers write it: small letters, Punycode, no port that the scheme implies, no path.
_ORIGIN: Final = re.compile(
    rf"https?://(?:\*\.(?={_LABEL}\.))?(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-f:.]+\])(?::[1-9][0-9]{{0,4}})?"
)
_IMPLIED_PORT: Final = re.compile("http://.*:80|https://.*:443")
_MAX_CHARACTERS: Final = 300


def _origin(text: str) -> str:
    if text == ANY or (_ORIGIN.fullmatch(text) and not _IMPLIED_PORT.fullmatch(text)):
        return text
    detail = (
        'must be an origin as browsers send it, such as "https://example.com" or "http://localhost:5173" (small '
        'letters, no path, no default port); "https://*.example.com", which stands for all its subdomains; or "*"'
    )
    raise ValueError(detail)


def _each_once(entries: list[str]) -> list[str]:
    if len(set(entries)) < len(entries):
        detail = "must name each origin once"
        raise ValueError(detail)
    if ANY in entries and len(entries) > 1:
        detail = 'must have no other entry beside "*", which is every origin'
        raise ValueError(detail)
    return entries


Origins = Annotated[
    list[Annotated[str, StringConstraints(max_length=_MAX_CHARACTERS), AfterValidator(_origin)]],
    Field(max_length=MAX_ALLOWED_ORIGINS),
    AfterValidator(_each_once),
]
"""The allowed origins in a document."""

AllowedOriginsRecord = Annotated[
    Sequence[str],
    ColumnDetails(comment='origins whose pages may call the API; "*": all', default="""'["*"]'::jsonb"""),
]
"""Column of allowed origins."""


def allows(allowed: Iterable[str], origin: str) -> bool:
    """True if a page of that origin may call the API.

    `https://*.example.com` stands for `https://shop.example.com` and `https://a.b.example.com`, and neither for
    `https://example.com` nor for another scheme or port.
    """
    return any(_matches(entry, origin) for entry in allowed)


def desired_origins(entries: Iterable[str]) -> tuple[str, ...]:
    """The allowed origins in a document."""
    return tuple(entries)


def allowed_origins_document(allowed: Sequence[str]) -> list[str] | None:
    """The allowed origins as part of a document; None if there is no limit."""
    return None if tuple(allowed) == ANY_ORIGIN else list(allowed)


def _matches(entry: str, origin: str) -> bool:
    scheme, wildcard, domain = entry.partition(_ANY_SUBDOMAIN)
    if not wildcard:
        return entry in {ANY, origin}
    return origin.startswith(scheme) and origin.endswith(f".{domain}")
