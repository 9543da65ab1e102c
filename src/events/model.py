"""Events as the relay has numbered them, and their public form."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from kernel.ids import EventId, TenantId


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayedEvent:
    """An event that the relay has just moved, as subscribers are told of it."""

    seq: int
    """Its place in the order of all events: a lower one never appears after a higher one."""
    tenant_id: TenantId
    id: EventId
    type: str
    """Dotted, past tense: `appointment.confirmed`."""
    subject: str
    """The id of what it happened to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvent:
    """An event of the feed."""

    seq: int
    tenant_id: TenantId
    id: EventId
    type: str
    version: int
    """Of the type: it is raised when the data of a type changes in a way that readers must know."""
    subject: str
    data: Mapping[str, object]
    """Ids, times and states; it has the `version` of a subject that has one, and no personal data."""
    occurred_at: datetime

    def public(self) -> dict[str, object]:
        """The form that everybody outside is given: in the feed, in streams, in webhooks."""
        return {
            "id": self.id,
            "type": self.type,
            "version": self.version,
            "timestamp": _instant(self.occurred_at),
            "business": str(self.tenant_id),
            "subject": self.subject,
            "data": dict(self.data),
        }


def data_of(stored: object) -> Mapping[str, object]:
    """The data of an event as they are stored; those of a row that something else has written may be no object.

    Readers rely on one, and one odd row is to hold up nothing.
    """
    return stored if isinstance(stored, Mapping) else {}


def matches(pattern: str, event_type: str) -> bool:
    """True if a pattern names the type: the type itself, `appointment.*` for all of a family, or `*`."""
    if pattern.endswith("*"):
        return event_type.startswith(pattern[:-1])
    return pattern == event_type


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
