"""Documents that are dear to search are refused, and what was accepted before is served within a budget."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from availability.model import ListingQuery
from availability.rules.search_budget import SearchBudget, TooComplex
from availability.search_thread import SearchThread, SearchThreadBusy
from availability.state.encoding import encode_day
from catalogue.limits import MAX_SEARCH_STEPS
from catalogue.model.objects import ObjectKind
from catalogue.model.resources import Lane
from kernel.errors import ValidationFailed
from kernel.ids import TenantId
from kernel.spans import to_minute
from tests.support.dear import dear_document
from tests.support.engine import Engine
from tests.support.operations import by_business
from tests.support.visits import TUESDAY, hold

_TOO_DEAR = dear_document(3, number=1, pool=60, step=15, own_durations=60)
_DAY = ListingQuery(service="dear", first=TUESDAY, last=TUESDAY)
_TWO_MONTHS = ListingQuery(service="dear", first=TUESDAY, last=TUESDAY + timedelta(days=61))
_TEN = to_minute(datetime(TUESDAY.year, TUESDAY.month, TUESDAY.day, 10, tzinfo=UTC))


@pytest.fixture(name="no_limit")
def _no_limit(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Accept every document until the function is called, as an engine did that knew no limit."""
    monkeypatch.setattr("catalogue.service_cost.MAX_SEARCH_STEPS", 10**12)
    return monkeypatch.undo


@pytest.mark.parametrize("dry_run", [False, True])
async def test_document_is_refused_when_a_service_costs_too_much(engine: Engine, *, dry_run: bool) -> None:
    with pytest.raises(ValidationFailed) as refusal:
        await engine.services.catalogue.apply(by_business(engine.tenant_id), _TOO_DEAR, dry_run=dry_run)

    (error,) = refusal.value.errors
    assert error.pointer == "services[0]"
    assert "million steps for a day; at most 15 million" in error.detail


async def test_service_is_refused_when_it_costs_too_much(engine: Engine) -> None:
    operation, objects = by_business(engine.tenant_id), engine.services.objects
    cheap = dear_document(3, number=1, pool=60, step=15)
    await engine.services.catalogue.apply(operation, cheap)

    with pytest.raises(ValidationFailed) as created:
        await objects.create(operation, ObjectKind.SERVICE, _TOO_DEAR["services"][0] | {"key": "second"})
    with pytest.raises(ValidationFailed) as patched:
        await objects.patch(operation, ObjectKind.SERVICE, "dear", {"requires": _TOO_DEAR["services"][0]["requires"]})

    for refusal, key in ((created, "second"), (patched, "dear")):
        assert [error.pointer for error in refusal.value.errors] == ["services"]
        assert refusal.value.errors[0].detail.startswith(f"{key}: costs about")


async def test_business_that_was_accepted_before_can_be_changed(engine: Engine, no_limit: Callable[[], None]) -> None:
    operation = by_business(engine.tenant_id)
    await engine.services.catalogue.apply(operation, _TOO_DEAR)
    no_limit()

    renamed = await engine.services.objects.patch(operation, ObjectKind.SERVICE, "dear", {"name": "As dear as before"})
    changes = (await engine.services.catalogue.apply(operation, _TOO_DEAR)).changes

    assert renamed.document["name"] == "As dear as before"
    assert [change.fields for change in changes] == [("name",)]


async def test_questions_about_a_service_that_was_accepted_before_are_answered_or_refused(
    engine: Engine, no_limit: Callable[[], None]
) -> None:
    (dear,) = _TOO_DEAR["services"]
    roles = [entry | {"role": f"{entry['role']}-{n}"} for n in range(3) for entry in dear["requires"]]
    services = [dear, dear | {"key": "dearest", "requires": roles}]
    await engine.services.catalogue.apply(by_business(engine.tenant_id), _TOO_DEAR | {"services": services})
    no_limit()

    listing = await engine.services.listing.list_slots(engine.tenant_id, _DAY)
    with pytest.raises(TooComplex) as refusal:
        await engine.services.listing.list_slots(engine.tenant_id, _TWO_MONTHS)
    held = await hold(engine, _TEN, service="dear")
    with pytest.raises(TooComplex):
        await hold(engine, _TEN, service="dearest")

    assert held.span.start == _TEN
    assert listing.days[0].slots
    assert refusal.value.facts == {"most_steps": MAX_SEARCH_STEPS}


