"""Who is there on a day: appointments that share minutes with it, over HTTP."""

from typing import Any, Final

import pytest

from tests.support.door import Door

_ALWAYS: Final = [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "start": "00:00", "end": "24:00"}]
_SHOP: Final[dict[str, Any]] = {
    "business": {"name": "Harbour View", "timezone": "Asia/Jerusalem", "currency": "ILS"},
    "locations": [{"key": "main", "name": "Harbour"}],
    "resources": [
        {"key": key, "kind": "room", "name": key, "location": "main", "hours": _ALWAYS} for key in ("sea", "hill")
    ],
    "services": [
        {
            "key": key,
            "name": key,
            "duration_minutes": minutes,
            "buffer_after_minutes": 60 if key == "day" else 0,
            "grid": {"align": "clock", "step_minutes": 60},
            "requires": [{"role": "room", "any_of": ["sea", "hill"]}],
        }
        for key, minutes in (("day", 1440), ("three-days", 4320), ("week", 10080))
    ],
}


@pytest.fixture
async def shop(door: Door) -> Door:
    await door.send("PUT", "/v1/business", json=_SHOP, status=200)
    return door


async def booked(shop: Door, service: str, start: str, room: str = "sea") -> str:
    """The id of the appointment, at a time on the wall in winter."""
    answer = await shop.book(service, f"{start}:00+02:00", resource=room)
    return str(answer["id"])


async def there(shop: Door, **query: Any) -> list[str]:
    """The ids listed, in the order of the answer and over all of its pages."""
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        params = {"overlapping": "true", **query, **cursor}
        page = await shop.send("GET", "/v1/appointments", params=params, status=200)
        found += [one["id"] for one in page["data"]]
        if page["next_cursor"] is None:
            return found
        cursor = {"cursor": page["next_cursor"]}


async def test_who_came_before_the_day_or_leaves_after_it_is_there(shop: Door) -> None:
    long = await booked(shop, "week", "2026-12-02T12:00", "hill")
    visit = await booked(shop, "three-days", "2026-12-05T15:00")
    later = await booked(shop, "day", "2026-12-08T15:00")

    days = {
        day: await there(shop, **{"from": f"2026-12-{day}", "to": f"2026-12-{day}"})
        for day in ("01", "02", "05", "07", "08", "09", "10")
    }

    assert days == {
        "01": [],
        "02": [long],
        "05": [long, visit],
        "07": [long, visit],
        "08": [long, visit, later],
        "09": [long, later],
        "10": [],
    }


async def test_both_ends_are_half_open_and_buffers_do_not_count(shop: Door) -> None:
    visit = await booked(shop, "day", "2026-12-02T00:00")

    assert await there(shop, **{"from": "2026-12-03", "to": "2026-12-03"}) == []
    assert await there(shop, **{"from": "2026-12-01", "to": "2026-12-01"}) == []
    assert await there(shop, **{"from": "2026-12-02T23:59:00+02:00", "to": "2026-12-04"}) == [visit]
    assert await there(shop, to="2026-12-02T00:00:00+02:00") == []
    assert await there(shop, to="2026-12-02T00:01:00+02:00") == [visit]
    assert await there(shop, **{"from": "2026-12-03T00:00:00+02:00"}) == []


async def test_without_it_the_list_goes_by_starts(shop: Door) -> None:
    visit = await booked(shop, "three-days", "2026-12-05T15:00")
    query = {"from": "2026-12-06", "to": "2026-12-08"}

    assert await there(shop, **query, overlapping="false") == []
    assert await there(shop, **query) == [visit]


async def test_pages_and_other_filters_hold_too(shop: Door) -> None:
    visits = [await booked(shop, "week", f"2026-12-0{day}T12:00", room) for day, room in ((2, "sea"), (3, "hill"))]
    later = await booked(shop, "day", "2026-12-09T12:00")
    day = {"from": "2026-12-09", "to": "2026-12-09"}
    await shop.send("POST", f"/v1/appointments/{visits[1]}/cancel", json={}, status=200)

    assert await there(shop, **day, limit="1") == [*visits, later]
    assert await there(shop, **day, status="confirmed") == [visits[0], later]
    assert await there(shop, **day, resource="hill") == [visits[1]]
    assert await there(shop, **day, service="day") == [later]
