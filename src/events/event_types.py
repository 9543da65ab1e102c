"""Table of event types: what each says and when, from which the documentation is made."""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from events.model import matches

Schema = Mapping[str, Any]
"""A JSON schema."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventField:
    """A member of the data of a type."""

    name: str
    meaning: str
    schema: Schema
    example: object
    is_optional: bool = False
    """True: it is absent where it says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventType:
    """A type of events: a reader may rely on what is said here until its version is raised."""

    name: str
    when: str
    fields: tuple[EventField, ...]
    version: int = 1

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of the data."""
        return {
            "type": "object",
            "required": [field.name for field in self.fields if not field.is_optional],
            "properties": {field.name: {**field.schema, "description": field.meaning} for field in self.fields},
            "additionalProperties": False,
        }

    @property
    def example(self) -> dict[str, object]:
        """Data as it may be sent."""
        return {
            field.name: field.example for field in self.fields if not field.is_optional or field.example is not None
        }


_TEXT: Final[Schema] = {"type": "string"}
_COUNT: Final[Schema] = {"type": "integer", "minimum": 1}
_INSTANT: Final[Schema] = {"type": "string", "format": "date-time"}
_AMOUNT: Final[Schema] = {
    "type": "object",
    "required": ["amount_minor", "currency"],
    "properties": {"amount_minor": {"type": "integer", "minimum": 0}, "currency": _TEXT},
    "additionalProperties": False,
}
_RESOURCES: Final[Schema] = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["role", "resource_id"],
        "properties": {"role": _TEXT, "resource_id": _TEXT},
        "additionalProperties": False,
    },
}
_ADD_ONS: Final[Schema] = {"type": "array", "items": {"type": "object"}}
_NOA: Final = [{"role": "staff", "resource_id": "res_01kbc9x3v4h5m6n7p8q9r0s1t2"}]
_PRICE: Final = {"amount_minor": 9000, "currency": "ILS"}
_APPOINTMENT: Final = "apt_01kbc9x3v4h5m6n7p8q9r0s1t2"


def _enumerated(*values: str) -> Schema:
    return {"type": "string", "enum": list(values)}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


_VERSION: Final = EventField(
    name="version", meaning="Of the appointment: later events of it have higher ones.", schema=_COUNT, example=1
)

_CUSTOMER: Final = EventField(
    name="id", meaning="The customer.", schema=_TEXT, example="cus_01kbc9x3v4h5m6n7p8q9r0s1t2"
)
_CUSTOMER_VERSION: Final = EventField(
    name="version", meaning="Of the customer: later events have higher ones.", schema=_COUNT, example=4
)


def _appointment_fields(status: str) -> tuple[EventField, ...]:
    return (
        EventField(name="id", meaning="The appointment; the same after each move.", schema=_TEXT, example=_APPOINTMENT),
        EventField(
            name="status",
            meaning="Its status from then on.",
            schema=_enumerated("pending", "confirmed", "cancelled", "completed", "no_show"),
            example=status,
        ),
        _VERSION,
        EventField(name="service_id", meaning="The service.", schema=_TEXT, example="svc_01kbc9x3v4h5m6n7p8q9r0s1t2"),
        EventField(name="start", meaning="Start of the visit.", schema=_INSTANT, example="2026-12-01T07:00:00Z"),
        EventField(name="end", meaning="End of the visit.", schema=_INSTANT, example="2026-12-01T07:30:00Z"),
        EventField(name="timezone", meaning="Of the location, IANA name.", schema=_TEXT, example="Asia/Jerusalem"),
        EventField(name="resources", meaning="Who and what serves, by role.", schema=_RESOURCES, example=_NOA),
        EventField(name="party", meaning="People who come.", schema=_COUNT, example=1),
        EventField(name="price", meaning="For all of the party.", schema=_AMOUNT, example=_PRICE),
        EventField(name="customer_id", meaning="The customer.", schema=_TEXT, example="cus_01kbc9x3v4h5m6n7p8q9r0s1t2"),
        EventField(
            name="approve_by",
            meaning="End of the wait for an approval; null where none is waited for.",
            schema=_or_null(_INSTANT),
            example=None,
        ),
        EventField(
            name="fee",
            meaning="Cost of a cancellation or a no-show.",
            schema=_AMOUNT,
            example=None,
            is_optional=True,
        ),
        EventField(
            name="kept_fee",
            meaning="Least cost of a later cancellation by the customer.",
            schema=_AMOUNT,
            example=None,
            is_optional=True,
        ),
        EventField(
            name="override",
            meaning="Rules that the business waived for the visit.",
            schema={"type": "array", "items": _TEXT},
            example=None,
            is_optional=True,
        ),
        EventField(
            name="duration_minutes", meaning="Length that was chosen.", schema=_COUNT, example=None, is_optional=True
        ),
        EventField(
            name="add_ons", meaning="Add-ons that were chosen.", schema=_ADD_ONS, example=None, is_optional=True
        ),
    )


def _appointment(name: str, when: str, status: str, *more: EventField) -> EventType:
    return EventType(name=f"appointment.{name}", when=when, fields=(*_appointment_fields(status), *more))


_BY: Final = EventField(
    name="by",
    meaning="The side that ended it.",
    schema=_enumerated("business", "customer", "system"),
    example="customer",
)


def _reason(*codes: str) -> EventField:
    return EventField(
        name="reason_code",
        meaning="Why. `requested`: that side asked for it; `withdrawn`: its customer took back a request that was "
        "pending; `declined`: the business refused a request; `approval_expired`: it was not approved in time.",
        schema=_enumerated("requested", "withdrawn", "declined", "approval_expired"),
        example=codes[0],
    )


_PREVIOUS_VISIT: Final = EventField(
    name="previous",
    meaning="The visit before the move.",
    schema={
        "type": "object",
        "required": ["start", "end", "resources", "price"],
        "properties": {"start": _INSTANT, "end": _INSTANT, "resources": _RESOURCES, "price": _AMOUNT},
        "additionalProperties": False,
    },
    example={
        "start": "2026-11-30T07:00:00Z",
        "end": "2026-11-30T07:30:00Z",
        "resources": _NOA,
        "price": _PRICE,
    },
)
_PREVIOUS_BOOKING: Final = EventField(
    name="previous",
    meaning="What was booked before.",
    schema={
        "type": "object",
        "required": ["service_id", "end", "party", "price", "customer_id"],
        "properties": {
            "service_id": _TEXT,
            "end": _INSTANT,
            "party": _COUNT,
            "price": _AMOUNT,
            "customer_id": _TEXT,
        },
        "additionalProperties": False,
    },
    example={
        "service_id": "svc_01kbc9x3v4h5m6n7p8q9r0s1t2",
        "end": "2026-12-01T07:15:00Z",
        "party": 1,
        "price": _PRICE,
        "customer_id": "cus_01kbc9x3v4h5m6n7p8q9r0s1t2",
    },
)

EVENT_TYPES: Final = (
    _appointment("confirmed", "An appointment is booked, and needs no approval.", "confirmed"),
    _appointment("pending", "An appointment is booked, and waits for its approval.", "pending"),
    _appointment("approved", "The business approves a pending appointment; it is confirmed from then on.", "confirmed"),
    _appointment("declined", "The business refuses a pending appointment.", "cancelled", _BY, _reason("declined")),
    _appointment(
        "expired", "A pending appointment was not approved in time.", "cancelled", _BY, _reason("approval_expired")
    ),
    _appointment(
        "rescheduled",
        "An appointment moves to another time, or to other resources.",
        "confirmed",
        EventField(
            name="moved_from",
            meaning="Start before the move, as in `previous`.",
            schema=_INSTANT,
            example="2026-11-30T07:00:00Z",
        ),
        _PREVIOUS_VISIT,
    ),
    _appointment(
        "amended",
        "Party, service, length or customer of an appointment change, at the start that it has.",
        "confirmed",
        _PREVIOUS_BOOKING,
    ),
    _appointment("cancelled", "An appointment is cancelled.", "cancelled", _BY, _reason("requested")),
    _appointment("completed", "The business notes that the visit took place.", "completed"),
    _appointment("no_show", "The business notes that the customer did not come.", "no_show"),
    _appointment(
        "reopened",
        "The business undoes a completion or a no-show.",
        "confirmed",
        EventField(
            name="reopened_from",
            meaning="Its status before.",
            schema=_enumerated("completed", "no_show"),
            example="no_show",
        ),
    ),
    _appointment(
        "fee_waived",
        "The business drops the fee of a cancellation or a no-show.",
        "cancelled",
        EventField(name="waived", meaning="The fee until then.", schema=_AMOUNT, example=_PRICE),
    ),
    _appointment("annotated", "Notes or metadata of an appointment change.", "confirmed"),
    EventType(
        name="hold.expired",
        when="A hold ends by its deadline, or gives way to the business, and became no appointment. Its time is free.",
        fields=(
            EventField(name="id", meaning="The hold.", schema=_TEXT, example="hld_01kbc9x3v4h5m6n7p8q9r0s1t2"),
            EventField(
                name="service_id", meaning="The service.", schema=_TEXT, example="svc_01kbc9x3v4h5m6n7p8q9r0s1t2"
            ),
            EventField(name="start", meaning="Start of the visit.", schema=_INSTANT, example="2026-12-01T07:00:00Z"),
            EventField(name="end", meaning="End of the visit.", schema=_INSTANT, example="2026-12-01T07:30:00Z"),
            EventField(name="resources", meaning="Who and what was held, by role.", schema=_RESOURCES, example=_NOA),
            EventField(name="party", meaning="People who would have come.", schema=_COUNT, example=1),
            EventField(name="expired_at", meaning="Its deadline.", schema=_INSTANT, example="2026-11-30T06:05:00.000Z"),
        ),
    ),
    EventType(
        name="catalogue.changed",
        when="The set-up of the business changes: by its document, by one of its objects, or by time off.",
        fields=(
            EventField(
                name="changes",
                meaning="The objects that changed, with the fields as the document spells them; `key` is null where "
                "one time off was added or removed by itself.",
                schema={
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["action", "kind", "id", "key", "fields"],
                        "properties": {
                            "action": _enumerated("create", "change", "archive", "revive"),
                            "kind": _enumerated("business", "location", "resource", "service"),
                            "id": _TEXT,
                            "key": _or_null(_TEXT),
                            "fields": {"type": "array", "items": _TEXT},
                        },
                        "additionalProperties": False,
                    },
                },
                example=[
                    {
                        "action": "change",
                        "kind": "resource",
                        "id": "res_01kbc9x3v4h5m6n7p8q9r0s1t2",
                        "key": "noa",
                        "fields": ["hours"],
                    }
                ],
            ),
        ),
    ),
    EventType(
        name="customer.updated",
        when="The business, or the customer, changes contact details or a consent; or another customer is merged into "
        "this one.",
        fields=(
            _CUSTOMER,
            EventField(
                name="fields",
                meaning="Names of what has changed, such as `email` or `consents.reminders`; `merged` after a merge.",
                schema={"type": "array", "items": _TEXT},
                example=["email"],
            ),
            EventField(
                name="merged",
                meaning="The customer who was merged into this one.",
                schema=_TEXT,
                example=None,
                is_optional=True,
            ),
            _CUSTOMER_VERSION,
        ),
    ),
    EventType(
        name="customer.erased",
        when="Everything personal of a customer was erased. Copies that were made elsewhere are to be erased too.",
        fields=(
            _CUSTOMER,
            EventField(
                name="merged",
                meaning="The customers who had been merged into this one, and are erased too.",
                schema={"type": "array", "items": _TEXT},
                example=[],
            ),
            _CUSTOMER_VERSION,
        ),
    ),
    EventType(
        name="webhook_endpoint.disabled",
        when="A webhook endpoint is disabled because it was gone, or did nothing but fail for five days. It goes to "
        "the other endpoints.",
        fields=(
            EventField(name="id", meaning="The endpoint.", schema=_TEXT, example="whe_01kbc9x3v4h5m6n7p8q9r0s1t2"),
            EventField(
                name="reason",
                meaning="`gone`: it answered 410. `failing`: nothing reached it.",
                schema=_enumerated("gone", "failing"),
                example="failing",
            ),
            EventField(
                name="failing_since",
                meaning="The first failure since its last success.",
                schema=_or_null(_INSTANT),
                example="2026-11-25T07:00:00Z",
            ),
            EventField(name="version", meaning="Of the endpoint.", schema=_COUNT, example=4),
        ),
    ),
)
"""Every type that the engine sends."""
_FAMILIES: Final = dict.fromkeys(f"{event_type.name.partition('.')[0]}.*" for event_type in EVENT_TYPES)
PATTERNS: Final = (*(event_type.name for event_type in EVENT_TYPES), *_FAMILIES, "*")
"""Filters that a reader of events may ask for: single types, families, and all."""
_PATTERN: Final = re.compile(r"\*|[a-z_]{1,40}\.(\*|[a-z_]{1,40})")


def check_pattern(pattern: str) -> str | None:
    """The fault of a type or pattern of types; None if it has none."""
    if _PATTERN.fullmatch(pattern) is None:
        return "must be a type such as appointment.confirmed, a family such as appointment.*, or *"
    if any(matches(pattern, event_type.name) for event_type in EVENT_TYPES):
        return None
    close = difflib.get_close_matches(pattern, PATTERNS, n=1)
    return f"no such type{f'; did you mean {close[0]}?' if close else ''}"
