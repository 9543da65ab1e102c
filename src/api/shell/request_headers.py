"""Request headers as ASGI delivers them: lower-case names, names and values in bytes."""

from collections.abc import Mapping, Sequence

RequestHeaders = Mapping[bytes, bytes]


def first_of_each(headers: Sequence[tuple[bytes, bytes]]) -> RequestHeaders:
    """The headers by name; the first of a repeated header counts, as everywhere in Starlette."""
    return dict(reversed(headers))
