"""Overrides in requests and answers."""

import difflib
from typing import Annotated, Final

from pydantic import AfterValidator, Field, StringConstraints
from pydantic.config import JsonDict

from availability.model import Override
from availability.rules.overrides import PAST_MINUTES

_NAMES: Final = [override.value for override in Override]
_MEANING: Final = (
    "`lead_time` waives the notice, for a visit that begins in the minute that runs or later; `past` also lets it have "
    f"begun up to {PAST_MINUTES // 60} hours ago; `off_grid` allows every minute; `closed` allows times outside of "
    "working time, in breaks and on closed dates; `limits` waives daily and customer limits, and the booking window up "
    "to the farthest date that any window may have; `held` ends visitors' holds that are in the way, unless they are "
    "being confirmed. Bookings, time off and the number of places always count. Requires a secret key."
)


def _known(sent: str) -> str:
    if sent not in _NAMES:
        close = difflib.get_close_matches(sent, _NAMES, n=1)
        detail = f'no such override; did you mean "{close[0]}"?' if close else f"must be one of {', '.join(_NAMES)}"
        raise ValueError(detail)
    return sent


def _each_once(sent: list[str]) -> list[str]:
    if len(set(sent)) < len(sent):
        raise ValueError("must name each rule once")
    return sent


_Name = Annotated[
    str,
    StringConstraints(max_length=40),
    AfterValidator(_known),
    Field(json_schema_extra={"enum": list(_NAMES)}),
]
_EACH_ONCE: Final[JsonDict] = {"uniqueItems": True}
Overrides = Annotated[
    list[_Name],
    AfterValidator(_each_once),
    Field(
        max_length=len(_NAMES),
        description=f"Rules that do not count for this visit. {_MEANING}",
        json_schema_extra=_EACH_ONCE,
    ),
]
QueryOverrides = Annotated[
    list[_Name],
    AfterValidator(_each_once),
    Field(
        max_length=len(_NAMES),
        description="List what a hold with this override could have; repeat it for several. Requires a secret key.",
        json_schema_extra=_EACH_ONCE,
    ),
]
WaivedRules = Annotated[
    list[Annotated[str, Field(json_schema_extra={"enum": list(_NAMES)})]],
    Field(description="Rules that the business waived for this time, whether they were in the way or not."),
]
