"""Lists that are handed out a page at a time."""

import base64
import binascii
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from kernel.errors import ValidationFailed

MAX_PAGE_SIZE: Final = 200
"""The entries of this page."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[_T]):
    """Some of a list, and where the rest begins."""

    data: tuple[_T, ...]
    next_cursor: str | None
    """Names the place after the last of `data`; None at the end of the list."""


def encode_cursor(position: str) -> str:
    """The position as text that a client hands back as it is."""
    return base64.urlsafe_b64encode(position.encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> str:
    """The position that a cursor was made of. Raises ValidationFailed."""
    try:
        return base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except (binascii.Error, ValueError):
        raise unusable_cursor() from None


def unusable_cursor() -> ValidationFailed:
    """The refusal of a cursor that no list has given."""
    return ValidationFailed.of("cursor", "must be the next_cursor of an earlier answer")
