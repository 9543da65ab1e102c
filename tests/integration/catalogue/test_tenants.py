"""Businesses are made, and opened with their keys."""

import re
from uuid import UUID

import pytest

from catalogue.loader import CatalogueLoader
from catalogue.model.business import Mode
from catalogue.tenants import KeyKind, NewTenant, TenantService
from kernel.errors import NotFound, ValidationFailed
from kernel.ids import TenantId
from persistence.unit_of_work import UnitOfWork


async def test_new_business_is_opened_by_its_two_keys(tenants: TenantService, tenant: NewTenant) -> None:
    secret = await tenants.authenticate(tenant.secret_key)
    publishable = await tenants.authenticate(tenant.publishable_key)

    assert secret is not None
    assert publishable is not None
    assert (secret.tenant_id, secret.kind) == (tenant.id, KeyKind.SECRET)
    assert (publishable.tenant_id, publishable.kind) == (tenant.id, KeyKind.PUBLISHABLE)
    assert re.fullmatch(r"hfs_[\w-]{43}", tenant.secret_key)
    assert re.fullmatch(r"hfp_[\w-]{43}", tenant.publishable_key)


async def test_new_business_is_empty(unit_of_work: UnitOfWork, tenants: TenantService) -> None:
    tenant = await tenants.create("Test bench", mode=Mode.SANDBOX)

    catalogue = await CatalogueLoader(unit_of_work).load(tenant.id)

    assert (catalogue.business.name, catalogue.business.mode) == ("Test bench", Mode.SANDBOX)
    assert (catalogue.business.timezone, catalogue.business.currency) == ("UTC", "USD")
    assert len(catalogue.business.token_secret) == 32
    assert catalogue.resources == ()


async def test_business_is_refused_when_its_zone_is_unknown(tenants: TenantService) -> None:
    with pytest.raises(ValidationFailed, match="timezone"):
        await tenants.create("Fade & Co", timezone="Mars/Olympus")


@pytest.mark.parametrize("key", ["", "hfs_", "hfs_" + "a" * 43, "hfs_" + "é" * 43, "x" * 1000])
async def test_unknown_key_opens_nothing(tenants: TenantService, key: str) -> None:
    assert await tenants.authenticate(key) is None


async def test_revoked_key_opens_nothing_and_the_others_stay(tenants: TenantService, tenant: NewTenant) -> None:
    new = await tenants.create_key(tenant.id, KeyKind.SECRET)
    opened = await tenants.authenticate(new.key)

    await tenants.revoke_key(new.id)
    await tenants.revoke_key(new.id)

    assert opened is not None
    assert opened.key_id == new.id
    assert await tenants.authenticate(new.key) is None
    assert await tenants.authenticate(tenant.secret_key) is not None


async def test_keys_of_nobody_are_not_found(tenants: TenantService) -> None:
    with pytest.raises(NotFound):
        await tenants.revoke_key("key_00000000000000000000000000")
    with pytest.raises(NotFound):
        await tenants.create_key(TenantId(UUID(int=7)), KeyKind.SECRET)


def test_keys_are_not_shown_in_logs(tenant: NewTenant) -> None:
    assert tenant.secret_key not in repr(tenant)
