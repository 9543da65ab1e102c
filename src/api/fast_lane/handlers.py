"""The handlers of the fast lane: each reads its request, then calls the endpoint that FastAPI would call.

The order of their steps is FastAPI's, so that of several faults both report the same: the body's JSON, the credential,
then the values.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from pydantic import TypeAdapter
from starlette.responses import Response

from api.fast_lane.request import LaneRequest, read_model, read_value
from api.parameters import HoldPath, Timezone
from api.routes import availability, holds
from api.schemas.appointment_requests import ConfirmHold
from api.schemas.availability import ListingParameters
from api.schemas.holds import PlaceHold
from kernel.ids import HoldId

Handler = Callable[[LaneRequest], Awaitable[Response | None]]
"""Answers a request; None, without any effect, leaves it to FastAPI."""

_HOLD: Final[TypeAdapter[HoldId]] = TypeAdapter(HoldPath)
_TIMEZONE: Final[TypeAdapter[str | None]] = TypeAdapter(Timezone)


async def place_hold(request: LaneRequest) -> Response | None:
    """POST /v1/holds."""
    sent = await request.json()
    if sent is None:
        return None
    caller = await request.widget()
    body = read_model(PlaceHold, sent)
    return None if body is None else await holds.place_hold(request.engine.services, caller, body)


async def get_hold(request: LaneRequest) -> Response | None:
    """GET /v1/holds/{hold_id}."""
    caller = await request.widget()
    hold_id = read_value(_HOLD, request.hold)
    if hold_id is None:
        return None
    sent = dict(request.query()).get("timezone")
    timezone = None if sent is None else read_value(_TIMEZONE, sent)
    if sent is not None and timezone is None:
        return None
    return await holds.get_hold(request.engine.services, caller, hold_id, timezone)


async def confirm_hold(request: LaneRequest) -> Response | None:
    """POST /v1/holds/{hold_id}/confirm."""
    sent = await request.json()
    if sent is None:
        return None
    caller = await request.widget()
    hold_id, body = read_value(_HOLD, request.hold), read_model(ConfirmHold, sent)
    if hold_id is None or body is None:
        return None
    return await holds.confirm_hold(request.engine.services, caller, hold_id, body)


async def list_availability(request: LaneRequest) -> Response | None:
    """GET /v1/availability."""
    caller = await request.widget()
    query = _listing_parameters(request)
    return None if query is None else await availability.list_availability(request.engine.services, caller, query)


async def list_available_days(request: LaneRequest) -> Response | None:
    """GET /v1/availability/days."""
    caller = await request.widget()
    query = _listing_parameters(request)
    return None if query is None else await availability.list_available_days(request.engine.services, caller, query)


def _listing_parameters(request: LaneRequest) -> ListingParameters | None:
    pairs = request.query()
    values: dict[str, object] = dict(pairs)
    if "resource" in values:
        # The only parameter that may be repeated; of others the last counts.
        values["resource"] = [value for name, value in pairs if name == "resource"]
    return read_model(ListingParameters, values)
