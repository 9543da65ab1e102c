"""Verification of the tokens of appointments."""

from datetime import datetime, timedelta

from bookings import token
from bookings.repository import AppointmentRepository
from bookings.token_secrets import TokenSecrets
from catalogue.repositories.signing import Signing
from kernel.clock import Clock, business_now
from kernel.ids import AppointmentId, TenantId
from persistence.unit_of_work import UnitOfWork


class TokenService:
    """Use case on tokens, for requests that present one."""

    def __init__(self, unit_of_work: UnitOfWork, *, secrets: TokenSecrets, clock: Clock, days: int) -> None:
        """`days` after the end of its visit a token opens nothing any more; 0: it always does."""
        self._unit_of_work = unit_of_work
        self._secrets = secrets
        self._clock = clock
        self._life = timedelta(days=days)

    async def secret(self, tenant_id: TenantId) -> bytes | None:
        """The secret that came with the business; None where there is no such business. Raises StoreUnavailable."""
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
        if found is None or not await self._is_genuine(text, found[0], *claimed):
            return None
        _, sandbox_now, ends_at = found
        return None if self._has_expired(business_now(sandbox_now, self._clock), ends_at) else claimed

    async def _is_genuine(
        self, text: str, signing: Signing, tenant_id: TenantId, appointment_id: AppointmentId
    ) -> bool:
        for secret_id in signing.accepted_ids(self._clock.now()):
            secret = await self._secrets.open(tenant_id, secret_id, signing.original)
            if token.is_genuine(text, secret, tenant_id, appointment_id):
                return True
        return False

    def _has_expired(self, now: datetime, ends_at: datetime | None) -> bool:
        return bool(self._life) and ends_at is not None and now > ends_at + self._life
