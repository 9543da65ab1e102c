"""The operation that Prometheus scrapes."""

from dataclasses import replace
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.answers import NO_STORE, RenderedResponse
from api.engine import engine_of
from api.openapi_responses import refusals_with
from api.operator_access import Operator
from api.prometheus import MEDIA_TYPE, metrics_page
from bootstrap.metrics_reporting import own_gauges, process_name
from persistence.errors import RedisUnavailable
from persistence.metrics import MetricsStore, Stored

router = APIRouter(tags=["Operations"])
_EXAMPLE: Final = "holdfast_holds_placed_total 1729.0\n"


@router.get(
    "/metrics",
    operation_id="getMetrics",
    summary="Read metrics for Prometheus",
    response_class=Response,
    responses={
        200: {
            "description": "Metrics in the text format of Prometheus.",
            "content": {"text/plain": {"example": _EXAMPLE}},
        },
        **refusals_with("unauthorized", "rate_limited", "internal"),
    },
)
async def get_metrics(request: Request, _operator: Operator) -> Response:
    """Return the counters of all processes together, and the gauges of each."""
    context = engine_of(request).context
    # This process knows its own gauges better than Redis, which may refuse writes.
    own = {process_name(): {"role": "server"} | {name: str(value) for name, value in own_gauges(context).items()}}
    try:
        stored, is_up = await MetricsStore(context.redis).read(), True
    except RedisUnavailable:
        stored, is_up = Stored(counts={}, processes={}), False
    body = metrics_page(replace(stored, processes={**stored.processes, **own}), is_up=is_up)
    headers = [NO_STORE, (b"content-length", b"%d" % len(body)), (b"content-type", MEDIA_TYPE.encode())]
    return RenderedResponse(200, body, headers)
