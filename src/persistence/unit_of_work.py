"""One transaction of one business."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from kernel.errors import StoreUnavailable
from kernel.ids import CommitId, TenantId, new_commit_id
from kernel.operation import Operation
from persistence.audit import AuditLog
from persistence.errors import postgres_errors
from persistence.outbox import Outbox
from telemetry import tracing

# True: until the transaction ends. Row-level security compares the tenant; the triggers note the commit.
_ENTER = text("SELECT set_config('app.tenant_id', :tenant, true), set_config('app.operation_id', :commit, true)")
_TOO_SLOW: Final = "The database took too long, so nothing was written. Repeat the request in a moment."


def too_slow() -> StoreUnavailable:
    """The error of a transaction that is too late to commit."""
    return StoreUnavailable(_TOO_SLOW)


@dataclass(frozen=True, slots=True)
class Transaction:
    """A running transaction of one operation, and the id that its invalidation rows carry."""

    operation: Operation
    connection: AsyncConnection
    commit_id: CommitId = field(default_factory=new_commit_id)

    @property
    def tenant_id(self) -> TenantId:
        """The business that the transaction sees and writes."""
        return self.operation.tenant_id

    @property
    def outbox(self) -> Outbox:
        """The outbox for the events of the transaction."""
        return Outbox(self.connection, self.operation)

    @property
    def audit(self) -> AuditLog:
        """The audit log, for what the transaction changes, or reads of personal data."""
        return AuditLog(self.connection, self.operation)

    async def roll_back(self) -> None:
        """Undo everything; the block of the transaction then runs no further statement."""
        await self.connection.rollback()


class UnitOfWork:
    """Opens transactions that see and write one business only. The service that opens one commits it."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        """The pool that the transactions are opened on."""

    @asynccontextmanager
    async def begin(self, operation: Operation, *, commit_before: float | None = None) -> AsyncIterator[Transaction]:
        """A transaction that commits when the block ends and rolls back when it raises.

        `commit_before`, by time.monotonic(): what it rests on may have gone by then, so it does not commit later.
        Raises StoreUnavailable when it is too late, or Postgres does not answer; if that happens at the commit itself,
        whether it took effect is unknown, so every use case can be repeated.
        """
        with tracing.transaction("transaction"), postgres_errors():
            async with self.engine.begin() as connection:
                transaction = Transaction(operation, connection)
                await connection.execute(_ENTER, {"tenant": str(operation.tenant_id), "commit": transaction.commit_id})
                yield transaction
                late = commit_before is not None and time.monotonic() > commit_before
                if late and connection.in_transaction():
                    raise too_slow()

    @asynccontextmanager
    async def reading(self, operation: Operation) -> AsyncIterator[Transaction]:
        """A snapshot that may write one thing, as the last: what was read of personal data, into the audit log.

        Raises StoreUnavailable when Postgres does not answer: what could not be noted was not read.
        """
        with tracing.transaction("reading"), postgres_errors():
            async with self.engine.connect() as connection:
                await connection.execution_options(isolation_level="REPEATABLE READ")
                async with connection.begin():
                    await connection.execute(_ENTER, {"tenant": str(operation.tenant_id), "commit": ""})
                    yield Transaction(operation, connection)

    @asynccontextmanager
    async def snapshot(self, tenant_id: TenantId) -> AsyncIterator[AsyncConnection]:
        """A read-only transaction all of whose statements see one state of the database.

        Raises StoreUnavailable when Postgres does not answer.
        """
        with tracing.transaction("snapshot"), postgres_errors():
            async with self.engine.connect() as connection:
                await connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
                await connection.execute(_ENTER, {"tenant": str(tenant_id), "commit": ""})
                yield connection
