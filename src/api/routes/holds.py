"""Operations on holds."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from access.challenges import ChallengeRequired, judging
from api.answers import answer, no_content
from api.dependencies import Permitted, RefuseNew, SentBy, ServicesOf, refuse_dry_run
from api.idempotency import HoldsRoute
from api.openapi_responses import merge, refusals, success
from api.parameters import HoldPath, Timezone
from api.schemas.appointment_requests import ConfirmHold
from api.schemas.appointments import BOOKED_EXAMPLE, BookedAnswer, RepeatedAnswer, booked_answer
from api.schemas.holds import HOLD_EXAMPLE, ExtendHold, HoldAnswer, HoldsAnswer, HoldsQuery, PlaceHold, hold_answer
from availability.model import NotOffered
from availability.rules.search_budget import TooComplex
from availability.search_thread import SearchThreadBusy
from bookings.contact_proof import VerificationRequired
from bookings.model import CutoffPassed, InvalidTransition, LimitReached
from catalogue.model.quotas import QuotaExceeded
from holds.model import (
    HoldBusy,
    HoldExpired,
    HoldLifeExhausted,
    HoldLimitReached,
    HoldNotFound,
    HoldsUnavailable,
    MoveHoldRefusal,
    SlotHeld,
    SlotTaken,
)
from kernel.errors import NotFound

router = APIRouter(tags=["Holds"], route_class=HoldsRoute, dependencies=[Depends(refuse_dry_run)])


@router.post(
    "/v1/holds",
    operation_id="placeHold",
    summary="Place a hold",
    status_code=201,
    responses=merge(
        success(201, HoldAnswer, "The new hold, valid until `expires_at`.", HOLD_EXAMPLE),
        success(200, HoldAnswer, "The hold that the client already has on this start.", HOLD_EXAMPLE),
        refusals(
            NotFound, NotOffered, TooComplex, SearchThreadBusy, SlotTaken, SlotHeld, HoldLimitReached, HoldBusy,
            HoldExpired, HoldNotFound, HoldLifeExhausted, HoldsUnavailable, InvalidTransition, CutoffPassed,
            LimitReached, ChallengeRequired,
        ),
    ),
)  # fmt: skip
async def place_hold(services: ServicesOf, caller: Permitted, visitor: SentBy, body: PlaceHold) -> Response:
    """Keep a start for a visitor while they decide. Others can neither hold nor book it.

    Live holds of publishable keys are limited, from one address and in the business. `override` needs a secret key.
    With `rescheduling`, the hold is for a move of an appointment, and may share minutes with its present time.
    """
    if body.override:
        caller.require_business()
    request = body.place_request(by_visitor=caller.operation.is_by_customer)
    async with judging(services.challenge, visitor, body.challenge) as judged:
        if request.rescheduling is None:
            hold, placed = await services.holds.place(caller.operation, request, judged)
        else:
            moving = caller.moving(request.rescheduling)
            hold, placed = await services.move_holds.place(moving, request.rescheduling, request, judged)
    catalogue = await services.snapshots.catalogue(caller.operation.tenant_id, naming=hold.names)
    return answer(hold_answer(hold, catalogue), status=201 if placed else 200)


@router.get(
    "/v1/holds",
    operation_id="listHolds",
    summary="List live holds",
    responses=merge(
        success(200, HoldsAnswer, "A page of live holds.", {"data": [HOLD_EXAMPLE], "next_cursor": None}),
        refusals(NotFound, HoldsUnavailable),
    ),
)
async def list_holds(services: ServicesOf, caller: Permitted, query: Annotated[HoldsQuery, Query()]) -> Response:
    """List the live holds that match all parameters, in the order in which they end.

    One that is extended between two pages moves to a later page, and may come twice.
    """
    catalogue = live = await services.snapshots.catalogue(caller.operation.tenant_id)
    if not query.names_live_objects(catalogue):
        # What is archived may still be held.
        catalogue = await services.objects.named(caller.operation, query.names)
    holds, next_cursor = await services.holds.find(
        caller.operation, query.filter(catalogue, live), after=query.cursor, limit=query.limit
    )
    names = frozenset[str]().union(*(hold.names for hold in holds))
    catalogue = await services.snapshots.catalogue(caller.operation.tenant_id, naming=names)
    page = [hold_answer(hold, catalogue, query.timezone) for hold in holds]
    return answer({"data": page, "next_cursor": next_cursor})


@router.get(
    "/v1/holds/{hold_id}",
    operation_id="getHold",
    summary="Read a hold",
    responses=merge(success(200, HoldAnswer, "The hold.", HOLD_EXAMPLE), refusals(HoldNotFound, HoldsUnavailable)),
)
async def get_hold(services: ServicesOf, caller: Permitted, hold_id: HoldPath, timezone: Timezone = None) -> Response:
    """Return the hold with its status and end. An ended hold can still be read for a while."""
    hold = await services.holds.get(caller.operation, hold_id)
    catalogue = await services.snapshots.catalogue(caller.operation.tenant_id, naming=hold.names)
    return answer(hold_answer(hold, catalogue, timezone))


@router.post(
    "/v1/holds/{hold_id}/extend",
    operation_id="extendHold",
    summary="Extend a hold",
    responses=merge(
        success(200, HoldAnswer, "The hold with its new end.", HOLD_EXAMPLE),
        refusals(HoldNotFound, HoldExpired, HoldLifeExhausted, HoldBusy, HoldsUnavailable),
    ),
)
async def extend_hold(services: ServicesOf, caller: Permitted, hold_id: HoldPath, body: ExtendHold) -> Response:
    """Move the end of the hold to `ttl_seconds` from now, at most to `extendable_until`."""
    hold = await services.holds.extend(caller.operation, hold_id, body.ttl_seconds)
    catalogue = await services.snapshots.catalogue(caller.operation.tenant_id, naming=hold.names)
    return answer(hold_answer(hold, catalogue))


@router.delete(
    "/v1/holds/{hold_id}",
    operation_id="releaseHold",
    summary="Release a hold",
    status_code=204,
    responses=refusals(HoldBusy, HoldsUnavailable),
)
async def release_hold(services: ServicesOf, caller: Permitted, hold_id: HoldPath) -> Response:
    """Free the start at once. Succeeds also if the hold does not exist. A back end may release any visitor's hold."""
    await services.holds.release(caller.operation, hold_id)
    return no_content()


