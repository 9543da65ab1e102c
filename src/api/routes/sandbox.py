"""Operations on the clock of a sandbox."""

from fastapi import APIRouter
from starlette.responses import Response

from api.answers import answer, no_content
from api.dependencies import Permitted, ServicesOf
from api.idempotency import RepeatableRoute
from api.openapi_responses import merge, refusals, success
from api.schemas.sandbox import CLOCK_EXAMPLE, ClockAnswer, SetClock, clock_answer

router = APIRouter(tags=["Sandbox"], route_class=RepeatableRoute)

_CLOCK = merge(success(200, ClockAnswer, "The time of the business.", CLOCK_EXAMPLE), refusals())


@router.put(
    "/v1/sandbox/clock",
    operation_id="setClock",
    summary="Set the clock of a sandbox",
    responses=_CLOCK,
)
async def set_clock(services: ServicesOf, caller: Permitted, body: SetClock) -> Response:
    """Freeze the time of the business at this instant. Holds alone still expire in real time."""
    return answer(clock_answer(await services.sandbox.set_clock(caller.operation, body.now)))


@router.get(
    "/v1/sandbox/clock",
    operation_id="getClock",
    summary="Read the clock of a sandbox",
    responses=_CLOCK,
)
async def get_clock(services: ServicesOf, caller: Permitted) -> Response:
    """Return the time that the rules use."""
    return answer(clock_answer(await services.sandbox.clock(caller.operation)))


@router.delete(
    "/v1/sandbox/clock",
    operation_id="resetClock",
    summary="Reset the clock of a sandbox",
    status_code=204,
    responses=refusals(),
)
async def reset_clock(services: ServicesOf, caller: Permitted) -> Response:
    """Return to real time. Succeeds also if the clock was never set."""
    await services.sandbox.reset_clock(caller.operation)
    return no_content()
