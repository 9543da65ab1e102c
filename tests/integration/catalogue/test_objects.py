"""Locations, resources and services one at a time, with time off and overrides."""

from datetime import UTC, datetime
from typing import Any

import pytest

from catalogue.document_service import BusinessDocumentService
from catalogue.loader import CatalogueLoader
from catalogue.model.objects import CollectionKind, ObjectKind
from catalogue.model.wall_clock import WallSpan
from catalogue.objects_service import CatalogueObjectService
from catalogue.override_service import OverrideService
from catalogue.tenants import NewTenant
from catalogue.time_off_service import TimeOffService
from kernel.errors import NotFound, ValidationFailed, VersionConflict
from kernel.spans import Span, to_minute
from persistence.unit_of_work import UnitOfWork
from tests.integration.catalogue.conftest import Recorder
from tests.support.documents import small_document
from tests.support.operations import by_business


@pytest.fixture(autouse=True)
async def business(catalogue: BusinessDocumentService, tenant: NewTenant) -> None:
    await catalogue.apply(by_business(tenant.id), small_document())


async def test_object_is_created_found_changed_and_archived(objects: CatalogueObjectService, tenant: NewTenant) -> None:
    made = await objects.create(
        by_business(tenant.id), ObjectKind.RESOURCE, {"key": "dan", "kind": "staff", "name": "Dan"}
    )
    by_key = await objects.get(by_business(tenant.id), ObjectKind.RESOURCE, "dan")
    changed = await objects.patch(
        by_business(tenant.id), ObjectKind.RESOURCE, made.id, {"capacity": 2, "rules": {"daily_limit": 8}}
    )
    await objects.archive(by_business(tenant.id), ObjectKind.RESOURCE, "dan")
    await objects.archive(by_business(tenant.id), ObjectKind.RESOURCE, "dan")
    after = await objects.get(by_business(tenant.id), ObjectKind.RESOURCE, "dan")

    assert made == by_key
    assert (made.version, made.document["location"]) == (1, "main")
    assert (changed.version, changed.document["capacity"]) == (2, 2)
    assert changed.document["rules"] == {"daily_limit": 8}
    assert (after.version, after.archived) == (3, True)


async def test_created_object_revives_the_archived_one_of_its_key(
    objects: CatalogueObjectService, tenant: NewTenant
) -> None:
    before = await objects.get(by_business(tenant.id), ObjectKind.SERVICE, "haircut")
    await objects.archive(by_business(tenant.id), ObjectKind.SERVICE, "haircut")

    made = await objects.create(
        by_business(tenant.id), ObjectKind.SERVICE, small_document()["services"][0] | {"duration_minutes": 45}
    )

    assert (made.id, made.version, made.archived) == (before.id, 3, False)
    assert made == await objects.get(by_business(tenant.id), ObjectKind.SERVICE, "haircut")


async def test_patch_that_changes_nothing_makes_no_version(
    objects: CatalogueObjectService, tenant: NewTenant, recorder: Recorder
) -> None:
    told = len(recorder.catalogues)

    entry = await objects.patch(by_business(tenant.id), ObjectKind.SERVICE, "haircut", {"duration_minutes": 30})

    assert entry.version == 1
    assert len(recorder.catalogues) == told


async def test_write_is_refused_when_the_version_is_not_the_expected_one(
    objects: CatalogueObjectService, tenant: NewTenant
) -> None:
    await objects.patch(by_business(tenant.id), ObjectKind.SERVICE, "haircut", {"name": "Cut"}, expected_version=1)

    with pytest.raises(VersionConflict):
        await objects.patch(by_business(tenant.id), ObjectKind.SERVICE, "haircut", {"name": "Trim"}, expected_version=1)
    with pytest.raises(VersionConflict):
        await objects.archive(by_business(tenant.id), ObjectKind.SERVICE, "haircut", expected_version=1)


async def test_unknown_and_archived_objects_are_not_found(
    objects: CatalogueObjectService, time_off: TimeOffService, tenant: NewTenant
) -> None:
    await objects.archive(by_business(tenant.id), ObjectKind.SERVICE, "haircut")

    with pytest.raises(NotFound):
        await objects.get(by_business(tenant.id), ObjectKind.RESOURCE, "nobody")
    with pytest.raises(NotFound):
        await objects.patch(by_business(tenant.id), ObjectKind.SERVICE, "haircut", {"name": "Cut"})
    with pytest.raises(NotFound):
        await objects.archive(by_business(tenant.id), ObjectKind.LOCATION, "nowhere")
    with pytest.raises(NotFound):
        await time_off.list_entries(by_business(tenant.id), "no\x00a")
    with pytest.raises(NotFound):
        await time_off.delete(by_business(tenant.id), "noa", "tof\x00")


async def test_objects_are_listed_in_order_page_by_page(objects: CatalogueObjectService, tenant: NewTenant) -> None:
    for number in range(3):
        await objects.create(by_business(tenant.id), ObjectKind.LOCATION, {"key": f"l{number}", "name": "L"})

    first = await objects.list_objects(by_business(tenant.id), ObjectKind.LOCATION, limit=2)
    second = await objects.list_objects(by_business(tenant.id), ObjectKind.LOCATION, limit=2, cursor=first.next_cursor)

    keys = [entry.document["key"] for entry in (*first.data, *second.data)]
    assert keys == ["main", "l0", "l1", "l2"]
    assert second.next_cursor is None
    with pytest.raises(ValidationFailed):
        await objects.list_objects(by_business(tenant.id), ObjectKind.LOCATION, cursor="loc_nowhere")


