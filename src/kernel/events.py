"""Events: what happened, in the past tense, as it is written to the outbox."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A fact about one subject that others may react to; `data` is all they need to do so."""

    name: str
    """Dotted, past tense, with its version last: `appointment.confirmed.v1`."""
    subject: str
    """The id of what it happened to."""
    data: Mapping[str, object]
