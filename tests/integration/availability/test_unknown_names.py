"""Unknown names cost no reading of the set-up, and what was made a moment ago is found."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from availability.model import ListingQuery
from availability.state import catalogue_snapshots as module
from availability.state.bitmap_cache import BitmapCache
from availability.state.catalogue_snapshots import CatalogueSnapshots
from catalogue.loader import CatalogueLoader
from catalogue.model.catalogue import Catalogue
from catalogue.model.objects import ObjectKind
from kernel.errors import NotFound
from kernel.ids import ServiceId, TenantId
from tests.support.documents import example
from tests.support.engine import NO_REDIS, Engine, running_engine
from tests.support.operations import by_business
from tests.support.visits import TUESDAY, confirm, hold, slots

SHAVE = {
    "key": "shave",
    "name": "Shave",
    "duration_minutes": 30,
    "price": {"amount_minor": 4000, "currency": "ILS"},
    "requires": [{"role": "staff", "any_of": ["noa"]}],
}
OF_A_SHAVE = ListingQuery(service="shave", first=TUESDAY, last=TUESDAY)


@dataclass
class CountingLoader:
    """Loads catalogues, and counts how often."""

    loader: CatalogueLoader
    loads: int = 0

    async def load(self, tenant_id: TenantId) -> Catalogue:
        self.loads += 1
        return await self.loader.load(tenant_id)

    async def load_named(self, tenant_id: TenantId, names: Collection[str]) -> Catalogue:
        self.loads += 1
        return await self.loader.load_named(tenant_id, names)


def counted(engine: Engine) -> tuple[CatalogueSnapshots, CountingLoader]:
    """The snapshots of another process, with the number of its loads."""
    loader = CountingLoader(CatalogueLoader(engine.services.unit_of_work))
    return CatalogueSnapshots(loader, BitmapCache(engine.context.redis)), loader


async def test_unknown_names_load_nothing(engine: Engine) -> None:
    snapshots, loader = counted(engine)
    before = await snapshots.get(engine.tenant_id)

    after = [await snapshots.latest(engine.tenant_id) for _ in range(20)]

    assert (loader.loads, {id(snapshot) for snapshot in after}) == (1, {id(before)})


async def test_unknown_name_loads_once_what_has_changed(engine: Engine) -> None:
    snapshots, loader = counted(engine)
    await snapshots.get(engine.tenant_id)
    await engine.services.objects.create(by_business(engine.tenant_id), ObjectKind.SERVICE, SHAVE)

    after = [await snapshots.latest(engine.tenant_id) for _ in range(20)]

    assert loader.loads == 2
    assert all(snapshot.catalogue.find_service("shave") for snapshot in after)


async def test_unknown_names_load_what_is_old_once_while_redis_is_away(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "UNCHECKED_SECONDS", 3600.0)
    async with running_engine(database_url, NO_REDIS) as engine:
        snapshots, loader = counted(engine)

        for _ in range(20):
            await snapshots.latest(engine.tenant_id)

    assert loader.loads == 1


async def test_service_that_another_process_just_made_is_found(
    engine: Engine, database_url: str, redis_url: str
) -> None:
    async with running_engine(database_url, redis_url) as other:
        there = replace(other, tenant_id=engine.tenant_id)
        await there.services.listing.list_slots(there.tenant_id, replace(OF_A_SHAVE, service="haircut"))
        await engine.services.objects.create(by_business(engine.tenant_id), ObjectKind.SERVICE, SHAVE)

        following = await there.services.listing.next_slots(there.tenant_id, OF_A_SHAVE, 1)
        listed = await there.services.listing.list_slots(there.tenant_id, OF_A_SHAVE)

    assert following.days
    assert listed.days[0].slots


async def test_service_that_another_process_just_made_is_held(
    engine: Engine, database_url: str, redis_url: str
) -> None:
    async with running_engine(database_url, redis_url) as other:
        there = replace(other, tenant_id=engine.tenant_id)
        (slot, *_) = await slots(there)
        await engine.services.objects.create(by_business(engine.tenant_id), ObjectKind.SERVICE, SHAVE)

        held = await hold(there, slot.start, service="shave")

    assert held.span.start == slot.start


async def test_own_service_is_found_at_once_while_redis_is_away(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "UNCHECKED_SECONDS", 3600.0)
    async with running_engine(database_url, NO_REDIS) as engine:
        with pytest.raises(NotFound):
            await engine.services.listing.list_slots(engine.tenant_id, OF_A_SHAVE)
        await engine.services.objects.create(by_business(engine.tenant_id), ObjectKind.SERVICE, SHAVE)

        listed = await engine.services.listing.list_slots(engine.tenant_id, OF_A_SHAVE)

    assert listed.days[0].slots


async def test_hold_is_confirmed_although_its_service_and_resource_were_archived(engine: Engine) -> None:
    (slot, *_) = await slots(engine, resource="noa")
    held = await hold(engine, slot.start, resource="noa")
    document = example("barbershop")
    for section, key in (("services", "haircut"), ("resources", "noa")):
        document[section] = [entry for entry in document[section] if entry["key"] != key]
    for service in document["services"]:
        for entry in service["requires"]:
            if "any_of" in entry:
                entry["any_of"] = [name for name in entry["any_of"] if name != "noa"]
            entry.get("overrides", {}).pop("noa", None)
    await engine.services.catalogue.apply(by_business(engine.tenant_id), document)

    booked = await confirm(engine, held)
    catalogue = await engine.services.snapshots.catalogue(engine.tenant_id, naming=booked.appointment.names)

    assert catalogue.service_by_id[held.service_id].key == "haircut"
    assert catalogue.service_by_id[held.service_id].archived
    assert catalogue.resource_by_id[held.parts[0].resource_id].key == "noa"


async def test_archived_objects_are_remembered_once_they_were_named(engine: Engine) -> None:
    made = await engine.services.objects.create(by_business(engine.tenant_id), ObjectKind.SERVICE, SHAVE)
    await engine.services.objects.archive(by_business(engine.tenant_id), ObjectKind.SERVICE, "shave")
    snapshots, loader = counted(engine)

    without = await snapshots.catalogue(engine.tenant_id)
    named = [await snapshots.catalogue(engine.tenant_id, naming=[made.id]) for _ in range(5)]

    assert made.id not in without.service_by_id
    assert {catalogue.service_by_id[ServiceId(made.id)].key for catalogue in named} == {"shave"}
    assert loader.loads == 2


async def test_archived_objects_beyond_the_limit_are_forgotten(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ARCHIVED_REMEMBERED", 1)
    ids = []
    for number in range(2):
        service = SHAVE | {"key": f"shave-{number}"}
        made = await engine.services.objects.create(by_business(engine.tenant_id), ObjectKind.SERVICE, service)
        await engine.services.objects.archive(by_business(engine.tenant_id), ObjectKind.SERVICE, made.id)
        ids.append(made.id)
    snapshots, _ = counted(engine)

    catalogues = [await snapshots.catalogue(engine.tenant_id, naming=[made]) for made in ids]

    assert [catalogue.archived_count for catalogue in catalogues] == [1, 1]
    assert ids[1] in catalogues[1].service_by_id


async def test_next_slots_of_an_unknown_service_are_not_found(engine: Engine) -> None:
    query = replace(OF_A_SHAVE, last=TUESDAY + timedelta(days=1))

    with pytest.raises(NotFound):
        await engine.services.listing.next_slots(engine.tenant_id, query, 1)
