"""Booking of one time with the client that openapi-python-client has made of the API; run by its own Python."""

import json
import sys
from typing import Any

from holdfast_client import AuthenticatedClient
from holdfast_client.api.availability import list_next_availability
from holdfast_client.api.holds import confirm_hold, place_hold
from holdfast_client.api.services import change_service
from holdfast_client.models import BookedAnswer, ConfirmHold, Customer, HoldAnswer, NextAnswer, PlaceHold, ServicePatch

_origin, _secret_key = sys.argv[1:]


def _of_type(kind: Any, answered: Any) -> Any:
    if not isinstance(answered, kind):
        sys.exit(f"{kind.__name__} was not answered, but {answered}")
    return answered


with AuthenticatedClient(base_url=_origin, token=_secret_key) as _client:
    change_service.sync("haircut", client=_client, body=ServicePatch(description=None))
    _next = _of_type(NextAnswer, list_next_availability.sync(client=_client, service="haircut", limit=1))
    _slot = _next.slots[0]
    _hold = _of_type(
        HoldAnswer, place_hold.sync(client=_client, body=PlaceHold(service=_next.service, start=_slot.start))
    )
    _sent = ConfirmHold(customer=Customer(name="Dana Levi", email="dana@example.com"))
    _booked = _of_type(BookedAnswer, confirm_hold.sync(_hold.id, client=_client, body=_sent))

print(  # noqa: T201 - the answer of this program
    json.dumps(
        {
            "id": _booked.id,
            "status": _booked.status,
            "start": _booked.start.isoformat(),
            "expected": _slot.start.isoformat(),
        }
    )
)