async def test_override_replaces_the_hours_of_its_date_until_it_is_deleted(
    overrides: OverrideService, tenant: NewTenant, unit_of_work: UnitOfWork, recorder: Recorder
) -> None:
    spans = {"spans": [{"start": "09:00", "end": "12:00"}]}
    told = len(recorder.catalogues)

    put, _ = await overrides.put(by_business(tenant.id), "noa", "2027-12-24", spans)
    await overrides.put(by_business(tenant.id), "noa", "2027-12-24", spans)
    loaded = (await CatalogueLoader(unit_of_work).load(tenant.id)).resources[0]
    await overrides.delete(by_business(tenant.id), "noa", "2027-12-24", expected_version=2)
    await overrides.delete(by_business(tenant.id), "noa", "2027-12-24")
    after = (await CatalogueLoader(unit_of_work).load(tenant.id)).resources[0]

    assert put == {"date": "2027-12-24"} | spans
    assert list(loaded.schedule.overrides.values()) == [(WallSpan(540, 720),)]
    assert (loaded.version, after.version) == (2, 3)
    assert after.schedule.overrides == {}
    assert len(recorder.catalogues) == told + 2


@pytest.mark.parametrize(
    ("day", "data", "pointer"),
    [
        ("tomorrow", {"spans": []}, "date"),
        ("2027-12-24", {}, "spans"),
        ("2027-12-24", {"spans": [{"start": "9"}]}, "spans[0].start"),
        ("2027-12-24", {"date": "2027-12-25", "spans": []}, "date"),
    ],
)
async def test_override_is_refused(
    overrides: OverrideService, tenant: NewTenant, day: str, data: dict[str, Any], pointer: str
) -> None:
    with pytest.raises(ValidationFailed) as caught:
        await overrides.put(by_business(tenant.id), "noa", day, data)

    assert pointer in [error.pointer for error in caught.value.errors]


async def test_time_off_is_added_listed_and_deleted(
    time_off: TimeOffService, tenant: NewTenant, recorder: Recorder
) -> None:
    entry, _ = await time_off.add(
        by_business(tenant.id), "noa", {"start": "2027-01-03T00:00:00+02:00", "end": "2027-01-10T00:00:00+02:00"}
    )
    listed = await time_off.list_entries(by_business(tenant.id), "noa")
    of_another = await time_off.list_entries(by_business(tenant.id), "chair")
    with pytest.raises(NotFound):
        await time_off.delete(by_business(tenant.id), "chair", entry.id)
    await time_off.delete(by_business(tenant.id), "noa", entry.id)
    after = await time_off.list_entries(by_business(tenant.id), "noa")

    assert listed.data == (entry,)
    assert entry.start == datetime(2027, 1, 2, 22, tzinfo=UTC)
    assert of_another.data == after.data == ()
    span = Span(to_minute(entry.start), to_minute(entry.end))
    assert [told for _, told in recorder.time_off] == [span, span]
    with pytest.raises(NotFound):
        await time_off.delete(by_business(tenant.id), "noa", entry.id)


async def test_time_off_is_listed_page_by_page_from_an_instant_on(time_off: TimeOffService, tenant: NewTenant) -> None:
    for day in (5, 1, 3, 3, 2):
        await time_off.add(
            by_business(tenant.id), "noa", {"start": f"2027-01-0{day}T00:00:00Z", "end": f"2027-01-0{day}T12:00:00Z"}
        )
    after = datetime(2027, 1, 1, 12, tzinfo=UTC)

    days, cursor = [], None
    for _ in range(2):
        page = await time_off.list_entries(by_business(tenant.id), "noa", ending_after=after, limit=2, cursor=cursor)
        days += [entry.start.day for entry in page.data]
        cursor = page.next_cursor

    assert days == [2, 3, 3, 5]
    assert cursor is None
    with pytest.raises(ValidationFailed):
        await time_off.list_entries(by_business(tenant.id), "noa", cursor="never")


async def test_time_off_of_a_resource_is_replaced_by_a_patch_that_gives_it(
    objects: CatalogueObjectService, time_off: TimeOffService, tenant: NewTenant
) -> None:
    span = {"start": "2027-01-03T00:00:00Z", "end": "2027-01-04T00:00:00Z"}
    await time_off.add(by_business(tenant.id), "noa", span)

    silent = await objects.patch(by_business(tenant.id), ObjectKind.RESOURCE, "noa", {"name": "Noa L."})
    kept = await time_off.list_entries(by_business(tenant.id), "noa")
    emptied = await objects.patch(by_business(tenant.id), ObjectKind.RESOURCE, "noa", {"time_off": []})
    gone = await time_off.list_entries(by_business(tenant.id), "noa")

    assert (silent.version, emptied.version) == (2, 2)
    assert (len(kept.data), len(gone.data)) == (1, 0)


@pytest.mark.parametrize(
    ("kind", "key", "name"),
    [
        (ObjectKind.LOCATION, "main", "address"),
        (ObjectKind.RESOURCE, "noa", "description"),
        (ObjectKind.SERVICE, "haircut", "description"),
    ],
)
async def test_text_for_visitors_is_stored_changed_and_taken_away(
    objects: CatalogueObjectService, tenant: NewTenant, kind: CollectionKind, key: str, name: str
) -> None:
    await objects.patch(by_business(tenant.id), kind, key, {name: "Before\nthat"})

    changed = await objects.patch(by_business(tenant.id), kind, key, {name: "After"})
    found = await objects.get(by_business(tenant.id), kind, key)
    removed = await objects.patch(by_business(tenant.id), kind, key, {name: None})

    assert found == changed
    assert found.document[name] == "After"
    assert name not in removed.document
    assert await objects.get(by_business(tenant.id), kind, key) == removed
    assert removed.version == 4
