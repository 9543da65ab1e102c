"""Columns that all objects of the catalogue have."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from catalogue.model.columns import INSERTED, ColumnDetails, ColumnWriting


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectRow:
    """Row of a location, a resource or a service; statements set its version and its archival."""

    id: Annotated[str, INSERTED]
    key: str
    name: str
    version: Annotated[
        int,
        ColumnDetails(default="1", written_by=ColumnWriting.NEITHER),
    ] = 1
    archived_at: Annotated[datetime | None, ColumnDetails(written_by=ColumnWriting.NEITHER)] = None
