"""The rotation of appointment tokens in requests and answers."""

from datetime import datetime
from typing import Annotated, Final

from pydantic import ConfigDict, Field, with_config
from pydantic.config import JsonDict
from typing_extensions import TypedDict

from api.schemas.fields import RequestModel
from bookings.token_secrets import MOST_OVERLAP_DAYS

ROTATION_EXAMPLE: Final[JsonDict] = {"previous_until": "2026-12-31T06:05:00Z"}


class RotateAppointmentTokens(RequestModel):
    """Terms of a rotation."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"overlap_days": 30}]})

    overlap_days: Annotated[
        int,
        Field(
            ge=0,
            le=MOST_OVERLAP_DAYS,
            description="For so long tokens of before go on to work. 0: no more.",
        ),
    ] = 30


@with_config(ConfigDict(json_schema_extra={"examples": [ROTATION_EXAMPLE]}))
class TokenRotationAnswer(TypedDict):
    """A rotation that was made."""

    previous_until: Annotated[datetime, Field(description="Tokens that were made before work until then.")]


def rotation_answer(until: datetime) -> TokenRotationAnswer:
    """Write the answer to a rotation."""
    return {"previous_until": until}
