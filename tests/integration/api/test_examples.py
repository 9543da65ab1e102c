"""Every example business, from its file to bookings of all its services."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

import orjson
import pytest

from tests.support.documents import EXAMPLES, example
from tests.support.door import Door

NAMES: Final = sorted(file.stem for file in EXAMPLES.glob("*.yaml"))


def test_examples_are_found() -> None:
    assert set(NAMES) >= {"barbershop", "clinic", "consultant", "gym"}


@pytest.mark.parametrize("name", NAMES)
async def test_example_changes_nothing_when_applied_again(door: Door, name: str) -> None:
    listed = await door.set_up(name, dry_run=True)
    applied = await door.set_up(name)
    again = await door.set_up(name)

    sections = example(name)
    created = {
        (kind, entry["key"])
        for kind, section in (("location", "locations"), ("resource", "resources"), ("service", "services"))
        for entry in sections[section]
    }
    assert _created(listed) == _created(applied) == created
    assert again["changes"] == []


@pytest.mark.parametrize("name", NAMES)
async def test_example_is_given_back_with_all_it_says(door: Door, name: str) -> None:
    await door.set_up(name)

    given_back = await door.send("GET", "/v1/business", status=200)
    applied = await door.send("PUT", "/v1/business", json=given_back, status=200)

    assert list(_lost(orjson.loads(orjson.dumps(example(name))), given_back)) == []
    assert applied["changes"] == []


@pytest.mark.parametrize("name", NAMES)
async def test_every_service_of_example_can_be_booked(door: Door, name: str) -> None:
    await door.set_up(name)

    for service in example(name)["services"]:
        found = await door.send(
            "GET", "/v1/availability/next", params={"service": service["key"], "limit": 1}, status=200
        )
        start = found["slots"][0]["start"]
        booked = await door.book(service["key"], start)

        asked = service.get("rules", {}).get("approval", False)
        assert booked["status"] == ("pending" if asked else "confirmed")
        assert datetime.fromisoformat(booked["start"]) == datetime.fromisoformat(start)
        assert {used["role"] for used in booked["resources"]} == {entry["role"] for entry in service["requires"]}


def _created(answer: Any) -> set[tuple[str, str]]:
    return {(change["kind"], change["key"]) for change in answer["changes"] if change["action"] == "create"}


def _lost(sent: Any, given_back: Any, place: str = "") -> Iterator[str]:
    """Where a document says something that is not given back; what is given back besides are defaults."""
    if isinstance(sent, dict) and isinstance(given_back, dict):
        for name, value in sent.items():
            yield from _lost(value, given_back.get(name), f"{place}.{name}")
    elif isinstance(sent, list) and isinstance(given_back, list) and len(sent) == len(given_back):
        for index, (value, other) in enumerate(zip(sent, given_back, strict=True)):
            yield from _lost(value, other, f"{place}[{index}]")
    elif sent != given_back and not _same_instant(sent, given_back):
        yield f"{place}: {sent} became {given_back}"


def _same_instant(sent: Any, given_back: Any) -> bool:
    try:
        return datetime.fromisoformat(sent) == datetime.fromisoformat(given_back)
    except (TypeError, ValueError):
        return False
