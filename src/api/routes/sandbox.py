"""Operations on the clock of a sandbox."""

from fastapi import APIRouter
from starlette.responses import Response

from api.answers import answer, no_content
from api.dependencies import Secret, ServicesOf
from api.documentation import also, granted, refused
from api.idempotency import RepeatableRoute
from api.schemas.sandbox import CLOCK_EXAMPLE, ClockAnswer, SetClock, clock_answer

router = APIRouter(tags=["Sandbox"], route_class=RepeatableRoute)

_AS_IT_STANDS = also(granted(200, ClockAnswer, "What time it is for the business.", CLOCK_EXAMPLE), refused())


@router.put(
    "/v1/sandbox/clock",
    operation_id="setClock",
    summary="Set the clock of a sandbox",
    responses=_AS_IT_STANDS,
)
async def set_clock(services: ServicesOf, caller: Secret, body: SetClock) -> Response:
    """Let it be that instant until it is changed, for every rule about time but the life of holds, which is real."""
    return answer(clock_answer(await services.sandbox.set_clock(caller.operation, body.now)))


@router.get(
    "/v1/sandbox/clock",
    operation_id="getClock",
    summary="Read the clock of a sandbox",
    responses=_AS_IT_STANDS,
)
async def get_clock(services: ServicesOf, caller: Secret) -> Response:
    """What time the rules take it to be."""
    return answer(clock_answer(await services.sandbox.clock(caller.operation)))


@router.delete(
    "/v1/sandbox/clock",
    operation_id="resetClock",
    summary="Let a sandbox have the real time again",
    status_code=204,
    responses=refused(),
)
async def reset_clock(services: ServicesOf, caller: Secret) -> Response:
    """Take its own clock away; done as well where there is none."""
    await services.sandbox.reset_clock(caller.operation)
    return no_content()
