"""Each event says who acted, and in which request."""

import asyncpg
import pytest

from tests.support.door import Door


@pytest.fixture
async def shop(door: Door) -> Door:
    await door.set_up("barbershop")
    return door


async def test_events_name_the_actor_and_the_request(shop: Door, database_url: str) -> None:
    start = next(iter(await shop.slots("haircut", "2026-12-01")))
    customer = {"name": "Dana Levi", "email": "dana@example.com"}

    hold = await shop.hold("haircut", start)
    booked = await shop.send(
        "POST",
        f"/v1/holds/{hold['id']}/confirm",
        json={"customer": customer},
        headers={**shop.publishable, "X-Request-Id": "from-the-widget"},
        status=201,
    )
    path = f"/v1/appointments/{booked['id']}"
    await shop.send("PATCH", path, json={"notes": "by hand"}, headers={"X-Request-Id": "from-the-desk"}, status=200)
    token = {"Authorization": f"Bearer {booked['token']}", "X-Request-Id": "from-the-mail"}
    await shop.send("POST", f"{path}/cancel", json={}, headers=token, status=200)

    connection = await asyncpg.connect(database_url)
    rows = await connection.fetch(
        "SELECT name, actor, request_id FROM outbox WHERE subject = $1 ORDER BY id", booked["id"]
    )
    found = await connection.fetch("SELECT kind, id FROM api_keys WHERE tenant_id = $1", shop.tenant_id)
    await connection.close()
    keys = {row["kind"]: row["id"] for row in found}
    assert [tuple(row) for row in rows] == [
        ("appointment.confirmed.v1", f"customer:{keys['publishable']}", "from-the-widget"),
        ("appointment.annotated.v1", f"business:{keys['secret']}", "from-the-desk"),
        ("appointment.cancelled.v1", f"customer:{booked['id']}", "from-the-mail"),
    ]
