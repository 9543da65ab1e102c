"""What the engine tells of itself, for Prometheus."""

from dataclasses import replace
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.answers import NOT_KEPT, ReadyAnswer
from api.dependencies import engine_of
from api.documentation import refused_with
from api.exposition import MEDIA_TYPE, exposition
from api.operators import Operator
from bootstrap.metrics_reporting import own_gauges, process_name
from persistence.errors import RedisUnavailable
from persistence.metrics import MetricsStore, Stored

router = APIRouter(tags=["Operations"])
_EXAMPLE: Final = "holdfast_holds_placed_total 1729.0\n"


@router.get(
    "/metrics",
    operation_id="getMetrics",
    summary="Tell what was counted, for Prometheus",
    response_class=Response,
    responses={
        200: {"description": "In the text format of Prometheus.", "content": {"text/plain": {"example": _EXAMPLE}}},
        **refused_with("unauthorized", "internal"),
    },
)
async def get_metrics(request: Request, _operator: Operator) -> Response:
    """What all processes have counted together, and how each of them is."""
    context = engine_of(request).context
    # Of itself it knows better than Redis, which may take no more writes.
    own = {process_name(): {"role": "server"} | {name: str(value) for name, value in own_gauges(context).items()}}
    try:
        stored, is_up = await MetricsStore(context.redis).read(), True
    except RedisUnavailable:
        stored, is_up = Stored(counts={}, processes={}), False
    body = exposition(replace(stored, processes={**stored.processes, **own}), is_up=is_up)
    headers = [NOT_KEPT, (b"content-length", b"%d" % len(body)), (b"content-type", MEDIA_TYPE.encode())]
    return ReadyAnswer(200, body, headers)
