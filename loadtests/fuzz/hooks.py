"""Additions to Schemathesis: values for the formats of this API, and the refusals that its schemas cannot foresee."""

import re
from datetime import date, datetime, timedelta, timezone
from typing import Any, Final

import schemathesis
from hypothesis import strategies as st

_FIRST: Final = date(2000, 1, 1)
_LAST: Final = date(2199, 12, 31)
_NEAR: Final = (date(2026, 11, 1), date(2027, 6, 30))
"""Dates on which the example business may be open."""
_ZONES: Final = ("UTC", "Asia/Jerusalem", "America/New_York", "Asia/Kathmandu", "Pacific/Kiritimati", "Africa/Cairo")
_REFUSED: Final = 422
_FORESEEN: Final = (
    # A format says how a date is written, not which years and seconds there are.
    "must be in the years",
    "must be on a whole (minute|second)",
    # Characters are a matter of categories, which the patterns of JSON Schema do not know.
    "must not contain U\\+",
    "must not contain NUL",
    "must not be blank",
    # The length of a text is judged after it is folded, too.
    "must have at most [0-9]+ characters$",
    # JSON Schema takes 1.0 for an integer. Documents are read as strictly as they are written: as 1.
    "must be a (valid integer|whole number)$",
    # The body of PATCH is documented as an object; which members it may have is said in words.
    "^unknown field",
    # One field depends on another.
    "must be after start",
    "must not equal start",
    "must be after from, and at most [0-9]+ days later$",
    "^claims: must name the claim of the role, or that of the customer$",
    # Answers to questions may choose the service.
    "^service: required$",
    "must not be before (from|valid_from)",
    "must be within [0-9]+ days of",
    "must not be less than ttl_seconds",
    "requires start or hold",
    "sets the time and the resource: leave out",
    "^a move keeps the service: leave out",
    "^belongs to the hold: place it with this override$",
    "^jwks_url: must be given, or public_keys, and not both$",
    "^body: give url, or host$",
    "^from: must be given, or messaging_service, and not both$",
    "^email: give either email or phone$",
    "^query\\.to: must be at most [0-9]+ days after from",
    "^query\\.service: required$",
    # Of the questions of a service the engine alone knows.
    "must be a question's key and the answer, as in ",
    "^must start with https:// or http://$",
    "cannot be removed$",
    "is not a URL; write blanks and letters beyond ASCII in its path as %XX$",
    "^duration_minutes: must be absent: ",
    "must be for the service and the party of the appointment",
    "give (either any_of or kind|one of days, business_days|active, daily, or both)",
    "a visit may take at most [0-9]+ minutes",
    "must (be less than|end within) the service's duration_minutes",
    "the currency of the service's price",
    "already has an override",
    "the date in the path, or absent",
    "all entries of role",
    "is (not|already) in the pool",
    "the size of the pool",
    "a hold of this service lives [0-9]+ seconds at most",
    "asks no questions$",
    "^must be a type such as",
    "^is no event that is still kept",
    "^jwks_url: The host .* has no address\\.$",
    # Which objects there are is known to the engine alone, and so are its cursors.
    "is unknown; start again without a cursor",
    "must be the next_cursor of an earlier answer",
    "is already the key of",
    "required, because the business has several",
    "required, but the business has no location yet",
    "^no (location|resource|service)",
    "still has resources",
    "^needed by",
    "may have at most [0-9]+",
)
"""Faults that a request can have although it is valid by its schema, in the words of the engine."""


def _instant(day: date, minute: int, quarters: int) -> str:
    offset = timezone(timedelta(minutes=15 * quarters))
    return (datetime(day.year, day.month, day.day, tzinfo=offset) + timedelta(minutes=minute)).isoformat()


_DATES: Final = st.dates(*_NEAR) | st.dates(_FIRST, _LAST)
schemathesis.openapi.format("date", _DATES.map(date.isoformat))
schemathesis.openapi.format("date-time", st.builds(_instant, _DATES, st.integers(0, 1439), st.integers(-48, 56)))
schemathesis.openapi.format("iana-time-zone", st.sampled_from(_ZONES))
schemathesis.openapi.format("idn-email", st.from_regex(r"[a-z][a-z0-9]{0,9}@[a-z]{1,10}\.example", fullmatch=True))


@schemathesis.check
def valid_form_is_accepted(
    _context: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case[Any]
) -> None:
    """Find requests that are valid by their schema and refused for their form.

    The check positive_data_acceptance knows only the status, and 422 has several codes here: `validation` for the
    form, others for what the rules of the business exclude.
    """
    if case.meta is None or not case.meta.generation.mode.is_positive or response.status_code != _REFUSED:
        return
    problem = response.json()
    if problem["code"] != "validation":
        return
    faults = [(error["detail"], f"{error['pointer']}: {error['detail']}") for error in problem["errors"]]
    unforeseen = [sentence for detail, sentence in faults if not (_is_foreseen(detail) or _is_foreseen(sentence))]
    if unforeseen:
        detail = "; ".join(unforeseen)
        message = f"a request that its schema allows was refused: {detail}"
        raise AssertionError(message)


def _is_foreseen(detail: str) -> bool:
    return any(re.search(pattern, detail) for pattern in _FORESEEN)
