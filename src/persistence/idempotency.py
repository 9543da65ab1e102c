"""Requests that were sent with an idempotency key, with their answers."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import and_, delete, exists, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from kernel.operation import Operation
from persistence.due_work import DueWorkKind
from persistence.tables import due_work, idempotency_keys
from persistence.unit_of_work import UnitOfWork

LIFE: Final = timedelta(hours=24)
"""Time for which an answer is repeated; then the key is free."""
ABANDONED_AFTER: Final = timedelta(seconds=60)
"""No request runs this long: the process that served it has died, and a repetition takes its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A request that has the key to itself until it is answered."""

    key: str
    started_at: datetime
    """Tells this attempt from one that took its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAnswer:
    """The answer to the first request, byte for byte."""

    status: int
    body: bytes
    etag: str | None


@dataclass(frozen=True, slots=True)
class KeyInFlight:
    """The first request has no answer yet."""


@dataclass(frozen=True, slots=True)
class KeyMismatch:
    """The key was used for another request."""


class IdempotencyService:
    """Use cases on the keys of all businesses. Every method is one transaction and raises StoreUnavailable."""

    def __init__(self, unit_of_work: UnitOfWork) -> None:
        self._unit_of_work = unit_of_work

    async def begin(
        self, operation: Operation, key: str, digest: bytes
    ) -> Attempt | StoredAnswer | KeyInFlight | KeyMismatch:
        """Take the key for the request with that digest, or return what became of the request that has it."""
        table = idempotency_keys
        fresh = insert(table).values(tenant_id=operation.tenant_id, key=key, request_digest=digest)
        forgotten = table.c.created_at <= func.now() - LIFE
        abandoned = and_(
            table.c.status.is_(None),
            table.c.request_digest == fresh.excluded.request_digest,
            table.c.created_at <= func.now() - ABANDONED_AFTER,
        )
        take = fresh.on_conflict_do_update(
            index_elements=[table.c.tenant_id, table.c.key],
            set_={
                "request_digest": fresh.excluded.request_digest,
                "created_at": func.now(),
                "status": None,
                "body": None,
                "etag": None,
            },
            where=or_(forgotten, abandoned),
        ).returning(table.c.created_at)
        async with self._unit_of_work.begin(operation) as tx:
            started_at = (await tx.connection.execute(take)).scalar_one_or_none()
            if started_at is not None:
                return Attempt(key=key, started_at=started_at)
            found = await tx.connection.execute(
                select(table.c.request_digest, table.c.status, table.c.body, table.c.etag).where(
                    table.c.tenant_id == operation.tenant_id, table.c.key == key
                )
            )
            row = found.one_or_none()
        if row is None:
            # Refused between the two statements, so the key is free again: the client repeats, as after any conflict.
            return KeyInFlight()
        if row.request_digest != digest:
            return KeyMismatch()
        if row.status is None:
            return KeyInFlight()
        return StoredAnswer(status=row.status, body=row.body, etag=row.etag)

    async def remember(self, operation: Operation, attempt: Attempt, answer: StoredAnswer) -> None:
        """Keep the answer, unless another attempt has taken this one's place."""
        table = idempotency_keys
        async with self._unit_of_work.begin(operation) as tx:
            await tx.connection.execute(
                update(table)
                .where(
                    table.c.tenant_id == operation.tenant_id,
                    table.c.key == attempt.key,
                    table.c.created_at == attempt.started_at,
                )
                .values(status=answer.status, body=answer.body, etag=answer.etag)
            )

    async def forget(self, operation: Operation, attempt: Attempt) -> None:
        """Free the key of a request that was refused, unless another attempt has taken its place."""
        table = idempotency_keys
        async with self._unit_of_work.begin(operation) as tx:
            await tx.connection.execute(
                delete(table).where(
                    table.c.tenant_id == operation.tenant_id,
                    table.c.key == attempt.key,
                    table.c.created_at == attempt.started_at,
                )
            )

    async def purge(self, operation: Operation, limit: int) -> int:
        """Delete up to that many keys of the business that are free by now, and say how many.

        With the last of them goes the due work that named the business (persistence.due_work).
        """
        table = idempotency_keys
        forgotten = and_(table.c.tenant_id == operation.tenant_id, table.c.created_at <= func.now() - LIFE)
        # One that is just being taken for a new request is left to it.
        some = select(table.c.key).where(forgotten).limit(limit).with_for_update(skip_locked=True)
        async with self._unit_of_work.begin(operation) as tx:
            purged = await tx.connection.execute(
                delete(table).where(forgotten, table.c.key.in_(some)).returning(table.c.key)
            )
            count = len(purged.all())
            if count < limit:
                await tx.connection.execute(
                    delete(due_work).where(
                        due_work.c.kind == DueWorkKind.IDEMPOTENCY.value,
                        due_work.c.tenant_id == operation.tenant_id,
                        due_work.c.due_at <= func.now(),
                        ~exists().where(forgotten),
                    )
                )
        return count
