"""The clock of a sandbox in requests and answers."""

from datetime import datetime
from typing import Annotated, Final

from pydantic import AfterValidator, ConfigDict, Field, with_config
from pydantic.config import JsonDict
from typing_extensions import TypedDict

from api.schemas.fields import RequestModel
from catalogue.limits import FIRST_YEAR, LAST_YEAR
from catalogue.model.document_fields import InstantSecond
from catalogue.sandbox import ClockView

CLOCK_EXAMPLE: Final[JsonDict] = {"now": "2026-03-29T00:00:00Z", "frozen": True}


def _after_the_first_year(now: datetime) -> datetime:
    # The buffer before a visit is up to a week long, and must lie in the calendar too.
    if now.year <= FIRST_YEAR:
        detail = f"must be in the years {FIRST_YEAR + 1} to {LAST_YEAR}"
        raise ValueError(detail)
    return now


class SetClock(RequestModel):
    """The time to set."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"now": "2026-03-29T00:00:00Z"}]})

    now: Annotated[
        InstantSecond,
        AfterValidator(_after_the_first_year),
        Field(description="A whole second, in the years 2001 to 2199."),
    ]


@with_config(ConfigDict(json_schema_extra={"examples": [CLOCK_EXAMPLE]}))
class ClockAnswer(TypedDict):
    """The time of the business."""

    now: datetime
    frozen: Annotated[
        bool, Field(description="True if the clock stays at this time until it is changed; false for real time.")
    ]


def clock_answer(view: ClockView) -> ClockAnswer:
    """The answer that describes the clock."""
    return {"now": view.now, "frozen": view.frozen}
