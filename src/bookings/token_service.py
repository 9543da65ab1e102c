"""Verification of the tokens of appointments."""

from datetime import datetime, timedelta

from bookings import token
from bookings.repository import AppointmentRepository
from kernel.clock import Clock, business_now
from kernel.ids import AppointmentId, TenantId
from persistence.unit_of_work import UnitOfWork


class TokenService:
    """Use case on tokens, for requests that present one."""

    def __init__(self, unit_of_work: UnitOfWork, *, clock: Clock, days: int) -> None:
        """`days` after the end of its visit a token opens nothing any more; 0: it always does."""
        self._unit_of_work = unit_of_work
        self._clock = clock
        self._life = timedelta(days=days)

    async def secret(self, tenant_id: TenantId) -> bytes | None:
        """The secret with which the business signs; None where there is no such business. Raises StoreUnavailable."""
        async with self._unit_of_work.snapshot(tenant_id) as connection:
            return await AppointmentRepository(connection, tenant_id).find_token_secret()

    async def verify(self, text: str) -> tuple[TenantId, AppointmentId] | None:
        """Find the business and the appointment that a token opens; None for a forged, foreign or expired text.

        Raises StoreUnavailable.
        """
        claimed = token.parse(text)
        if claimed is None:
            return None
        # Past all caches: a made-up token must not make the process remember a business that does not exist.
        async with self._unit_of_work.snapshot(claimed[0]) as connection:
            found = await AppointmentRepository(connection, claimed[0]).find_signing(claimed[1])
        if found is None or not token.is_genuine(text, found[0], *claimed):
            return None
        _, sandbox_now, ends_at = found
        return None if self._has_expired(business_now(sandbox_now, self._clock), ends_at) else claimed

    def _has_expired(self, now: datetime, ends_at: datetime | None) -> bool:
        return bool(self._life) and ends_at is not None and now > ends_at + self._life
