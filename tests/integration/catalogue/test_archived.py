"""Archived objects cost nothing but space, and what nothing names is deleted after 30 days."""

from collections.abc import AsyncIterator
from typing import Any, Final

import asyncpg
import pytest

from catalogue import writer as module
from catalogue.archived_objects_service import ArchivedObjectService
from catalogue.document_service import BusinessDocumentService
from catalogue.loader import CatalogueLoader
from catalogue.model.objects import ObjectKind
from catalogue.objects_service import CatalogueObjectService
from catalogue.tenants import NewTenant
from kernel.errors import ValidationFailed
from kernel.operation import by_system
from persistence.unit_of_work import UnitOfWork
from tests.support.documents import small_document
from tests.support.operations import by_business

_BATCH: Final = 100
_EMPTY: Final[dict[str, object]] = {"services": [], "resources": [], "locations": []}


@pytest.fixture
async def outside(database_url: str) -> "AsyncIterator[asyncpg.Connection[Any]]":
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@pytest.fixture
def archived(unit_of_work: UnitOfWork) -> ArchivedObjectService:
    return ArchivedObjectService(unit_of_work)


async def _grow_old(outside: "asyncpg.Connection[Any]", tenant: NewTenant, age: str = "30 days") -> None:
    """Let that much time pass since what is archived was."""
    for table in ("locations", "resources", "services"):
        await outside.execute(
            f"UPDATE {table} SET archived_at = archived_at - CAST($2 AS text)::interval WHERE tenant_id = $1",  # noqa: S608
            tenant.id,
            age,
        )


async def _counts(outside: "asyncpg.Connection[Any]", tenant: NewTenant) -> dict[str, int]:
    tables = ("locations", "resources", "services", "lanes", "hours", "requirements", "requirement_resources")
    return {
        table: await outside.fetchval(f"SELECT count(*) FROM {table} WHERE tenant_id = $1", tenant.id)  # noqa: S608
        for table in tables
    }


async def _book(outside: "asyncpg.Connection[Any]", tenant: NewTenant) -> None:
    """An appointment that names the haircut, and noa."""
    for statement in (
        "INSERT INTO customers (tenant_id, id, name) VALUES ($1, 'cus_1', 'Ada')",
        """INSERT INTO appointments (tenant_id, id, hold_id, service_id, customer_id, customer, status, starts_at,
                ends_at, timezone, party, price_minor, price_currency, policy)
            SELECT $1, 'apt_1', 'hld_1', id, 'cus_1', '{}', 'cancelled', now(), now() + interval '1 hour', 'UTC', 1, 0,
                'USD', '{}'
            FROM services WHERE tenant_id = $1 AND key = 'haircut'""",
        """INSERT INTO appointment_resources (tenant_id, appointment_id, position, role, resource_id, starts_at,
                ends_at, assigned_at)
            SELECT $1, 'apt_1', 0, 'staff', id, now(), now() + interval '1 hour', now()
            FROM resources WHERE tenant_id = $1 AND key = 'noa'""",
    ):
        await outside.execute(statement, tenant.id)


async def test_archived_objects_are_not_loaded_unless_they_are_named(
    catalogue: BusinessDocumentService, tenant: NewTenant, unit_of_work: UnitOfWork
) -> None:
    await catalogue.apply(by_business(tenant.id), small_document())
    before = await CatalogueLoader(unit_of_work).load(tenant.id)
    await catalogue.apply(by_business(tenant.id), small_document(services=[]))

    after = await CatalogueLoader(unit_of_work).load(tenant.id)
    with_key = await CatalogueLoader(unit_of_work).load(tenant.id, also=["haircut", "no name \0"])
    alone = await CatalogueLoader(unit_of_work).load_named(tenant.id, [before.services[0].id])

    assert (after.resources, after.services) == (before.resources, ())
    assert [(service.key, service.archived) for service in with_key.services] == [("haircut", True)]
    assert [service.id for service in alone.services] == [before.services[0].id]
    # What it refers to comes with it, and nothing else.
    assert {resource.id for resource in alone.resources} == set(before.services[0].requires[0].any_of)


async def test_list_goes_on_after_an_object_that_was_archived_meanwhile(
    catalogue: BusinessDocumentService, objects: CatalogueObjectService, tenant: NewTenant
) -> None:
    await catalogue.apply(by_business(tenant.id), small_document())
    for key in ("stool-1", "stool-2"):
        stool = {"key": key, "kind": "stool", "name": "Stool"}
        await objects.create(by_business(tenant.id), ObjectKind.RESOURCE, stool)
    first = await objects.list_objects(by_business(tenant.id), ObjectKind.RESOURCE, limit=3)
    await objects.archive(by_business(tenant.id), ObjectKind.RESOURCE, "stool-1")

    rest = await objects.list_objects(by_business(tenant.id), ObjectKind.RESOURCE, cursor=first.next_cursor)

    assert [view.document["key"] for view in first.data] == ["noa", "chair", "stool-1"]
    assert [view.document["key"] for view in rest.data] == ["stool-2"]


