"""Ends the appointments that nobody approved in time."""

import asyncio
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from bookings.appointment_service import AppointmentService
from kernel.operation import by_system
from workers.repository import tenants

# Appointments ended in one transaction: some tenths of a second, for which somebody who wants one of them waits.
_AT_ONCE: Final = 50


class Approvals:
    """An appointment that has expired cannot be approved, whether it was ended or not; ending it frees its time."""

    def __init__(self, *, engine: AsyncEngine, appointments: AppointmentService) -> None:
        self._engine = engine
        self._appointments = appointments

    async def run_once(self, *, stop: asyncio.Event | None = None) -> int:
        """End those of all businesses, or of as many as there is time for until `stop`, and say how many they were.

        Safe with several at once. Raises StoreUnavailable; the next run does the rest.
        """
        stop = stop or asyncio.Event()
        ended = 0
        async for tenant_id in tenants(self._engine):
            while not stop.is_set():
                expired = await self._appointments.expire(by_system(tenant_id, "approvals"), _AT_ONCE)
                ended += expired
                if expired < _AT_ONCE:
                    break
        return ended
