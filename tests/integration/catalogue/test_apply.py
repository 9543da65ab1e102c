"""The whole document, applied to a real database."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from catalogue.document_service import BusinessDocumentService
from catalogue.loader import CatalogueLoader
from catalogue.tenants import NewTenant, TenantService
from kernel.errors import NotFound, ValidationFailed, VersionConflict
from kernel.ids import TenantId
from persistence.unit_of_work import UnitOfWork
from tests.integration.catalogue.conftest import Recorder
from tests.support.documents import example, small_document
from tests.support.operations import by_business


async def rows(engine: AsyncEngine, tenant: NewTenant, query: str) -> list[tuple[Any, ...]]:
    async with engine.begin() as connection:
        await connection.execute(text("SELECT set_config('app.tenant_id', :id, true)"), {"id": str(tenant.id)})
        return [tuple(row) for row in await connection.execute(text(query))]


@pytest.mark.parametrize("document", [small_document(), example("barbershop")], ids=["small", "barbershop"])
async def test_document_changes_nothing_when_applied_again(
    catalogue: BusinessDocumentService,
    tenant: NewTenant,
    recorder: Recorder,
    unit_of_work: UnitOfWork,
    document: dict[str, Any],
) -> None:
    first = (await catalogue.apply(by_business(tenant.id), document)).changes
    before = await CatalogueLoader(unit_of_work).load(tenant.id)
    given = await catalogue.document(by_business(tenant.id))
    told = len(recorder.catalogues)

    again = (await catalogue.apply(by_business(tenant.id), document)).changes
    rendered = (await catalogue.apply(by_business(tenant.id), given.document)).changes

    assert first != ()
    assert again == rendered == ()
    assert await CatalogueLoader(unit_of_work).load(tenant.id) == before
    assert await catalogue.document(by_business(tenant.id)) == given
    assert len(recorder.catalogues) == told == 1


async def test_loaded_catalogue_is_what_the_document_says(
    catalogue: BusinessDocumentService, tenant: NewTenant, unit_of_work: UnitOfWork
) -> None:
    await catalogue.apply(by_business(tenant.id), example("barbershop"))

    loaded = await CatalogueLoader(unit_of_work).load(tenant.id)

    assert [resource.key for resource in loaded.resources] == ["noa", "dan", "yael", "omer"]
    haircut = loaded.find_service("haircut")
    dan = loaded.find_resource("dan")
    assert haircut is not None
    assert dan is not None
    assert [resource.key for resource in loaded.pool(haircut.requires[0])] == ["noa", "dan", "yael", "omer"]
    assert haircut.requires[0].terms[dan.id].duration_minutes == 45
    assert [lane.number for lane in dan.lanes] == [1]
    assert loaded.rules_for(haircut).lead_time_minutes == 60


async def test_dry_run_lists_the_changes_and_makes_none(
    catalogue: BusinessDocumentService, tenant: NewTenant, recorder: Recorder, unit_of_work: UnitOfWork
) -> None:
    before = await CatalogueLoader(unit_of_work).load(tenant.id)

    listed = (await catalogue.apply(by_business(tenant.id), small_document(), dry_run=True)).changes

    assert [change.key for change in listed] == ["main", "noa", "chair", "haircut"]
    assert await CatalogueLoader(unit_of_work).load(tenant.id) == before
    assert recorder.catalogues == []


async def test_absent_object_is_archived_and_comes_back_under_its_id(
    catalogue: BusinessDocumentService, tenant: NewTenant, unit_of_work: UnitOfWork
) -> None:
    await catalogue.apply(by_business(tenant.id), small_document())
    before = await CatalogueLoader(unit_of_work).load(tenant.id)

    away = (await catalogue.apply(by_business(tenant.id), small_document(services=[], resources=[]))).changes
    gone = await CatalogueLoader(unit_of_work).load(tenant.id)
    back = (await catalogue.apply(by_business(tenant.id), small_document())).changes
    after = await CatalogueLoader(unit_of_work).load(tenant.id)

    assert [(change.action.value, change.key) for change in away] == [
        ("archive", "noa"),
        ("archive", "chair"),
        ("archive", "haircut"),
    ]
    assert gone.find_resource("noa") is None
    assert [(change.action.value, change.key) for change in back] == [
        ("revive", "noa"),
        ("revive", "chair"),
        ("revive", "haircut"),
    ]
    assert [resource.id for resource in after.resources] == [resource.id for resource in before.resources]
    assert after.services[0].id == before.services[0].id
    assert after.services[0].version == 3
    assert after.resources[0].schedule == before.resources[0].schedule


async def test_changed_parts_replace_what_was_there(
    catalogue: BusinessDocumentService, tenant: NewTenant, unit_of_work: UnitOfWork
) -> None:
    await catalogue.apply(by_business(tenant.id), example("barbershop"))
    document = example("barbershop")
    document["resources"][0] |= {"hours": [], "breaks": [], "overrides": [], "time_off": [], "capacity": 3}
    document["services"][0]["requires"] = [{"role": "barber", "any_of": ["omer", "noa"], "count": 2}]
    document["resources"].reverse()

    changes = (await catalogue.apply(by_business(tenant.id), document)).changes
    loaded = await CatalogueLoader(unit_of_work).load(tenant.id)
    rendered: Any = (await catalogue.document(by_business(tenant.id))).document

    assert ("noa", ("capacity", "hours", "breaks", "overrides", "time_off", "position")) in [
        (change.key, change.fields) for change in changes
    ]
    assert [resource.key for resource in loaded.resources] == ["omer", "yael", "dan", "noa"]
    noa = loaded.resources[3]
    assert (noa.schedule.hours, noa.schedule.breaks, noa.schedule.overrides) == ((), (), {})
    assert [lane.number for lane in noa.lanes] == [1, 2, 3]
    assert rendered["services"][0]["requires"][0]["any_of"] == ["omer", "noa"]
    assert rendered["resources"][3]["time_off"] == []
    assert (await catalogue.apply(by_business(tenant.id), document)).changes == ()


async def test_lanes_stay_when_the_capacity_is_lowered(
    catalogue: BusinessDocumentService, tenant: NewTenant, unit_of_work: UnitOfWork
) -> None:
    document = small_document()
    document["resources"][0]["capacity"] = 3
    await catalogue.apply(by_business(tenant.id), document)
    before = (await CatalogueLoader(unit_of_work).load(tenant.id)).resources[0]

    await catalogue.apply(by_business(tenant.id), small_document())
    lowered = (await CatalogueLoader(unit_of_work).load(tenant.id)).resources[0]
    await catalogue.apply(by_business(tenant.id), document)
    raised = (await CatalogueLoader(unit_of_work).load(tenant.id)).resources[0]

    assert (lowered.capacity, lowered.lanes) == (1, before.lanes)
    assert (raised.capacity, raised.lanes) == (3, before.lanes)


async def test_time_off_stays_when_absent_and_is_told_when_it_changes(
    catalogue: BusinessDocumentService, tenant: NewTenant, recorder: Recorder
) -> None:
    document = example("barbershop")
    await catalogue.apply(by_business(tenant.id), document)
    told = len(recorder.catalogues)
    recorder.time_off.clear()
    silent, emptying = example("barbershop"), example("barbershop")
    del silent["resources"][0]["time_off"]
    emptying["resources"][0]["time_off"] = []

    nothing = (await catalogue.apply(by_business(tenant.id), silent)).changes
    something = (await catalogue.apply(by_business(tenant.id), emptying)).changes

    assert nothing == ()
    assert [(change.key, change.fields) for change in something] == [("noa", ("time_off",))]
    assert len(recorder.time_off) == 1
    assert len(recorder.catalogues) == told


async def test_refused_document_leaves_everything_as_it_was(
    catalogue: BusinessDocumentService, tenant: NewTenant, unit_of_work: UnitOfWork
) -> None:
    await catalogue.apply(by_business(tenant.id), small_document())
    before = await CatalogueLoader(unit_of_work).load(tenant.id)
    document = small_document(business={"name": "New name", "timezone": "UTC", "currency": "USD"})
    document["services"][0]["duration_minutes"] = 0

    with pytest.raises(ValidationFailed):
        await catalogue.apply(by_business(tenant.id), document)

    assert await CatalogueLoader(unit_of_work).load(tenant.id) == before


async def test_document_is_refused_when_it_is_not_the_one_that_was_read(
    catalogue: BusinessDocumentService, tenant: NewTenant
) -> None:
    read = await catalogue.document(by_business(tenant.id))
    await catalogue.apply(by_business(tenant.id), small_document(), expected_etag=read.etag)

    with pytest.raises(VersionConflict):
        await catalogue.apply(by_business(tenant.id), small_document(services=[]), expected_etag=read.etag)


async def test_document_of_nobody_is_not_found(catalogue: BusinessDocumentService) -> None:
    nobody = TenantId(UUID(int=7))

    with pytest.raises(NotFound):
        await catalogue.apply(by_business(nobody), small_document())
    with pytest.raises(NotFound):
        await catalogue.document(by_business(nobody))


async def test_business_sees_nothing_of_another(
    catalogue: BusinessDocumentService, tenants: TenantService, tenant: NewTenant
) -> None:
    other = await tenants.create("Other")
    await catalogue.apply(by_business(tenant.id), small_document())

    await catalogue.apply(by_business(other.id), small_document(services=[]))

    mine: Any = (await catalogue.document(by_business(tenant.id))).document
    theirs: Any = (await catalogue.document(by_business(other.id))).document
    assert [service["key"] for service in mine["services"]] == ["haircut"]
    assert theirs["services"] == []


async def test_change_leaves_an_event_and_an_invalidation_of_its_operation(
    catalogue: BusinessDocumentService, tenant: NewTenant, engine: AsyncEngine
) -> None:
    await catalogue.apply(by_business(tenant.id), small_document())

    events = await rows(engine, tenant, "SELECT name, data FROM outbox")
    invalidations = await rows(
        engine,
        tenant,
        "SELECT DISTINCT resource_id, operation_id IS NULL FROM invalidations"
        " WHERE tenant_id = current_setting('app.tenant_id')::uuid AND operation_id <> ''",
    )

    assert [name for name, _ in events] == ["catalogue.changed.v1"]
    assert [change["key"] for change in events[0][1]["changes"]] == ["main", "noa", "chair", "haircut"]
    assert invalidations == [(None, False)]


async def test_concurrent_documents_are_applied_one_after_the_other(
    catalogue: BusinessDocumentService, tenant: NewTenant, unit_of_work: UnitOfWork
) -> None:
    documents = [
        small_document(business={"name": f"Number {number}", "timezone": "UTC", "currency": "USD"})
        for number in range(5)
    ]

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(catalogue.apply(by_business(tenant.id), document)) for document in documents]

    created = [change for task in tasks for change in task.result().changes if change.action.value == "create"]
    loaded = await CatalogueLoader(unit_of_work).load(tenant.id)
    assert len(created) == 4
    assert loaded.business.version == 6


# Where a connection has planned for tables of a few rows, it keeps to that plan.
@pytest.mark.own_database
async def test_largest_business_is_applied_within_the_statement_limits(
    catalogue: BusinessDocumentService, tenant: NewTenant
) -> None:
    document = small_document()
    week = {"days": ["mon"], "start": "09:00", "end": "17:00"}
    document["resources"] = [
        {"key": f"r{number}", "kind": "staff", "name": "R", "capacity": 10, "hours": [week] * 5}
        for number in range(2000)
    ]
    keys = [resource["key"] for resource in document["resources"]]
    document["services"][0]["requires"] = [{"role": "any", "any_of": keys}]

    changes = (await catalogue.apply(by_business(tenant.id), document)).changes

    assert len(changes) == 2002
    assert (await catalogue.apply(by_business(tenant.id), document)).changes == ()


async def test_notifications_are_a_part_of_the_business(catalogue: BusinessDocumentService, tenant: NewTenant) -> None:
    section = {"languages": ["he"], "staff": {"cancelled": ["sms"]}}
    document = small_document(notifications=section)
    await catalogue.apply(by_business(tenant.id), small_document())

    planned = (await catalogue.apply(by_business(tenant.id), document, dry_run=True)).changes
    applied = (await catalogue.apply(by_business(tenant.id), document)).changes
    again = (await catalogue.apply(by_business(tenant.id), document)).changes
    given = (await catalogue.document(by_business(tenant.id))).document
    removed = (await catalogue.apply(by_business(tenant.id), small_document())).changes

    assert [(change.kind, change.fields) for change in applied] == [("business", ("notifications",))]
    assert [(value.pointer, value.new) for value in planned[0].values] == [("notifications", section)]
    assert again == ()
    assert given["notifications"] == section
    assert [change.fields for change in removed] == [("notifications",)]
    assert "notifications" not in (await catalogue.document(by_business(tenant.id))).document
