"""Lists that are handed out a page at a time."""

from dataclasses import dataclass
from typing import Final, Generic, TypeVar

MAX_PAGE_SIZE: Final = 200
"""The entries of this page."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[_T]):
    """Some of a list, and where the rest begins."""

    data: tuple[_T, ...]
    next_cursor: str | None
    """Names the place after the last of `data`; None at the end of the list."""
