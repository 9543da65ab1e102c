"""The clock of a sandbox as clients set it and are answered."""

from datetime import datetime
from typing import Annotated, Final

from pydantic import ConfigDict, Field, with_config
from pydantic.config import JsonDict
from typing_extensions import TypedDict

from api.schemas.fields import RequestModel
from catalogue.document import Instant
from catalogue.sandbox import ClockView

CLOCK_EXAMPLE: Final[JsonDict] = {"now": "2026-03-29T00:00:00Z", "frozen": True}


class SetClock(RequestModel):
    """What time it is to be."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"now": "2026-03-29T00:00:00Z"}]})

    now: Annotated[Instant, Field(description="A whole minute, in the years 2000 to 2199.")]


@with_config(ConfigDict(json_schema_extra={"examples": [CLOCK_EXAMPLE]}))
class ClockAnswer(TypedDict):
    """What time it is for the business."""

    now: datetime
    frozen: Annotated[bool, Field(description="Whether it stays that time until it is changed; false: the real time.")]


def clock_answer(view: ClockView) -> ClockAnswer:
    """The clock as answered."""
    return {"now": view.now, "frozen": view.frozen}
