"""Users of a business as tests sign them in: mails are kept, not sent."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import asyncpg

from access.roles import Role
from access.sessions.service import UserSessionService
from access.sessions.sign_in_mail import KIND, SignInMailHandler
from access.sessions.sign_in_service import SignInService
from access.users.service import UserDetails
from bootstrap.services import Services, build_services
from kernel.ids import TenantId, UserId
from kernel.operation import by_system
from messages.model import Mail, SendFailed, Sent
from persistence.unit_of_work import UnitOfWork
from tasks.model import Task
from tests.support.door import Door
from tests.support.engine import MovingClock

_CODE = re.compile(r"/sign-in#(hfc_\S+)")


@dataclass
class Mailbox:
    """A channel that keeps mails."""

    mails: list[Mail] = field(default_factory=list)
    failure: SendFailed | None = None

    async def send(self, mail: Mail) -> Sent:
        """Keep the mail, or fail as it was told to."""
        if self.failure is not None:
            raise self.failure
        self.mails.append(mail)
        return Sent(mail.id)


@dataclass(eq=False)
class Users:
    """The users of one business, by a clock that a test sets."""

    door: Door
    outside: "asyncpg.Connection[Any]"
    clock: MovingClock = field(default_factory=lambda: MovingClock(datetime.now(UTC)))
    mailbox: Mailbox = field(default_factory=Mailbox)

    def __post_init__(self) -> None:
        context = self.door.context
        keys, unit_of_work = context.settings.master_keys, UnitOfWork(context.engine)
        self.services: Services = build_services(context)
        self.sign_in = SignInService(
            engine=context.engine,
            unit_of_work=unit_of_work,
            keys=keys,
            public_url="https://book.example",
            clock=self.clock,
        )
        self.sessions = UserSessionService(unit_of_work=unit_of_work, keys=keys, clock=self.clock)
        self.handler = SignInMailHandler(
            unit_of_work=unit_of_work,
            keys=keys,
            sign_in=self.sign_in,
            channel=self.mailbox,
            clock=self.clock,
            metrics=context.metrics,
        )

    async def add(
        self, email: str, role: Role = Role.OWNER, resource: str | None = None, locale: str | None = None
    ) -> UserId:
        """Add a user."""
        details = UserDetails(email=email, name="Dana", role=role, resource=resource, locale=locale)
        return (await self.services.users.create(by_system(self.door.tenant_id, "test"), details)).id

    async def code(self, user_id: UserId) -> str:
        """The code of a new link."""
        link = await self.sign_in.make_link(self.door.tenant_id, user_id)
        assert link is not None
        return code_in(link)

    async def token(self, role: Role = Role.OWNER, resource: str | None = None) -> str:
        """An access token of a new user."""
        count = await self.outside.fetchval("SELECT count(*) FROM users WHERE tenant_id = $1", self.door.tenant_id)
        user_id = await self.add(f"user{count}@example.com", role, resource)
        return (await self.sessions.open(await self.code(user_id))).access_token

    async def tasks(self) -> list[Task]:
        """The mails that are planned."""
        rows = await self.outside.fetch(
            "SELECT * FROM tasks WHERE tenant_id = $1 AND kind = $2 ORDER BY id", self.door.tenant_id, KIND.name
        )
        return [
            Task(
                id=row["id"],
                tenant_id=TenantId(row["tenant_id"]),
                kind=row["kind"],
                subject=row["subject"],
                key=row["key"],
                due_at=row["due_at"],
                attempt=1,
                leased_until=row["due_at"],
                revision=row["revision"],
                created_at=row["created_at"],
            )
            for row in rows
        ]

    async def mail_codes(self) -> list[str]:
        """Send the mails that are planned; the codes in them."""
        for task in await self.tasks():
            await self.handler.run(task)
            await self.outside.execute("DELETE FROM tasks WHERE id = $1", task.id)
        return [code_in(mail.text) for mail in self.mailbox.mails]


def code_in(text: str) -> str:
    """The code of the link in a text."""
    match = _CODE.search(text)
    assert match is not None
    return match[1]


def bearer(token: str) -> dict[str, str]:
    """The header with a token."""
    return {"Authorization": f"Bearer {token}"}


async def access_token(
    outside: "asyncpg.Connection[Any]", door: Door, role: Role = Role.OWNER, *, resource: str | None = None
) -> str:
    """An access token of a new user of the business."""
    return await Users(door, outside).token(role, resource)
