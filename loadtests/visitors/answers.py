"""What an answer is: granted, a refusal that belongs to the business, or a failure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

_PROBLEM: Final = "application/problem+json"
_JSON: Final = "application/json"
_NO_CONTENT: Final = 204
_REFUSED_FROM: Final = 400
# Somebody else was faster.
_LOST_RACE: Final = frozenset({"slot_taken", "slot_held"})
# What a back office, or the passing of time, may do to a start between its listing and its booking.
_WITHDRAWN: Final = frozenset({"not_offered/time_off", "not_offered/closed", "not_offered/lead_time"})
_LIMITS: Final = frozenset({"limit_reached", "not_offered/daily_limit"})
_HOLD_MEMBERS: Final = frozenset({"id", "start", "end", "resources", "party", "status", "expires_at"})
_APPOINTMENT_MEMBERS: Final = frozenset({"id", "start", "end", "resources", "party", "status", "version", "hold"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of request: what its answers may be."""

    granted: frozenset[int] = frozenset({200})
    members: frozenset[str] = frozenset()
    """What every granted answer has."""
    refusals: frozenset[str] = frozenset()
    """Codes that belong to the business; of `not_offered` with its reason."""


KINDS: Final[Mapping[str, Kind]] = {
    "list month": Kind(members=frozenset({"service", "days"})),
    "list day": Kind(members=frozenset({"service", "days"})),
    "list next": Kind(members=frozenset({"service", "slots"})),
    "place hold": Kind(
        granted=frozenset({200, 201}),
        members=_HOLD_MEMBERS,
        refusals=_LOST_RACE | _WITHDRAWN | _LIMITS | {"hold_limit_reached", "hold_life_exhausted"},
    ),
    "extend hold": Kind(
        members=_HOLD_MEMBERS, refusals=frozenset({"hold_expired", "hold_not_found", "hold_life_exhausted"})
    ),
    "release hold": Kind(granted=frozenset({_NO_CONTENT})),
    "confirm hold": Kind(
        granted=frozenset({200, 201}),
        members=_APPOINTMENT_MEMBERS | {"token"},
        refusals=_LIMITS | {"hold_expired", "hold_not_found"},
    ),
    # With `if_free`, after the hold's end.
    "confirm late": Kind(
        granted=frozenset({200, 201}),
        members=_APPOINTMENT_MEMBERS | {"token"},
        refusals=_LOST_RACE | _WITHDRAWN | _LIMITS | {"hold_not_found"},
    ),
    "book": Kind(
        granted=frozenset({200, 201}),
        members=_APPOINTMENT_MEMBERS | {"token"},
        refusals=_LOST_RACE | _WITHDRAWN | _LIMITS,
    ),
    "reschedule": Kind(
        members=_APPOINTMENT_MEMBERS,
        refusals=_LOST_RACE | _WITHDRAWN | _LIMITS | {"cutoff_passed", "hold_expired", "hold_not_found"},
    ),
    "cancel": Kind(members=_APPOINTMENT_MEMBERS, refusals=frozenset({"cutoff_passed"})),
    "read appointment": Kind(members=_APPOINTMENT_MEMBERS),
    "add time off": Kind(granted=frozenset({201}), members=frozenset({"id"})),
    "end time off": Kind(granted=frozenset({_NO_CONTENT})),
    "set hours": Kind(),
    "reset hours": Kind(granted=frozenset({_NO_CONTENT})),
}
"""Every kind of request, by the name it has in Locust's report and in the budgets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the report says of an answer."""

    line: str
    """The name of its line: that of the request, and of the refusal where it is one."""
    failure: str | None = None
    """None: it is as it should be."""


def judge(name: str, *, status: int | None, media_type: str, body: object, remark: str = "") -> Verdict:
    """Compare an answer with what its kind allows. `status` is None where there was no answer."""
    kind = KINDS[name]
    if status is None:
        return Verdict(line=name, failure=f"no answer: {remark}")
    if status in kind.granted:
        return Verdict(line=name, failure=_misshapen(kind, status, media_type, body))
    if status < _REFUSED_FROM:
        return Verdict(line=name, failure=f"answered {status}, which is not documented for it")
    code = _code(body)
    if media_type != _PROBLEM or not code:
        return Verdict(line=name, failure=f"answered {status} without a problem document")
    if code in kind.refusals:
        return Verdict(line=f"{name}: {code}")
    return Verdict(line=name, failure=f"{status} {code}")


def _code(body: object) -> str:
    if not isinstance(body, Mapping):
        return ""
    code, reason = str(body.get("code", "")), body.get("reason")
    return f"{code}/{reason}" if code == "not_offered" and reason else code


def _misshapen(kind: Kind, status: int, media_type: str, body: Any) -> str | None:  # noqa: ANN401 - whatever came
    if status == _NO_CONTENT:
        return None
    if media_type != _JSON or not isinstance(body, Mapping):
        return f"answered {status} with {media_type or 'nothing'} instead of a JSON object"
    missing = sorted(kind.members - body.keys())
    return f"answered {status} without {', '.join(missing)}" if missing else None
