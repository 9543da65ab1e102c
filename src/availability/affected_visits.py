"""Search for the appointments that a change of the catalogue affects."""

import asyncio

from sqlalchemy.ext.asyncio import AsyncConnection

from availability.rules.affected import CatalogueLoss
from availability.state.upcoming_visits import UpcomingVisitRepository
from catalogue.affected import MAX_AFFECTED_LISTED, NOT_AFFECTED, AffectedAppointments
from catalogue.desired import DesiredCatalogue
from catalogue.diff import CatalogueDiff
from catalogue.model.catalogue import Catalogue
from kernel.clock import Clock, business_now


class AffectedVisits:
    """Finds live appointments that fitted before a change and do not fit after it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def find(
        self, connection: AsyncConnection, stored: Catalogue, desired: DesiredCatalogue, difference: CatalogueDiff
    ) -> AffectedAppointments:
        """The appointments that have not ended; reads nothing where the change takes nothing away."""
        loss = await asyncio.to_thread(CatalogueLoss, stored, desired, difference)
        if not loss.resource_ids and not loss.service_ids:
            return NOT_AFFECTED
        visits = UpcomingVisitRepository(connection, stored.business.id)
        now = business_now(stored.business.sandbox_now, self._clock)
        parts = await visits.find_parts(loss.resource_ids, loss.service_ids, now)
        ids = await asyncio.to_thread(loss.affected, parts)
        if not ids:
            return NOT_AFFECTED
        return AffectedAppointments(listed=await visits.describe(ids[:MAX_AFFECTED_LISTED]), total=len(ids))