async def test_what_nothing_names_is_deleted_after_thirty_days(
    catalogue: BusinessDocumentService,
    archived: ArchivedObjectService,
    tenant: NewTenant,
    outside: "asyncpg.Connection[Any]",
) -> None:
    await catalogue.apply(by_business(tenant.id), small_document())
    await catalogue.apply(by_business(tenant.id), small_document(**_EMPTY))
    await _grow_old(outside, tenant, "29 days")
    early = await archived.purge(by_system(tenant.id, "test"), _BATCH)
    await _grow_old(outside, tenant, "1 day")

    deleted = await archived.purge(by_system(tenant.id, "test"), _BATCH)

    assert (early, deleted) == (0, 4)
    assert set((await _counts(outside, tenant)).values()) == {0}


async def test_what_an_appointment_names_stays_with_what_it_refers_to(
    catalogue: BusinessDocumentService,
    archived: ArchivedObjectService,
    tenant: NewTenant,
    outside: "asyncpg.Connection[Any]",
) -> None:
    await catalogue.apply(by_business(tenant.id), small_document())
    await _book(outside, tenant)
    await catalogue.apply(by_business(tenant.id), small_document(**_EMPTY))
    await _grow_old(outside, tenant)

    deleted = await archived.purge(by_system(tenant.id, "test"), _BATCH)
    counts = await _counts(outside, tenant)

    # The chair was in no visit.
    assert deleted == 1
    assert {name: counts[name] for name in ("services", "resources", "locations", "lanes", "requirements")} == {
        "services": 1,
        "resources": 1,
        "locations": 1,
        "lanes": 1,
        "requirements": 2,
    }


async def test_location_of_an_appointment_stays_when_its_resources_have_gone_elsewhere(
    catalogue: BusinessDocumentService,
    archived: ArchivedObjectService,
    tenant: NewTenant,
    outside: "asyncpg.Connection[Any]",
) -> None:
    document = small_document()
    await catalogue.apply(by_business(tenant.id), document)
    await _book(outside, tenant)
    await outside.execute(
        "UPDATE appointments SET location_id = (SELECT id FROM locations WHERE tenant_id = $1) WHERE tenant_id = $1",
        tenant.id,
    )
    document["locations"] = [{"key": key, "name": key} for key in ("new", "never-used")]
    for resource in document["resources"]:
        resource["location"] = "new"
    await catalogue.apply(by_business(tenant.id), document)
    document["locations"].pop()
    await catalogue.apply(by_business(tenant.id), document)
    await _grow_old(outside, tenant)

    deleted = await archived.purge(by_system(tenant.id, "test"), _BATCH)

    keys = await outside.fetch("SELECT key FROM locations WHERE tenant_id = $1 ORDER BY key", tenant.id)
    assert (deleted, [row["key"] for row in keys]) == (1, ["main", "new"])


async def test_purge_deletes_no_more_than_it_may_and_goes_on(
    catalogue: BusinessDocumentService,
    archived: ArchivedObjectService,
    tenant: NewTenant,
    outside: "asyncpg.Connection[Any]",
) -> None:
    await catalogue.apply(by_business(tenant.id), small_document())
    await catalogue.apply(by_business(tenant.id), small_document(**_EMPTY))
    await _grow_old(outside, tenant, "32 days")
    await outside.execute("UPDATE due_work SET due_at = now() - interval '1 hour' WHERE tenant_id = $1", tenant.id)
    due = "SELECT count(*) FROM due_work WHERE tenant_id = $1"

    deleted = [(await archived.purge(by_system(tenant.id, "test"), 2), await outside.fetchval(due, tenant.id) > 0)]
    deleted.append((await archived.purge(by_system(tenant.id, "test"), 2), await outside.fetchval(due, tenant.id) > 0))
    deleted.append((await archived.purge(by_system(tenant.id, "test"), 2), await outside.fetchval(due, tenant.id) > 0))

    assert deleted == [(2, True), (2, True), (0, False)]


async def test_live_objects_are_never_deleted(
    catalogue: BusinessDocumentService,
    archived: ArchivedObjectService,
    tenant: NewTenant,
    outside: "asyncpg.Connection[Any]",
) -> None:
    await catalogue.apply(by_business(tenant.id), small_document())
    await catalogue.apply(by_business(tenant.id), small_document(services=[]))
    await _grow_old(outside, tenant)
    await catalogue.apply(by_business(tenant.id), small_document())

    deleted = await archived.purge(by_system(tenant.id, "test"), _BATCH)

    assert deleted == 0


async def test_more_archivals_than_a_day_may_have_are_refused(
    catalogue: BusinessDocumentService,
    tenant: NewTenant,
    outside: "asyncpg.Connection[Any]",
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MAX_ARCHIVED_A_DAY", 1)
    await catalogue.apply(by_business(tenant.id), small_document())
    await catalogue.apply(by_business(tenant.id), small_document(services=[]))

    with pytest.raises(ValidationFailed, match="archived in 24 hours"):
        await catalogue.apply(by_business(tenant.id), small_document(**_EMPTY))
    await _grow_old(outside, tenant, "1 day")
    with pytest.raises(ValidationFailed):
        await catalogue.apply(by_business(tenant.id), small_document(**_EMPTY))
    one = small_document(services=[], resources=small_document()["resources"][1:])
    changes = (await catalogue.apply(by_business(tenant.id), one)).changes

    assert [(change.action.value, change.key) for change in changes] == [("archive", "noa")]
