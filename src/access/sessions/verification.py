"""Verification of our own access tokens."""

from access.sessions.access_tokens import session_of, tenant_of, token_key
from access.sessions.repository import UserSessionRepository
from access.signing.repository import SigningKeyRepository
from access.subject import Subject
from access.web_tokens import WebToken, expiry_if_good
from kernel.clock import Clock
from kernel.ids import UserSessionId
from persistence.unit_of_work import UnitOfWork


class AccessTokenVerifier:
    """Finds the user behind a token of ours, with the session and the rights as the database has them."""

    def __init__(self, *, unit_of_work: UnitOfWork, clock: Clock) -> None:
        self._unit_of_work = unit_of_work
        self._clock = clock

    async def find(self, token: WebToken) -> Subject | None:
        """The subject of a token that names us as its issuer; None for one that is not good. Raises StoreUnavailable.

        The key is looked up within the business that the token names, so that of another one verifies nothing.
        """
        tenant_id, session_id = tenant_of(token.audiences), session_of(token.claims)
        if tenant_id is None or session_id is None or token.key_id is None:
            return None
        now = self._clock.now()
        async with self._unit_of_work.snapshot(tenant_id) as connection:
            public_key = await SigningKeyRepository(connection, tenant_id).find_public_key(token.key_id)
            if public_key is None:
                return None
            expires_at = expiry_if_good(token, token_key(public_key), audience=str(tenant_id), now=now)
            if expires_at is None:
                return None
            user = await UserSessionRepository(connection, tenant_id).find_user(session_id, now)
        if user is None or user.id != token.claims.get("sub"):
            return None
        return Subject(
            tenant_id=tenant_id,
            role=user.role,
            expires_at=expires_at,
            user_id=user.id,
            resource_id=user.resource_id,
            session_id=UserSessionId(session_id),
        )
