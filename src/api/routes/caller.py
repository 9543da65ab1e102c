"""The operation that tells a caller who it is."""

from fastapi import APIRouter
from starlette.responses import Response

from api.answers import answer
from api.dependencies import Permitted
from api.idempotency import RepeatableRoute
from api.openapi_responses import merge, refusals, success
from api.schemas.caller import CALLER_EXAMPLE, CallerAnswer, caller_answer

router = APIRouter(tags=["Access"], route_class=RepeatableRoute)


@router.get(
    "/v1/me",
    operation_id="getMe",
    summary="Tell who the caller is",
    responses=merge(success(200, CallerAnswer, "The caller, and what it may do.", CALLER_EXAMPLE), refusals()),
)
async def get_me(caller: Permitted) -> Response:
    """Return the role of the caller, and the operations that it may perform."""
    return answer(caller_answer(caller))
