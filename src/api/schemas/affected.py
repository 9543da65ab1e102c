"""Appointments that a change of the set-up affects, in answers."""

from typing import Annotated, Final, NotRequired

from pydantic import Field
from pydantic.config import JsonDict
from typing_extensions import TypedDict

from api.schemas.fields import InstantText
from catalogue.affected import AffectedAppointments


class AffectedAnswer(TypedDict):
    """A live appointment that fitted before the change and does not fit any more."""

    id: str
    start: InstantText
    end: InstantText
    service: Annotated[str, Field(description="Key.")]
    resources: Annotated[list[str], Field(description="Keys.")]


AffectedList = Annotated[list[AffectedAnswer], Field(description="The first 100, by their starts.")]
AffectedTotal = Annotated[int, Field(description="The number of all of them.")]


class AffectedMembers(TypedDict):
    """Members of the answer to a change that affects appointments; they are absent where it affects none."""

    affected: NotRequired[AffectedList]
    affected_total: NotRequired[AffectedTotal]


class AffectedListAnswer(TypedDict):
    """Appointments that the change affects."""

    affected: AffectedList
    affected_total: AffectedTotal


AFFECTED_EXAMPLE: Final[JsonDict] = {
    "affected": [
        {
            "id": "apt_01kbc9x3v4h5m6n7p8q9r0s1t2",
            "start": "2026-12-24T08:00:00Z",
            "end": "2026-12-24T08:30:00Z",
            "service": "haircut",
            "resources": ["noa"],
        }
    ],
    "affected_total": 1,
}


def affected_members(affected: AffectedAppointments) -> dict[str, object]:
    """The members of an answer: none where nothing is affected."""
    return dict(affected.facts()) if affected.total else {}
