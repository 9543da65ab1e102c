"""Requests that were sent with an idempotency key, with their answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, and_, case, delete, exists, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from kernel.ids import new_ulid
from kernel.operation import Operation
from persistence import stored_answers
from persistence.business_keys import BusinessKeys, ensure_key
from persistence.due_work import DueWorkKind
from persistence.stored_answers import AnswerErased, StoredAnswer
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
    name: str
    """Name that all repetitions of the request share until the key is free."""
    is_first: bool
    """False: an earlier attempt of the same name was not answered, so its outcome is unknown."""
    started_at: datetime
    """Tells this attempt from one that took its place."""


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
        self, operation: Operation, key: str, digests: Sequence[bytes], *, former_key: str | None = None
    ) -> Attempt | StoredAnswer | AnswerErased | KeyInFlight | KeyMismatch:
        """Take the key for the request with these digests, or return what became of the request that has it.

        The first digest is kept; a row with any of them is that of the request. Raises SecretUnreadable.

        `former_key`: the name of the key in the rows of the program before this one, which are good for this request
        until they are free.
        """
        table = idempotency_keys
        name = new_ulid()
        in_force = key if former_key is None else func.coalesce(_key_in_use(operation, former_key, digests), key)
        fresh = insert(table).values(
            tenant_id=operation.tenant_id, key=in_force, request_digest=digests[0], attempt=name
        )
        forgotten = table.c.created_at <= func.now() - LIFE
        abandoned = and_(
            table.c.status.is_(None),
            table.c.sealed.is_(None),
            table.c.request_digest.in_(digests),
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
                "sealed": None,
                "subject": None,
                "attempt": case((forgotten, fresh.excluded.attempt), else_=func.coalesce(table.c.attempt, table.c.key)),
            },
            where=or_(forgotten, abandoned),
        ).returning(table.c.key, table.c.attempt, table.c.created_at)
        async with self._unit_of_work.begin(operation) as tx:
            taken = (await tx.connection.execute(take)).one_or_none()
            if taken is not None:
                return Attempt(
                    key=taken.key, name=taken.attempt, is_first=taken.attempt == name, started_at=taken.created_at
                )
            row = await stored_answers.find(tx.connection, operation.tenant_id, in_force)
            ring = None
            if row is not None and row.sealed is not None:
                ring = await BusinessKeys.of(tx.connection).find(
                    tx.connection, operation.tenant_id, stored_answers.sealed_by_business(row)
                )
        if row is None:
            # Refused between the two statements, so the key is free again: the client repeats, as after any conflict.
            return KeyInFlight()
        if row.request_digest not in digests:
            return KeyMismatch()
        return stored_answers.answer_of(operation.tenant_id, row, ring) or KeyInFlight()

    async def remember(self, operation: Operation, attempt: Attempt, answer: StoredAnswer) -> None:
        """Keep the answer, unless another attempt has taken this one's place."""
        table = idempotency_keys
        ring = await ensure_key(self._unit_of_work.engine, operation.tenant_id)
        async with self._unit_of_work.begin(operation) as tx:
            values = await stored_answers.columns_of(tx.connection, operation.tenant_id, attempt.key, answer, ring)
            await tx.connection.execute(
                update(table)
                .where(
                    table.c.tenant_id == operation.tenant_id,
                    table.c.key == attempt.key,
                    table.c.created_at == attempt.started_at,
                )
                .values(**values)
            )

    async def give_up(self, operation: Operation, attempt: Attempt) -> None:
        """Let the same request be attempted again at once: whether this attempt took effect is unknown."""
        table = idempotency_keys
        async with self._unit_of_work.begin(operation) as tx:
            await tx.connection.execute(
                update(table)
                .where(
                    table.c.tenant_id == operation.tenant_id,
                    table.c.key == attempt.key,
                    table.c.created_at == attempt.started_at,
                )
                .values(created_at=attempt.started_at - ABANDONED_AFTER)
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


def _key_in_use(operation: Operation, key: str, digests: Sequence[bytes]) -> ColumnElement[str | None]:
    """The key, if a row has it for the request with one of those digests; else null."""
    table = idempotency_keys
    return (
        select(table.c.key)
        .where(
            table.c.tenant_id == operation.tenant_id,
            table.c.key == key,
            table.c.request_digest.in_(digests),
            table.c.created_at > func.now() - LIFE,
        )
        .scalar_subquery()
    )
