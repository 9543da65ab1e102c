"""Rate limits: what a request counts as, for each source that it comes from."""

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Final, NoReturn

from starlette.types import Scope

from access.rates.counts import Charge, RateCounts, charge_of
from access.rates.model import Activity, RateLimited, RateLimits, Rates, Source, activity_of
from api.authentication import Caller
from api.visitors import VisitorAddresses
from holds.model import NETWORK_BYTES
from telemetry.measures import REQUESTS_LIMITED
from telemetry.metrics import Metrics

_COUNTED: Final = "rates_counted"
_UNDO: Final = "rates_undo"
_NO_ROOM: Final = "rates_no_room"
# What requests of the same kind count as, some megabytes.
_MOST_REMEMBERED: Final = 4096
_CREATED: Final = 201
_OPERATOR: Final = "operator"
_NO_BUSINESS: Final = 0


class RateLimiting:
    """Counts each request once, in the process: no store is asked."""

    def __init__(self, *, limits: RateLimits, counts: RateCounts, visitors: VisitorAddresses, metrics: Metrics) -> None:
        self._limits = limits
        self._counts = counts
        self._visitors = visitors
        self._metrics = metrics
        self._charges = lru_cache(_MOST_REMEMBERED)(self._charges_anew)

    def admit(self, caller: Caller, operation_id: str, scope: Scope) -> None:
        """Count a request of an authenticated caller. Raises RateLimited if that exceeds one of its rates.

        Where only an appointment would be one too many, the request goes on (`room_to_book`): it may repeat one that
        was answered, and that answer was lost.
        """
        state = scope["state"]
        if _COUNTED in state:
            # The fast lane has counted it, and left it to FastAPI.
            return
        state[_COUNTED] = True
        operation = caller.operation
        is_visitors = operation.is_by_customer
        address = self._visitors.visitor(scope).address if is_visitors else None
        charged, booked = self._charges(
            operation.tenant_id.int, operation_id, address, caller.key_id or operation.actor.id, is_visitors
        )
        try:
            self._counts.charge(charged)
        except RateLimited as refusal:
            self._refuse(refusal)
        if not booked:
            return
        try:
            self._counts.charge(booked)
        except RateLimited as refusal:
            state[_NO_ROOM] = partial(self._refuse, refusal)
        else:
            state[_UNDO] = partial(self._counts.take_back, booked)

    def _refuse(self, refusal: RateLimited) -> NoReturn:
        self._metrics.add(REQUESTS_LIMITED, label=str(refusal.facts["policy"]))
        raise refusal

    def admit_operator(self, scope: Scope) -> None:
        """Count a request of the operator, whatever its key, as one of a back end. Raises RateLimited."""
        state = scope["state"]
        if _COUNTED in state:
            return
        state[_COUNTED] = True
        sources: list[tuple[Source, str | bytes, Rates]] = [(Source.KEY, _OPERATOR, self._limits.secret_key)]
        try:
            self._counts.charge(_charges(_NO_BUSINESS, Activity.OTHER, sources))
        except RateLimited as refusal:
            self._refuse(refusal)

    def _charges_anew(
        self,
        business: int,
        operation_id: str,
        address: bytes | None,
        credential: str,
        is_visitors: bool,  # noqa: FBT001
    ) -> tuple[Sequence[Charge], Sequence[Charge]]:
        """Everything that a request counts as, the most narrow source first; and what it does besides if it books."""
        limits, sources = self._limits, list[tuple[Source, str | bytes, Rates]]()
        if address is not None:
            sources.append((Source.ADDRESS, address, limits.address))
            sources.append((Source.NETWORK, address[: NETWORK_BYTES[len(address)]], limits.network))
        sources.append((Source.KEY, credential, limits.visitors_key if is_visitors else limits.secret_key))
        if is_visitors:
            sources.append((Source.BUSINESS, "", limits.business))
        activity = activity_of(operation_id)
        charged = _charges(business, activity, sources)
        booked = _charges(business, Activity.BOOKED, sources) if activity is Activity.BOOK else []
        return charged, booked


Refuse = Callable[[], NoReturn]
"""Raises the refusal of one more appointment."""


def room_to_book(scope: Scope) -> Refuse | None:
    """Get what refuses anything but a repetition, where the request may make no appointment; None: it may."""
    found: Refuse | None = scope["state"].get(_NO_ROOM)
    return found


def take_back(scope: Scope) -> None:
    """Uncount the appointment of a request: none was made by it."""
    undo: Callable[[], None] | None = scope["state"].pop(_UNDO, None)
    if undo is not None:
        undo()


def take_back_unless_created(scope: Scope, status: int) -> None:
    """Uncount an appointment that was not made: refusals, and repetitions of what was made before."""
    if status != _CREATED:
        take_back(scope)


def _charges(business: int, activity: Activity, sources: list[tuple[Source, str | bytes, Rates]]) -> list[Charge]:
    return [
        charge_of(business, source, subject, activity, rate)
        for source, subject, rates in sources
        if (rate := rates.get(activity)) is not None
    ]
