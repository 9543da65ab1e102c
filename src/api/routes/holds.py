"""Operations on holds."""

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import AfterValidator
from starlette.responses import Response

from api.answers import answer, no_content
from api.authentication import Caller
from api.dependencies import ServicesOf, Timezone, Widget
from api.documentation import also, granted, refused
from api.idempotency import HoldsRoute
from api.schemas.appointments import BOOKED_EXAMPLE, BookedAnswer, ConfirmHold, booked_answer
from api.schemas.fields import storable
from api.schemas.holds import HOLD_EXAMPLE, ExtendHold, HoldAnswer, PlaceHold, hold_answer
from availability.model import NotOffered
from bookings.model import LimitReached
from bootstrap.services import Services
from catalogue.model.catalogue import Catalogue
from holds.model import (
    Hold,
    HoldBusy,
    HoldExpired,
    HoldLifeExhausted,
    HoldLimitReached,
    HoldNotFound,
    HoldsUnavailable,
    SlotHeld,
    SlotTaken,
)
from kernel.errors import NotFound
from kernel.ids import HoldId

router = APIRouter(tags=["Holds"], route_class=HoldsRoute)

HoldPath = Annotated[
    HoldId,
    Path(description="The hold's id.", max_length=64, examples=["hld_01kbc9x3v4h5m6n7p8q9r0s1t2"]),
    AfterValidator(storable),
]


@router.post(
    "/v1/holds",
    operation_id="placeHold",
    summary="Hold a start",
    status_code=201,
    responses=also(
        granted(201, HoldAnswer, "The start is yours until `expires_at`.", HOLD_EXAMPLE),
        granted(200, HoldAnswer, "The client's own hold on the same, again.", HOLD_EXAMPLE),
        refused(NotFound, NotOffered, SlotTaken, SlotHeld, HoldLimitReached, HoldBusy, HoldsUnavailable),
    ),
)
async def place_hold(services: ServicesOf, caller: Widget, body: PlaceHold) -> Response:
    """Keep a start for a visitor while they make up their mind: nobody else can hold or book it."""
    hold, placed = await services.holds.place(caller.operation, body.place_request())
    return answer(hold_answer(hold, await _naming(services, caller, hold)), status=201 if placed else 200)


@router.get(
    "/v1/holds/{hold_id}",
    operation_id="getHold",
    summary="Read a hold",
    responses=also(granted(200, HoldAnswer, "The hold.", HOLD_EXAMPLE), refused(HoldNotFound, HoldsUnavailable)),
)
async def get_hold(services: ServicesOf, caller: Widget, hold_id: HoldPath, timezone: Timezone = None) -> Response:
    """Tell whether it still lives, and until when; for a while after its end, too."""
    hold = await services.holds.get(caller.operation, hold_id)
    return answer(hold_answer(hold, await _naming(services, caller, hold), timezone))


@router.post(
    "/v1/holds/{hold_id}/extend",
    operation_id="extendHold",
    summary="Let a hold live on",
    responses=also(
        granted(200, HoldAnswer, "The hold with its new end.", HOLD_EXAMPLE),
        refused(HoldNotFound, HoldExpired, HoldLifeExhausted, HoldBusy, HoldsUnavailable),
    ),
)
async def extend_hold(services: ServicesOf, caller: Widget, hold_id: HoldPath, body: ExtendHold) -> Response:
    """Count `ttl_seconds` from now, up to `extendable_until` at most."""
    hold = await services.holds.extend(caller.operation, hold_id, body.ttl_seconds)
    return answer(hold_answer(hold, await _naming(services, caller, hold)))


@router.delete(
    "/v1/holds/{hold_id}",
    operation_id="releaseHold",
    summary="Give a hold up",
    status_code=204,
    responses=refused(HoldBusy, HoldsUnavailable),
)
async def release_hold(services: ServicesOf, caller: Widget, hold_id: HoldPath) -> Response:
    """Free the start at once; done as well when there is no such hold."""
    await services.holds.release(caller.operation, hold_id)
    return no_content()


@router.post(
    "/v1/holds/{hold_id}/confirm",
    operation_id="confirmHold",
    summary="Make a hold an appointment",
    status_code=201,
    responses=also(
        granted(201, BookedAnswer, "The appointment, and the token for its customer.", BOOKED_EXAMPLE),
        granted(200, BookedAnswer, "The same appointment, again.", BOOKED_EXAMPLE),
        refused(HoldNotFound, HoldExpired, SlotTaken, SlotHeld, NotOffered, NotFound, LimitReached, HoldsUnavailable),
    ),
)
async def confirm_hold(services: ServicesOf, caller: Widget, hold_id: HoldPath, body: ConfirmHold) -> Response:
    """Book what was held. Confirming again gives the same appointment.

    After the hold's end it is refused, or, with `if_free`, tried all the same.
    """
    booked = await services.bookings.confirm(caller.operation, hold_id, body.details(), if_free=body.if_free)
    catalogue = await services.snapshots.catalogue(caller.tenant_id, naming=booked.appointment.names)
    return answer(
        booked_answer(booked, catalogue), status=201 if booked.created else 200, version=booked.appointment.version
    )


async def _naming(services: Services, caller: Caller, hold: Hold) -> Catalogue:
    return await services.snapshots.catalogue(caller.tenant_id, naming=hold.names)
