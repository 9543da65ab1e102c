"""Grid of the starts of a service."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from catalogue.limits import MAX_FIXED_STARTS
from catalogue.model.document_fields import DurationMinutes, StartTime
from catalogue.model.documents import Document, JsonObject, present, refuse_if
from catalogue.model.wall_clock import wall_time
from kernel.spans import MINUTES_PER_DAY


class Align(StrEnum):
    """Origin of the grid (see availability.rules.search)."""

    OPENING = "opening"
    CLOCK = "clock"
    GAP = "gap"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Starts of the slots of a service."""

    align: Align = Align.OPENING
    """CLOCK where the starts are fixed."""
    step_minutes: int | None = None
    """None: the service's duration."""
    offset_minutes: int = 0
    """Moves the first slot only."""
    at: tuple[int, ...] = ()
    """Fixed starts, in minutes of the wall clock since midnight; empty: the starts follow from the step."""
    minimum_gap_minutes: int | None = None
    """Of a gap grid: no visit leaves a shorter gap. None: none too short for another such visit, if avoidable."""
    last_start_minutes: int | None = None
    """The least time from a start until work ends; None: the visit's own length decides."""


class GridDocument(Document):
    """Starts of the slots of a service."""

    align: Annotated[Align, Field(strict=False)] = Align.OPENING
    step_minutes: DurationMinutes | None = Field(default=None, description="Default: the service's duration.")
    offset_minutes: Annotated[int, Field(ge=0, le=MINUTES_PER_DAY)] = 0
    at: Annotated[list[StartTime], Field(min_length=1, max_length=MAX_FIXED_STARTS)] | None = Field(
        default=None, description="Fixed starts by the wall clock, instead of `align`, a step and an offset."
    )
    minimum_gap_minutes: Annotated[int, Field(ge=1, le=MINUTES_PER_DAY)] | None = Field(
        default=None,
        description="With `gap`: no visit leaves a shorter gap. Default: none that is too short for another such "
        "visit, unless every start of a stretch leaves one.",
    )
    last_start_minutes: DurationMinutes | None = Field(
        default=None, description="The last start is so many minutes before work ends, or earlier."
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        is_fixed, is_gap = self.at is not None, self.align is Align.GAP
        by_itself = "must be absent where `at` says the starts"
        refuse_if(
            (is_fixed and is_gap, "align", by_itself),
            (is_fixed and self.step_minutes is not None, "step_minutes", by_itself),
            (is_fixed and self.offset_minutes != 0, "offset_minutes", by_itself),
            (is_fixed and len(set(self.at or ())) < len(self.at or ()), "at", "must name each time once"),
            (
                not is_gap and self.minimum_gap_minutes is not None,
                "minimum_gap_minutes",
                'needs `align: "gap"`: no other grid looks at gaps',
            ),
        )
        return self


def desired_grid(entry: GridDocument) -> Grid:
    """The grid in the document."""
    return Grid(
        align=Align.CLOCK if entry.at else entry.align,
        step_minutes=entry.step_minutes,
        offset_minutes=entry.offset_minutes,
        at=tuple(sorted(entry.at or ())),
        minimum_gap_minutes=entry.minimum_gap_minutes,
        last_start_minutes=entry.last_start_minutes,
    )


def grid_document(grid: Grid) -> JsonObject:
    """The grid as a document."""
    last = present(last_start_minutes=grid.last_start_minutes)
    if grid.at:
        return {"at": [wall_time(minute) for minute in grid.at], **last}
    return {
        **present(
            align=grid.align.value,
            step_minutes=grid.step_minutes,
            offset_minutes=grid.offset_minutes,
            minimum_gap_minutes=grid.minimum_gap_minutes,
        ),
        **last,
    }
