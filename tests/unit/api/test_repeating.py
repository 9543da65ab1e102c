from collections.abc import Mapping
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from catalogue.model.catalogue import Catalogue
from holds.model import Hold, HoldStatus
from kernel.ids import HoldId, ServiceId
from kernel.money import Money
from kernel.spans import Span
from tests.support.application import PUBLISHABLE, SECRET, TOKEN, application, client
from tests.support.away import UnitOfWorkAway
from tests.support.documents import empty_catalogue

_NOW = datetime(2026, 11, 30, 15, tzinfo=UTC)
_KEYED = {**SECRET, "Idempotency-Key": "once"}


class Placing:
    """Places every hold."""

    async def place(self, *_arguments: object) -> tuple[Hold, bool]:
        hold = Hold(
            id=HoldId("hld_1"),
            status=HoldStatus.HELD,
            service_id=ServiceId("svc_1"),
            resource=None,
            span=Span(0, 30),
            parts=(),
            claims=(),
            party=1,
            price=Money(amount_minor=0, currency="USD"),
            placed_at=_NOW,
            expires_at=_NOW,
            extendable_until=_NOW,
            appointment_id=None,
            catalogue_version=None,
        )
        return hold, True


class Warm:
    """Remembers an empty catalogue."""

    async def catalogue(self, _tenant_id: object, **_naming: object) -> Catalogue:
        return empty_catalogue()


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        # Holds live without the database, so they go on; what the database would have remembered is not.
        ("/v1/holds", {"service": "haircut", "start": "2026-12-01T09:00:00Z"}, 201),
        ("/v1/locations", {"key": "main", "name": "Main"}, 503),
        (
            "/v1/appointments",
            {"service": "haircut", "start": "2026-12-01T09:00:00Z", "customer": {"name": "Dana"}},
            503,
        ),
    ],
)
async def test_request_with_a_key_needs_the_database_unless_it_places_a_hold(
    path: str, body: Mapping[str, Any], status: int
) -> None:
    app = application(unit_of_work=UnitOfWorkAway(), holds=Placing(), snapshots=Warm(), catalogue=SimpleNamespace())

    async with client(app) as http:
        response = await http.post(path, json=body, headers=_KEYED)

    assert response.status_code == status, response.text
    if status == 503:
        assert response.json()["code"] == "store_unavailable"


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/v1/locations", PUBLISHABLE),
        ("/v1/holds", TOKEN),
        ("/v1/appointments/apt_of_another_customer/cancel", TOKEN),
    ],
)
async def test_key_is_not_looked_up_for_a_credential_that_the_operation_refuses(
    path: str, headers: Mapping[str, str]
) -> None:
    async with client(application(unit_of_work=UnitOfWorkAway())) as http:
        response = await http.post(path, json={}, headers={**headers, "Idempotency-Key": "once"})

    assert response.json()["code"] == "forbidden"


async def test_request_with_a_key_and_no_credential_is_refused_first() -> None:
    async with client(application(unit_of_work=UnitOfWorkAway())) as http:
        response = await http.post("/v1/locations", json={}, headers={"Idempotency-Key": "once"})

    assert response.status_code == 401
