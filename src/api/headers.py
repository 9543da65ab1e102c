"""Request headers as ASGI gives them: names in lower case, both sides bytes."""

from collections.abc import Mapping, Sequence


def first_of_each(headers: Sequence[tuple[bytes, bytes]]) -> Mapping[bytes, bytes]:
    """The headers by name; of those sent several times the first counts, as everywhere in Starlette."""
    return dict(reversed(headers))
