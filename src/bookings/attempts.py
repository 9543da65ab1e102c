"""Attempts at a change of an appointment that another change overtook."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from kernel.errors import VersionConflict

_T = TypeVar("_T")

# Somebody would have to change the appointment this often between its reading and its lock for a change to fail.
_ATTEMPTS: Final = 3


async def again_if_overtaken(attempt: Callable[[], Awaitable[_T]], *, expected_version: int | None) -> _T:
    """The result of a change, attempted again where the appointment has changed since it was read.

    A caller who expects a version is told of the first conflict. Raises VersionConflict.
    """
    for _ in range(_ATTEMPTS - 1):
        try:
            return await attempt()
        except VersionConflict:
            if expected_version is not None:
                raise
    return await attempt()