@router.post(
    "/v1/holds/{hold_id}/confirm",
    operation_id="confirmHold",
    summary="Confirm a hold",
    status_code=201,
    responses=merge(
        success(201, BookedAnswer, "The new appointment, with the token for its customer.", BOOKED_EXAMPLE),
        success(200, RepeatedAnswer, "The appointment made by an earlier confirmation.", BOOKED_EXAMPLE),
        refusals(
            HoldNotFound,
            HoldExpired,
            MoveHoldRefusal,
            SlotTaken,
            SlotHeld,
            NotOffered,
            TooComplex,
            SearchThreadBusy,
            NotFound,
            LimitReached,
            QuotaExceeded,
            VerificationRequired,
            HoldsUnavailable,
        ),
    ),
)
async def confirm_hold(
    services: ServicesOf, caller: Permitted, hold_id: HoldPath, body: ConfirmHold, refuse_new: RefuseNew
) -> Response:
    """Turn the hold into an appointment. Confirming again returns the same appointment.

    What is personal, and the token, are returned again only to the same details within 15 minutes, or to a secret key.
    An expired hold is refused; with `if_free`, the time is booked if it is still free.
    """
    if refuse_new is None:
        booked = await services.bookings.confirm(caller.operation, hold_id, body.details(), if_free=body.if_free)
    else:
        booked = await services.bookings.confirmed(caller.operation, hold_id, body.details()) or refuse_new()
    catalogue = await services.snapshots.catalogue(caller.operation.tenant_id, naming=booked.appointment.names)
    return answer(
        booked_answer(booked, catalogue), status=201 if booked.created else 200, version=booked.appointment.version
    )
