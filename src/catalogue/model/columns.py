"""Declaration of database columns by the fields of a row, without a database library."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Final, get_args, get_origin


class IntegerSize(StrEnum):
    """Widths of an integer column."""

    SMALL = "smallint"
    NORMAL = "integer"
    BIG = "bigint"


class ColumnWriting(StrEnum):
    """Statements that write a column with the value of the row."""

    INSERT_AND_UPDATE = "insert and update"
    INSERT = "insert"
    NEITHER = "neither"


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnDetails:
    """Properties of a column that the type of its field does not say, given by `Annotated`."""

    size: IntegerSize = IntegerSize.NORMAL
    comment: str | None = None
    default: str | None = None
    """An SQL expression."""
    written_by: ColumnWriting = ColumnWriting.INSERT_AND_UPDATE


@dataclass(frozen=True, slots=True, kw_only=True)
class RowColumn:
    """Column of a row."""

    name: str
    type: type
    nullable: bool
    details: ColumnDetails


INSERTED: Final = ColumnDetails(written_by=ColumnWriting.INSERT)

RulesRecord = Annotated[Mapping[str, object], ColumnDetails(default="'{}'::jsonb")]
"""Rules as catalogue.model.rules.level stores them."""


@cache
def columns_of(row_type: type) -> tuple[RowColumn, ...]:
    """The columns that the fields of a row declare."""
    return tuple(_column(field.name, field.type) for field in fields(row_type))


def inserted_values(row: object) -> dict[str, Any]:
    """The values of a new row."""
    return _values(row, frozenset({ColumnWriting.INSERT_AND_UPDATE, ColumnWriting.INSERT}))


def updated_values(row: object) -> dict[str, Any]:
    """The values that an update of the row sets."""
    return _values(row, frozenset({ColumnWriting.INSERT_AND_UPDATE}))


def _values(row: object, writers: frozenset[ColumnWriting]) -> dict[str, Any]:
    row_type: type = type(row)
    return {name: getattr(row, name) for name in _written_names(row_type, writers)}


@cache
def _written_names(row_type: type, writers: frozenset[ColumnWriting]) -> tuple[str, ...]:
    return tuple(column.name for column in columns_of(row_type) if column.details.written_by in writers)


def _column(name: str, annotation: Any) -> RowColumn:  # noqa: ANN401 - whatever the type checker accepts as a type
    details = ColumnDetails()
    if get_origin(annotation) is Annotated:
        annotation, details = get_args(annotation)
    members = get_args(annotation) if isinstance(annotation, UnionType) else (annotation,)
    (only,) = (member for member in members if member is not NoneType)
    return RowColumn(name=name, type=get_origin(only) or only, nullable=NoneType in members, details=details)
