"""Entries of the audit log in answers."""

from typing import Annotated, Final

from pydantic import ConfigDict, Field, with_config
from pydantic.config import JsonDict
from typing_extensions import TypedDict

from api.schemas.fields import InstantText
from audit.model import AuditEntry

AUDIT_EXAMPLE: Final[JsonDict] = {
    "id": "aud_01kbc9x3v4h5m6n7p8q9r0s1t2",
    "at": "2026-11-30T06:05:00.412903Z",
    "actor": {"kind": "business", "id": "key_01kbc9x3v4h5m6n7p8q9r0s1t2"},
    "action": "annotateAppointment",
    "subjects": ["apt_01kbc9x3v4h5m6n7p8q9r0s1t2"],
    "fields": ["customer.phone", "notes"],
    "origin": "192.0.2.0/24",
    "request_id": "01kbc9x3v4h5m6n7p8q9r0s1t2",
}


class AuditActorAnswer(TypedDict):
    """Actor, as its kind and id."""

    kind: Annotated[str, Field(description="`business`, `customer`, or `system`: a loop or a command.")]
    id: Annotated[
        str, Field(description="Of the key, the user, the customer or the appointment's token; of a system, its name.")
    ]


@with_config(ConfigDict(json_schema_extra={"examples": [AUDIT_EXAMPLE]}))
class AuditEntryAnswer(TypedDict):
    """A deed to something, or a reading of it: ids and names of fields, and nobody's data."""

    id: str
    at: InstantText
    actor: AuditActorAnswer
    action: Annotated[str, Field(description="The `operationId` of the API, or the name of what a system does.")]
    subjects: Annotated[
        list[str], Field(description="The id of what it was done to; of several where a list was read.")
    ]
    fields: Annotated[
        list[str], Field(description="Names of what was changed or read; empty: all of it, or nothing with a name.")
    ]
    origin: Annotated[
        str | None,
        Field(description="Network of the sender, a /24 or a /48. Null: a customer, a system, or unknown."),
    ]
    request_id: Annotated[str | None, Field(description="As in `X-Request-Id` and in the log.")]


class AuditEntriesAnswer(TypedDict):
    """A page of the audit log, the latest entry first."""

    data: list[AuditEntryAnswer]
    next_cursor: Annotated[str | None, Field(description="To be sent as `cursor` for the next page; null at the end.")]


def audit_answer(entry: AuditEntry) -> AuditEntryAnswer:
    """The answer that describes the entry."""
    kind, _, actor_id = entry.actor.partition(":")
    return {
        "id": entry.id,
        "at": entry.at.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "actor": {"kind": kind, "id": actor_id},
        "action": entry.action,
        "subjects": list(entry.subjects),
        "fields": list(entry.fields),
        "origin": entry.origin,
        "request_id": entry.request_id,
    }
