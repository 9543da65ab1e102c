"""Set-up of a business in requests and answers; catalogue.model has its fields."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Final, NotRequired

from pydantic import ConfigDict, Field, with_config
from pydantic.config import JsonDict
from typing_extensions import TypedDict

from api.schemas.affected import AffectedList, AffectedMembers, AffectedTotal, affected_members
from catalogue.diff import Action, Change, ChangedValue
from catalogue.document import BusinessDocument
from catalogue.document_service import AppliedDocument
from catalogue.limits import MAX_SPANS_PER_DATE
from catalogue.model.documents import Document, JsonObject, present
from catalogue.model.locations import LocationDocument
from catalogue.model.objects import ObjectKind
from catalogue.model.resources import ResourceDocument
from catalogue.model.rules.rule import UNSET
from catalogue.model.services import ServiceDocument
from catalogue.model.time_off import TimeOff, TimeOffDocument
from catalogue.model.wall_clock import WallSpanDocument
from catalogue.objects_service import ObjectView
from catalogue.warnings import CatalogueWarning

_Id = Annotated[str, Field(description="Made by the engine.")]
_Version = Annotated[int, Field(description="Counts the changes; the ETag.")]
_Archived = Annotated[bool, Field(description="Whether it is out of use.")]
_ONLY_WHEN_CHANGED: Final = Field(default=None, description="Of the answer to a change that affects appointments.")
_ONLY_WHEN_WARNED: Final = Field(
    default=None, description="Of the answer to a change that is accepted, but is hardly meant so."
)

_ONLY_WHEN_PLANNED: Final = Field(
    default=None, description="Of the answer to a dry run: nothing has changed; these parts of the object would."
)


class OverrideSpans(Document):
    """The hours of the date in the path, in place of its weekly hours; no spans means closed."""

    spans: Annotated[list[WallSpanDocument], Field(max_length=MAX_SPANS_PER_DATE)]
    despite_closures: bool = Field(default=False, description="True: on a closed date too.")


SENT_DOCUMENTS: Final[tuple[type[Document], ...]] = (
    BusinessDocument,
    LocationDocument,
    ResourceDocument,
    ServiceDocument,
    TimeOffDocument,
    OverrideSpans,
)
PATCHED_DOCUMENTS: Final[tuple[type[Document], ...]] = (LocationDocument, ResourceDocument, ServiceDocument)


class WarningAnswer(TypedDict):
    """A part of the set-up that is accepted, but is hardly meant so."""

    pointer: Annotated[str, Field(description="A path in the document, or in the one object that was sent.")]
    detail: str


class ChangedValueAnswer(TypedDict):
    """A part of an object with its old and its new value, in the form of the document."""

    pointer: Annotated[str, Field(description="A path in the object.")]
    old: NotRequired[Annotated[object, Field(description="Absent where the object does not say it now.")]]
    new: NotRequired[Annotated[object, Field(description="Absent where the object would not say it any more.")]]


class LocationAnswer(LocationDocument):
    """A location as stored."""

    id: _Id
    version: _Version
    archived: _Archived
    affected: AffectedList | None = _ONLY_WHEN_CHANGED
    affected_total: AffectedTotal | None = _ONLY_WHEN_CHANGED
    warnings: list[WarningAnswer] | None = _ONLY_WHEN_WARNED
    dry_run: bool | None = _ONLY_WHEN_PLANNED
    changes: list[ChangedValueAnswer] | None = _ONLY_WHEN_PLANNED


class ResourceAnswer(ResourceDocument):
    """A resource as stored; its time off is a list of its own."""

    id: _Id
    version: _Version
    archived: _Archived
    affected: AffectedList | None = _ONLY_WHEN_CHANGED
    affected_total: AffectedTotal | None = _ONLY_WHEN_CHANGED
    warnings: list[WarningAnswer] | None = _ONLY_WHEN_WARNED
    dry_run: bool | None = _ONLY_WHEN_PLANNED
    changes: list[ChangedValueAnswer] | None = _ONLY_WHEN_PLANNED


class ServiceAnswer(ServiceDocument):
    """A service as stored."""

    id: _Id
    version: _Version
    archived: _Archived
    affected: AffectedList | None = _ONLY_WHEN_CHANGED
    affected_total: AffectedTotal | None = _ONLY_WHEN_CHANGED
    warnings: list[WarningAnswer] | None = _ONLY_WHEN_WARNED
    dry_run: bool | None = _ONLY_WHEN_PLANNED
    changes: list[ChangedValueAnswer] | None = _ONLY_WHEN_PLANNED


class LocationsAnswer(TypedDict):
    """A page of the live locations, in order."""

    data: list[LocationAnswer]
    next_cursor: str | None


class ResourcesAnswer(TypedDict):
    """A page of the live resources, in order."""

    data: list[ResourceAnswer]
    next_cursor: str | None


class ServicesAnswer(TypedDict):
    """A page of the live services, in order."""

    data: list[ServiceAnswer]
    next_cursor: str | None


class TimeOffAnswer(TypedDict):
    """A span in which a resource takes no bookings."""

    id: str
    start: datetime
    end: datetime
    reason: str | None


class AddedTimeOffAnswer(TimeOffAnswer, AffectedMembers):
    """New time off, with the appointments in it."""


class TimeOffsAnswer(TypedDict):
    """A page of time off in order of its starts."""

    data: list[TimeOffAnswer]
    next_cursor: str | None


class SpanAnswer(TypedDict):
    """A span on the wall clock."""

    start: str
    end: str


class OverrideAnswer(AffectedMembers):
    """The hours of one date."""

    date: str
    spans: list[SpanAnswer]
    despite_closures: NotRequired[bool]


class ChangeAnswer(TypedDict):
    """One object that was, or would be, changed."""

    action: Action
    kind: ObjectKind
    id: str
    key: str
    fields: list[str]
    changes: NotRequired[
        Annotated[
            list[ChangedValueAnswer],
            Field(description="Of a dry run: the smallest parts that change. Time off is without its reasons."),
        ]
    ]


PLANNED_EXAMPLE: Final[JsonDict] = {
    "dry_run": True,
    "changes": [
        {
            "action": "change",
            "kind": "service",
            "id": "svc_01kbc9x3v4h5m6n7p8q9r0s1t2",
            "key": "haircut",
            "fields": ["duration_minutes", "grid"],
            "changes": [
                {"pointer": "duration_minutes", "old": 30, "new": 45},
                {"pointer": "grid.step_minutes", "old": 15},
            ],
        }
    ],
    "affected": [],
    "affected_total": 0,
    "warnings": [],
}
CHANGES_EXAMPLE: Final[JsonDict] = {
    "dry_run": False,
    "changes": [
        {
            "action": "change",
            "kind": "service",
            "id": "svc_01kbc9x3v4h5m6n7p8q9r0s1t2",
            "key": "haircut",
            "fields": ["duration_minutes"],
        }
    ],
    "affected": [],
    "affected_total": 0,
    "warnings": [
        {"pointer": "resources[0].breaks[0]", "detail": "lies outside of all hours on sun, so it has no effect then"}
    ],
}


@with_config(ConfigDict(json_schema_extra={"examples": [CHANGES_EXAMPLE, PLANNED_EXAMPLE]}))
class ChangesAnswer(TypedDict):
    """Changes that applying the document made, or would make."""

    dry_run: bool
    changes: list[ChangeAnswer]
    affected: AffectedList
    affected_total: AffectedTotal
    warnings: list[WarningAnswer]


LOCATION_EXAMPLE: Final[JsonDict] = {
    "key": "main",
    "name": "Dizengoff 12",
    "address": "Dizengoff 12, Tel Aviv",
    "timezone": "Asia/Jerusalem",
}
_HOURS_EXAMPLE: Final[JsonDict] = {"days": ["sun", "mon", "tue", "wed", "thu"], "start": "09:00", "end": "18:00"}
RESOURCE_EXAMPLE: Final[JsonDict] = {
    "key": "noa",
    "kind": "staff",
    "name": "Noa",
    "description": "Fades and long hair.",
    "location": "main",
    "capacity": 1,
    "hours": [_HOURS_EXAMPLE],
    "breaks": [{"days": ["sun", "mon", "tue", "wed", "thu"], "start": "13:00", "end": "13:30"}],
    "overrides": [{"date": "2026-12-24", "spans": [{"start": "09:00", "end": "12:00"}]}],
    "rules": {"daily_limit": 12},
}
SERVICE_EXAMPLE: Final[JsonDict] = {
    "key": "haircut",
    "name": "Haircut",
    "description": "Wash, cut and styling.",
    "duration_minutes": 30,
    "buffer_before_minutes": 0,
    "buffer_after_minutes": 5,
    "buffers_inside_hours": False,
    "price": {"amount_minor": 9000, "currency": "ILS"},
    "grid": {"align": "opening", "step_minutes": 15, "offset_minutes": 0},
    "requires": [{"role": "staff", "any_of": ["noa"], "count": 1, "offset_minutes": 0, "overrides": {}}],
    "assign": "least_booked",
    "rules": {"lead_time_minutes": 60, "window": {"days": 60}},
}
BUSINESS_EXAMPLE: Final[JsonDict] = {
    "business": {"name": "Fade & Co", "timezone": "Asia/Jerusalem", "currency": "ILS", "rules": {}},
    "locations": [LOCATION_EXAMPLE],
    "resources": [RESOURCE_EXAMPLE],
    "services": [SERVICE_EXAMPLE],
}
TIME_OFF_EXAMPLE: Final[JsonDict] = {
    "start": "2027-01-03T00:00:00+02:00",
    "end": "2027-01-10T00:00:00+02:00",
    "reason": "vacation",
}
OVERRIDE_EXAMPLE: Final[JsonDict] = {"spans": [{"start": "09:00", "end": "12:00"}]}


def entry_answer(entry: ObjectView) -> dict[str, object]:
    """An object of the catalogue as answered: its document, and what the engine knows of it."""
    return {
        "id": entry.id,
        **entry.document,
        "version": entry.version,
        "archived": entry.archived,
        **affected_members(entry.affected),
        **present(warnings=_warning_answers(entry.warnings) or None),
        **({} if entry.planned_values is None else {"dry_run": True, "changes": _value_answers(entry.planned_values)}),
    }


def time_off_answer(time_off: TimeOff) -> TimeOffAnswer:
    """The time off as answered."""
    return {"id": time_off.id, "start": time_off.start, "end": time_off.end, "reason": time_off.reason}


def changes_answer(applied: AppliedDocument, *, dry_run: bool) -> Mapping[str, object]:
    """The changes as answered, a ChangesAnswer."""
    return {
        "dry_run": dry_run,
        "changes": [_change_answer(change, dry_run=dry_run) for change in applied.changes],
        **applied.affected.facts(),
        "warnings": _warning_answers(applied.warnings),
    }


def _change_answer(change: Change, *, dry_run: bool) -> JsonObject:
    answer: JsonObject = {
        "action": change.action,
        "kind": change.kind,
        "id": change.id,
        "key": change.key,
        "fields": list(change.fields),
    }
    if dry_run:
        answer["changes"] = _value_answers(change.values)
    return answer


def _value_answers(values: Iterable[ChangedValue]) -> list[JsonObject]:
    return [
        {
            "pointer": value.pointer,
            **({} if value.old is UNSET else {"old": value.old}),
            **({} if value.new is UNSET else {"new": value.new}),
        }
        for value in values
    ]


def _warning_answers(warnings: Iterable[CatalogueWarning]) -> list[JsonObject]:
    return [{"pointer": one.pointer, "detail": one.detail} for one in warnings]
