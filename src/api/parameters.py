"""Parameters of paths and queries that several operations share."""

from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import AfterValidator

from api.schemas.fields import Digits, Text, storable
from catalogue.model.document_fields import Zone
from kernel.ids import AppointmentId, HoldId


def object_path(alias: str | None = None) -> Any:  # noqa: ANN401 - as FastAPI declares it
    """The part of a path that names an object; `alias` is its name there, where the argument has another."""
    return Path(alias=alias, description="Id or key.", min_length=1, max_length=64, examples=["haircut"])


ObjectName = Annotated[str, object_path(), AfterValidator(storable)]
AppointmentPath = Annotated[
    AppointmentId,
    Path(description="The appointment's id.", max_length=64, examples=["apt_01kbc9x3v4h5m6n7p8q9r0s1t2"]),
    AfterValidator(storable),
]
HoldPath = Annotated[
    HoldId,
    Path(description="The hold's id.", max_length=64, examples=["hld_01kbc9x3v4h5m6n7p8q9r0s1t2"]),
    AfterValidator(storable),
]
Timezone = Annotated[
    Zone | None,
    Query(description="IANA time zone of the instants in the answer; UTC by default.", examples=["Asia/Jerusalem"]),
]
PageLimit = Annotated[int, Query(ge=1, le=200, description="Maximum number of entries to return."), Digits]
Cursor = Annotated[
    Text | None, Query(max_length=512, description="`next_cursor` of the previous page, to continue after it.")
]
