"""Verification of the tokens of appointments."""

from bookings import token
from bookings.repository import AppointmentRepository
from kernel.ids import AppointmentId, TenantId
from persistence.unit_of_work import UnitOfWork


class TokenService:
    """Use case on tokens, for requests that present one."""

    def __init__(self, unit_of_work: UnitOfWork) -> None:
        self._unit_of_work = unit_of_work

    async def secret(self, tenant_id: TenantId) -> bytes | None:
        """The secret with which the business signs; None where there is no such business. Raises StoreUnavailable."""
        async with self._unit_of_work.snapshot(tenant_id) as connection:
            return await AppointmentRepository(connection, tenant_id).find_token_secret()

    async def verify(self, text: str) -> tuple[TenantId, AppointmentId] | None:
        """Find the business and the appointment that a token opens; None for a forged or foreign text.

        Raises StoreUnavailable.
        """
        claimed = token.parse(text)
        if claimed is None:
            return None
        # Past all caches: a made-up token must not make the process remember a business that does not exist.
        async with self._unit_of_work.snapshot(claimed[0]) as connection:
            secret = await AppointmentRepository(connection, claimed[0]).find_token_secret()
        return claimed if secret is not None and token.is_genuine(text, secret, *claimed) else None