async def test_search_for_the_next_starts_has_one_budget_however_many_months_it_looks_at(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await engine.services.catalogue.apply(by_business(engine.tenant_id), dear_document(2, number=1, pool=20, step=15))
    # A year takes three million steps, and no more than two are for the months that are looked at together.
    monkeypatch.setattr("availability.listing.service.SearchBudget", partial(SearchBudget, most=2_500_000))
    listing = engine.services.listing

    found = await listing.next_slots(engine.tenant_id, _DAY, limit=5)
    with pytest.raises(TooComplex):
        await listing.next_slots(engine.tenant_id, _DAY, limit=10_000)

    assert sum(len(day.slots) for day in found.days) == 5


async def test_next_starts_are_found_where_two_weeks_are_too_much_and_a_date_is_not(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await engine.services.catalogue.apply(by_business(engine.tenant_id), dear_document(2, number=1, pool=20, step=15))
    monkeypatch.setattr("availability.listing.service.SearchBudget", partial(SearchBudget, most=75_000))
    listing = engine.services.listing

    with pytest.raises(TooComplex):
        await listing.list_slots(engine.tenant_id, replace(_DAY, last=TUESDAY + timedelta(days=13)))
    found = await listing.next_slots(engine.tenant_id, _DAY, limit=5)
    with pytest.raises(TooComplex):
        await listing.next_slots(engine.tenant_id, _DAY, limit=10_000)

    assert sum(len(day.slots) for day in found.days) == 5


@pytest.mark.parametrize(
    ("document", "explain"),
    [
        pytest.param(dear_document(5, number=3, pool=30, step=5), False, id="many resources"),
        pytest.param(dear_document(1, number=1, pool=1, step=1), False, id="many starts"),
        pytest.param(dear_document(1, number=1, pool=1, step=60), True, id="explanation"),
    ],
)
async def test_long_listing_is_searched_beside_the_event_loop(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, document: dict[str, Any], *, explain: bool
) -> None:
    await engine.services.catalogue.apply(by_business(engine.tenant_id), document)
    query = replace(_TWO_MONTHS, explain=explain)
    threads: list[threading.Thread] = []
    run = SearchThread.run

    async def noted(thread: SearchThread, search: Callable[[], object]) -> object:
        def search_noted() -> object:
            threads.append(threading.current_thread())
            return search()

        return await run(thread, search_noted)

    monkeypatch.setattr(SearchThread, "run", noted)
    listings = await asyncio.gather(*(engine.services.listing.list_slots(engine.tenant_id, query) for _ in range(3)))

    assert listings[0].days[0].slots
    assert listings[1:] == listings[:1] * 2
    assert len(threads) == 1
    assert threads[0] is not threading.main_thread()


async def test_many_lanes_are_read_beside_the_event_loop(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    document = dear_document(1, number=1, pool=3, step=60)
    for resource in document["resources"]:
        resource["capacity"] = 1000
    calls: Counter[threading.Thread] = Counter()

    def noting(function: Callable[..., object]) -> Callable[..., object]:
        def noted(*arguments: Any, **named: Any) -> object:
            calls[threading.current_thread()] += 1
            return function(*arguments, **named)

        return noted

    monkeypatch.setattr("availability.state.staff_days.encode_day", noting(encode_day))
    monkeypatch.setattr("catalogue.repositories.catalogue.Lane", noting(Lane))

    await engine.services.catalogue.apply(by_business(engine.tenant_id), document)
    listing = await engine.services.listing.list_slots(engine.tenant_id, _DAY)

    assert listing.days[0].slots[0].remaining == 3000
    assert calls.total() > 3000
    # The lanes of the business that was there before.
    assert calls[threading.main_thread()] < 10


async def test_business_has_so_much_searched_at_once_and_no_more() -> None:
    one, other = TenantId(UUID(int=1)), TenantId(UUID(int=2))
    searches = SearchThread(most_waiting_steps=2 * MAX_SEARCH_STEPS)

    async with searches.turn(one, MAX_SEARCH_STEPS):
        waiting = asyncio.create_task(searches.turn(one, 10**12).__aenter__())
        await asyncio.sleep(0)
        with pytest.raises(SearchThreadBusy):
            await searches.turn(one, 1).__aenter__()
        async with searches.turn(other, MAX_SEARCH_STEPS):
            assert await searches.run(lambda: 1) == 1
    await waiting
