"""Sessions of exclusive resources: one service and start at once, whose places others may take too."""

import hashlib
from collections.abc import Iterable
from ipaddress import IPv6Address
from typing import NamedTuple, Self

from availability.rules.bitmaps import every_minute, from_spans
from availability.rules.requirements import PartOffsets
from catalogue.model.resources import Resource
from kernel.ids import ServiceId
from kernel.spans import Minute, Span, merged, without


class Session(NamedTuple):
    """A service and a start, that of the visit: whoever asks for both takes part."""

    service_id: ServiceId
    start: Minute

    @classmethod
    def from_name(cls, name: str) -> Self:
        """The session of that name."""
        service_id, _, start = name.rpartition("@")
        return cls(ServiceId(service_id), int(start))

    @property
    def name(self) -> str:
        """All of it in one word without a colon, as Redis keeps it."""
        return f"{self.service_id}@{self.start}"

    @property
    def token(self) -> str:
        """A digest in the form of an IPv6 address, of which Postgres' GiST can tell that two are not the same."""
        return str(IPv6Address(hashlib.blake2b(self.name.encode(), digest_size=16).digest()))


class SessionMinutes(NamedTuple):
    """Minutes of an exclusive resource, with buffers, that are of a session."""

    session: Session | None
    """None: what takes them was held before the resource was exclusive. Nobody joins it."""
    minutes: Span


def session_name(resource: Resource, service_id: ServiceId, start: Minute) -> str | None:
    """The name of the session that a visit begins or joins on a resource; None where places are booked apart."""
    return None if resource.exclusive is None else Session(service_id, start).name


def joinable(taken: Iterable[SessionMinutes], service_id: ServiceId, part: PartOffsets, window: Span) -> int:
    """Set: each start at which the part meets no minutes but those of the service's session at that very start."""
    refused: list[Span] = []
    for session, minutes in taken:
        meeting = Span(minutes.start - part.blocked_end + 1, minutes.end - part.blocked_start)
        if session is not None and session.service_id == service_id:
            refused += without([meeting], [Span(session.start, session.start + 1)])
        else:
            refused.append(meeting)
    # Sessions that follow each other are one span, so this costs less than an operation for each of them.
    return every_minute(window) & ~from_spans(merged(refused), window)
