"""The choice of a resource when any of a pool will do, and whose visits make a turn."""

from enum import StrEnum
from typing import Annotated, Final

from pydantic import BeforeValidator, WithJsonSchema

from kernel.periods import Period


class Assign(StrEnum):
    """Choice of the resource when any of a pool will do (see availability.rules.assignment)."""

    PRIORITY = "priority"
    LEAST_BOOKED = "least_booked"
    LEAST_BOOKED_WEEK = "least_booked_week"
    LEAST_BOOKED_MONTH = "least_booked_month"
    ROUND_ROBIN = "round_robin"

    @property
    def period(self) -> Period | None:
        """The dates over which the least booked is found; None where another rule decides."""
        return _PERIODS.get(self)


class Turns(StrEnum):
    """The visits that make a turn of a resource: those of the service, or of every service."""

    SERVICE = "service"
    SHARED = "shared"


_PERIODS: Final = {
    Assign.LEAST_BOOKED: Period.DAY,
    Assign.LEAST_BOOKED_WEEK: Period.WEEK,
    Assign.LEAST_BOOKED_MONTH: Period.MONTH,
}
_NAMES: Final = ("priority", "least_booked", "round_robin")


def assign_document(assign: Assign) -> object:
    """The choice as in a document."""
    if assign.period is None or assign.period is Period.DAY:
        return assign.value
    return {"least_booked": assign.period.value}


def stored_assign(name: str, period: str) -> Assign:
    """The choice in the columns `assign` and `assign_period`."""
    if name != Assign.LEAST_BOOKED:
        return Assign(name)
    return next(assign for assign, counted in _PERIODS.items() if counted.value == period)


def assign_columns(assign: Assign) -> tuple[str, str]:
    """The reverse of `stored_assign`; an older program reads the first column only, and counts a day."""
    if assign.period is None:
        return assign.value, Period.DAY.value
    return Assign.LEAST_BOOKED.value, assign.period.value


def _assign(sent: object) -> Assign:
    if isinstance(sent, Assign):
        return sent
    if isinstance(sent, str) and sent in _NAMES:
        return Assign(sent)
    if isinstance(sent, dict) and list(sent) == ["least_booked"] and sent["least_booked"] in list(Period):
        return stored_assign(Assign.LEAST_BOOKED, sent["least_booked"])
    detail = "must be priority, least_booked, round_robin, or {least_booked: day}, with week or month in place of day"
    raise ValueError(detail)


AssignDocument = Annotated[
    Assign,
    BeforeValidator(_assign),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "enum": list(_NAMES)},
                {
                    "type": "object",
                    "properties": {"least_booked": {"type": "string", "enum": list(Period)}},
                    "required": ["least_booked"],
                    "additionalProperties": False,
                },
            ]
        }
    ),
]
