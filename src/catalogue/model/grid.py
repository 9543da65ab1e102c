"""Grid of the starts of a service."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from catalogue.model.document_fields import DurationMinutes
from catalogue.model.documents import Document, JsonObject, present
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
    step_minutes: int | None = None
    """None: the service's duration."""
    offset_minutes: int = 0
    """Moves the first slot only."""


class GridDocument(Document):
    """Starts of the slots of a service."""

    align: Annotated[Align, Field(strict=False)] = Align.OPENING
    step_minutes: DurationMinutes | None = Field(default=None, description="Default: the service's duration.")
    offset_minutes: Annotated[int, Field(ge=0, le=MINUTES_PER_DAY)] = 0


def desired_grid(entry: GridDocument) -> Grid:
    """The grid in the document."""
    return Grid(align=entry.align, step_minutes=entry.step_minutes, offset_minutes=entry.offset_minutes)


def grid_document(grid: Grid) -> JsonObject:
    """The grid as a document."""
    return present(align=grid.align.value, step_minutes=grid.step_minutes, offset_minutes=grid.offset_minutes)
