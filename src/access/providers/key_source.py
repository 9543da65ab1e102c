"""Source of the keys of identity providers: their documents of keys, fetched rarely."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from access.providers.model import MOST_KEYS, usable_keys
from access.web_tokens import is_plain
from outbound.client import OutboundClient, OutboundFailed, TargetNotAllowed
from outbound.targets import read_target

_MOST_BYTES: Final = 131_072
"""Large providers tell of ten keys, each with its certificates."""
_OK: Final = 200
_LOCAL: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class KeysUnavailable(Exception):
    """The document of keys cannot be had, or has none that can be used."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def check_keys_url(url: str) -> None:
    """Raise ValueError unless the URL can be one of keys: what is not encrypted could be anybody's."""
    target = read_target(url)
    if not target.is_secure and target.host not in _LOCAL:
        raise ValueError("must start with https://")


async def fetch_keys(outbound: OutboundClient, url: str) -> Sequence[Mapping[str, Any]]:
    """Fetch a document of keys (RFC 7517). Raises KeysUnavailable."""
    try:
        answer = await outbound.send(
            "GET", read_target(url), headers={"Accept": "application/json"}, most_bytes=_MOST_BYTES
        )
    except TargetNotAllowed as refusal:
        raise KeysUnavailable(refusal.detail) from None
    except OutboundFailed as failure:
        raise KeysUnavailable(str(failure)) from None
    if answer.status != _OK:
        raise KeysUnavailable(f"The answer has the status {answer.status}; redirects are not followed.")
    try:
        document = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        document = None
    keys = document.get("keys") if isinstance(document, dict) else None
    keys = [one for one in keys[:MOST_KEYS] if is_plain(one)] if isinstance(keys, list) else []
    if not usable_keys(keys):
        raise KeysUnavailable("The answer has no keys of RS256, ES256 or EdDSA in the form of RFC 7517.")
    return keys
