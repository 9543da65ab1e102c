"""Quotas, as transactions keep them that add one more object of a kind."""

from sqlalchemy.ext.asyncio import AsyncConnection

from catalogue.desired import DesiredCatalogue
from catalogue.diff import Action, CatalogueDiff
from catalogue.model.objects import ObjectKind
from catalogue.model.quotas import MOST, Quota, QuotaExceeded
from catalogue.repositories.quotas import find_quotas
from kernel.ids import TenantId


async def most_of(connection: AsyncConnection, tenant_id: TenantId, quota: Quota) -> int:
    """The most of a kind that a business may have, 0 or more, while the transaction keeps others from adding one.

    MOST where there is no quota.
    """
    return (await find_quotas(connection, tenant_id, lock=True)).get(quota.value, MOST)


async def check_resources(
    connection: AsyncConnection, tenant_id: TenantId, difference: CatalogueDiff, desired: DesiredCatalogue
) -> None:
    """Raise QuotaExceeded if a difference adds resources, and the business has too many then.

    Writers of one catalogue take turns, so no other one adds any meanwhile.
    """
    added = {Action.CREATE, Action.REVIVE}
    if any(change.action in added for change in difference.of_kind(ObjectKind.RESOURCE)):
        most = (await find_quotas(connection, tenant_id)).get(Quota.RESOURCES.value, MOST)
        if len(desired.resources) > most:
            raise QuotaExceeded(Quota.RESOURCES, most)
