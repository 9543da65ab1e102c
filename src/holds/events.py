"""Events about holds."""

from holds.model import Hold
from kernel.events import Event
from kernel.spans import to_datetime


def hold_expired(hold: Hold) -> Event:
    """A hold's time is up, and it became no appointment. Nothing in it says whose it was."""
    return Event(
        name="hold.expired.v1",
        subject=hold.id,
        data={
            "id": hold.id,
            "service_id": hold.service_id,
            "start": _text(hold.span.start),
            "end": _text(hold.span.end),
            "resources": [{"role": part.role, "resource_id": part.resource_id} for part in hold.parts],
            "party": hold.party,
            "expired_at": hold.expires_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        },
    )


def _text(minute: int) -> str:
    return to_datetime(minute).isoformat().replace("+00:00", "Z")
