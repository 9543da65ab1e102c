"""Codes of visitors as tests read them: messages are kept, not sent."""

import re
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from access.contacts.code_message import KIND, CodeMessageHandler
from bookings.repository import AppointmentRepository
from holds.code_store import HoldCodeStore
from kernel.ids import HoldId, TenantId
from messages.model import Channel, Mail, SendFailed, Sent, TextMessage
from persistence import keys
from persistence.unit_of_work import UnitOfWork
from tasks.model import Task
from tests.support.door import Door
from tests.support.users import Mailbox

_CODE = re.compile(r"\b\d{6}\b")


@dataclass
class Telephones:
    """A channel that keeps text messages."""

    messages: list[TextMessage] = field(default_factory=list)
    failure: SendFailed | None = None

    async def send(self, message: TextMessage) -> Sent:
        """Keep the message, or fail as it was told to."""
        if self.failure is not None:
            raise self.failure
        self.messages.append(message)
        return Sent(message.id)


@dataclass(eq=False)
class Codes:
    """The codes of one business."""

    door: Door
    outside: "asyncpg.Connection[Any]"
    mailbox: Mailbox = field(default_factory=Mailbox)
    telephones: Telephones = field(default_factory=Telephones)

    def handler(
        self, *, mails: Channel[Mail] | None = None, text_messages: Channel[TextMessage] | None = None
    ) -> CodeMessageHandler:
        """What does the tasks, on these channels or on those that keep."""
        context = self.door.context
        return CodeMessageHandler(
            unit_of_work=UnitOfWork(context.engine),
            codes=HoldCodeStore(context.redis),
            mails=mails or self.mailbox,
            text_messages=text_messages or self.telephones,
            metrics=context.metrics,
        )

    async def tasks(self) -> list[Task]:
        """The messages that are planned."""
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

    async def deliver(self) -> str:
        """Send what is planned; the last code."""
        for task in await self.tasks():
            await self.handler().run(task)
            await self.outside.execute("DELETE FROM tasks WHERE id = $1", task.id)
        texts = [mail.text for mail in self.mailbox.mails] or [one.text for one in self.telephones.messages]
        return code_in(texts[-1])

    async def ask(self, hold: Any, *, status: int = 202, headers: Any = None, **contact: str) -> Any:
        """Ask for a code as a visitor."""
        path = f"/v1/holds/{hold['id']}/verification"
        headers = {**self.door.publishable, **(headers or {})}
        return await self.door.send("POST", path, json=contact, headers=headers, status=status)

    async def check(self, hold: Any, code: str, *, status: int = 200) -> Any:
        """Send a code as a visitor."""
        path = f"/v1/holds/{hold['id']}/verification/check"
        return await self.door.send("POST", path, json={"code": code}, headers=self.door.publishable, status=status)

    async def prove(self, hold: Any, **contact: Any) -> None:
        """Prove a contact for a hold."""
        await self.ask(hold, **contact)
        await self.check(hold, await self.deliver())

    async def record(self, hold: Any) -> dict[str, str]:
        """The record of a hold in Redis."""
        found = await self.door.context.redis.hgetall(keys.hold(self.door.tenant_id, HoldId(hold["id"])))
        return {_text(name): _text(value) for name, value in found.items()}

    async def change(self, hold: Any, **fields: str | int) -> None:
        """Change the record of a hold past the engine: the clock of Redis cannot be set."""
        await self.door.context.redis.hset(
            keys.hold(self.door.tenant_id, HoldId(hold["id"])),
            mapping={name: str(value) for name, value in fields.items()},
        )

    async def let_pause_pass(self, hold: Any) -> None:
        """Make the last code one of long ago."""
        await self.change(hold, code_asked_at=1)

    async def secret(self) -> bytes:
        """The secret of the business."""
        async with UnitOfWork(self.door.context.engine).snapshot(self.door.tenant_id) as connection:
            found = await AppointmentRepository(connection, self.door.tenant_id).find_token_secret()
        assert found is not None
        return found


def code_in(text: str) -> str:
    """The code in a text."""
    match = _CODE.search(text)
    assert match is not None, text
    return match[0]


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
