"""Use cases on sign-in links: asking for one, and making one."""

import asyncio
import hashlib
import secrets
import time
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from access.sessions.model import (
    CODE_BYTES,
    LINK_LIFE,
    MOST_LINKS,
    MOST_PER_CLIENT,
    MOST_PER_EMAIL,
    SignInRateLimited,
    sign_in_code,
)
from access.sessions.repository import UserSessionRepository, count_attempt
from access.users.model import DIGEST_PURPOSE, compared_email
from access.users.repository import UserRepository, find_by_email
from kernel.clock import Clock
from kernel.ids import TenantId, UserId
from kernel.operation import by_system
from persistence.audit import AuditNote
from persistence.errors import postgres_errors
from persistence.sealing import MasterKeys
from persistence.unit_of_work import UnitOfWork
from tasks.model import PlannedTask
from tasks.repository import TaskRepository

SIGN_IN_MAIL: Final = "access.sign_in_mail"
"""The kind of the tasks that mail a link to a user."""
ANSWER_SECONDS: Final = 0.25
"""Every answer to a request for a link comes so late: its time tells nobody whether the address is known."""
_MOST_BUSINESSES: Final = 20
"""Businesses of one address that a request mails a link for."""
_ATTEMPTS: Final = "sign-in attempts"
_LOOP_NAME: Final = "sign-in"


def code_digest(code: str) -> bytes:
    """The digest that is kept of a code. A code cannot be guessed, so one round of SHA-256 is enough."""
    return hashlib.sha256(code.encode()).digest()


def attempts_digest(keys: MasterKeys, counted: bytes) -> bytes:
    """The name under which attempts by an e-mail address, or from a network address, are counted."""
    return next(iter(keys.digests(counted, _ATTEMPTS).values()))


class SignInService:
    """Use cases on sign-in links. `public_url`: the address of the engine that links begin with."""

    def __init__(
        self, *, engine: AsyncEngine, unit_of_work: UnitOfWork, keys: MasterKeys, public_url: str, clock: Clock
    ) -> None:
        self._engine = engine
        self._unit_of_work = unit_of_work
        self._keys = keys
        self._public_url = public_url
        self._clock = clock

    async def request(self, email: str, *, client: bytes | None) -> None:
        """Have a link mailed to that address, if a user has it; it takes ANSWER_SECONDS either way.

        `client`: the network address of the sender; None where it is unknown. Raises SignInRateLimited,
        MasterKeyMissing, StoreUnavailable.
        """
        until = time.monotonic() + ANSWER_SECONDS
        try:
            await self._plan_mails(email, client)
        finally:
            await asyncio.sleep(max(until - time.monotonic(), 0))

    async def make_link(self, tenant_id: TenantId, user_id: UserId) -> str | None:
        """The address of a page on which the user signs in, once, within LINK_LIFE; None where there is no such user.

        Raises StoreUnavailable.
        """
        now, code = self._clock.now(), sign_in_code(tenant_id, secrets.token_bytes(CODE_BYTES))
        async with self._unit_of_work.begin(by_system(tenant_id, _LOOP_NAME, "makeSignInLink")) as tx:
            if await UserRepository(tx.connection, tenant_id).find(user_id) is None:
                return None
            await UserSessionRepository(tx.connection, tenant_id).add_link(
                user_id, code_digest(code), expires_at=now + LINK_LIFE, most=MOST_LINKS, now=now
            )
            await tx.audit.add(AuditNote(subject=user_id))
        # What stands behind # is sent to no server, so no log of one has it.
        return f"{self._public_url}/sign-in#{code}"

    async def _plan_mails(self, email: str, client: bytes | None) -> None:
        """Count the attempt, and plan the mails; both are written, or neither."""
        digests = self._keys.digests(compared_email(email), DIGEST_PURPOSE)
        now = self._clock.now()
        with postgres_errors():
            async with self._engine.begin() as connection:
                if client is not None:
                    counted = await count_attempt(
                        connection, attempts_digest(self._keys, client), now=now, within=LINK_LIFE
                    )
                    if counted.number > MOST_PER_CLIENT:
                        wait = counted.since + LINK_LIFE - now
                        raise SignInRateLimited(
                            "Too many sign-in links were asked for from this address. Please try again later.",
                            retry_after_seconds=max(1, int(wait.total_seconds())),
                        )
                counted = await count_attempt(
                    connection, attempts_digest(self._keys, compared_email(email)), now=now, within=LINK_LIFE
                )
                found = await find_by_email(connection, digests.values())
                if counted.number <= MOST_PER_EMAIL:
                    await TaskRepository(connection).plan(
                        [
                            PlannedTask(
                                tenant_id=user.tenant_id, kind=SIGN_IN_MAIL, subject=user.user_id, key=user.user_id
                            )
                            for user in found[:_MOST_BUSINESSES]
                        ]
                    )
