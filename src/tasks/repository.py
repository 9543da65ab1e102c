"""Repository of tasks: planning on an open transaction, and what workers do to them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import BigInteger, Row, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from kernel.ids import TenantId
from tasks.model import ParkedTask, PlannedTask, Task, TaskKind

MOST_LISTED: Final = 1000
"""Tasks that are listed at once: more than an operator reads."""
_MOST_CHARACTERS: Final = 500
"""The part of an error that is kept."""

# In one order in every transaction, so that two that plan the same keys do not wait for each other in a circle. A task
# that is leased stays leased: whoever runs it finds another revision at the end, and leaves it to be run again.
_PLAN: Final = text(
    """
    INSERT INTO tasks AS planned (tenant_id, kind, subject, key, due_at)
    SELECT tenant_id, kind, subject, key, coalesce(due_at, now())
    FROM unnest(
        CAST(:tenants AS uuid[]), CAST(:kinds AS text[]), CAST(:subjects AS text[]), CAST(:keys AS text[]),
        CAST(:dues AS timestamptz[])
    ) AS one (tenant_id, kind, subject, key, due_at)
    ORDER BY kind, tenant_id, key
    ON CONFLICT (kind, tenant_id, key) WHERE key IS NOT NULL DO UPDATE SET
        subject = excluded.subject,
        due_at = CASE WHEN :keeps_sooner AND planned.parked_at IS NULL THEN least(planned.due_at, excluded.due_at)
            ELSE excluded.due_at END,
        attempt = CASE WHEN :keeps_sooner AND planned.parked_at IS NULL THEN planned.attempt ELSE 0 END,
        revision = planned.revision + 1,
        parked_at = NULL
    """
)
_REMOVE: Final = text(
    "DELETE FROM tasks WHERE tenant_id = :tenant_id AND kind = :kind AND key = ANY (CAST(:keys AS text[]))"
)
# One kind's backlog takes nothing from the others: each is searched by itself, as far as the process has room for it.
# Those of suspended businesses are passed over, each for one look at a small index.
CLAIM: Final = text(
    """
    WITH due AS MATERIALIZED (
        SELECT found.id, room.lease
        FROM unnest(CAST(:kinds AS text[]), CAST(:rooms AS int[]), CAST(:leases AS float8[]), CAST(:go_on AS bool[]))
            AS room (kind, room, lease, goes_on),
        LATERAL (
            SELECT tasks.id FROM tasks
            WHERE tasks.kind = room.kind AND tasks.due_at <= now() AND tasks.parked_at IS NULL
                AND (tasks.leased_until IS NULL OR tasks.leased_until <= now())
                AND (room.goes_on OR NOT EXISTS (
                    SELECT FROM standings
                    WHERE standings.tenant_id = tasks.tenant_id AND standings.suspended_at IS NOT NULL))
            ORDER BY tasks.due_at LIMIT room.room
            FOR UPDATE SKIP LOCKED
        ) AS found
    )
    UPDATE tasks SET leased_until = now() + make_interval(secs => due.lease), attempt = attempt + 1
    FROM due WHERE tasks.id = due.id
    RETURNING tasks.id, tasks.tenant_id, tasks.kind, tasks.subject, tasks.key, tasks.due_at, tasks.attempt,
        tasks.leased_until, tasks.revision, tasks.created_at
    """
)
# The lease is compared, so that a worker whose lease has run out ends nothing that another one has begun since.
_FINISH: Final = text(
    """
    WITH done AS (
        DELETE FROM tasks WHERE id = :id AND leased_until = :leased_until AND revision = :revision RETURNING id
    )
    UPDATE tasks SET leased_until = NULL, attempt = 0
    WHERE id = :id AND leased_until = :leased_until AND NOT EXISTS (SELECT FROM done)
    """
)
_RUN_AGAIN: Final = text(
    """
    UPDATE tasks SET leased_until = NULL, attempt = 0, last_error = NULL,
        due_at = CASE WHEN revision = :revision THEN :due_at ELSE least(due_at, :due_at) END
    WHERE id = :id AND leased_until = :leased_until
    """
)
_RETRY_LATER: Final = text(
    """
    UPDATE tasks SET leased_until = NULL, last_error = :error,
        due_at = CASE WHEN revision = :revision THEN now() + make_interval(secs => :seconds) ELSE due_at END
    WHERE id = :id AND leased_until = :leased_until
    """
)
_PARK: Final = text(
    """
    UPDATE tasks SET leased_until = NULL, last_error = :error,
        parked_at = CASE WHEN revision = :revision THEN now() END
    WHERE id = :id AND leased_until = :leased_until
    """
)
_GIVE_BACK: Final = text(
    """
    UPDATE tasks SET leased_until = NULL, attempt = greatest(attempt - 1, 0),
        due_at = greatest(due_at, now() + make_interval(secs => :seconds))
    WHERE id = :id AND leased_until = :leased_until
    """
)
_LIST: Final = text(
    """
    SELECT id, tenant_id, kind, subject, attempt, due_at, parked_at, last_error FROM tasks
    WHERE (CAST(:kind AS text) IS NULL OR kind = :kind)
        AND CASE WHEN :parked THEN parked_at IS NOT NULL ELSE parked_at IS NULL AND due_at <= now() END
    ORDER BY due_at LIMIT :limit
    """
)
_UNPARK: Final = text(
    "UPDATE tasks SET parked_at = NULL, attempt = 0, due_at = now()"
    " WHERE tenant_id = :tenant_id AND parked_at IS NOT NULL AND (id = ANY (:ids) OR kind = :kind) RETURNING subject"
).bindparams(bindparam("ids", type_=ARRAY(BigInteger)))
_DROP: Final = text(
    "DELETE FROM tasks"
    " WHERE tenant_id = :tenant_id AND parked_at IS NOT NULL AND (id = ANY (:ids) OR kind = :kind) RETURNING subject"
).bindparams(bindparam("ids", type_=ARRAY(BigInteger)))
_BUSINESSES: Final = text(
    "SELECT DISTINCT tenant_id FROM tasks WHERE parked_at IS NOT NULL AND (id = ANY (:ids) OR kind = :kind)"
    " ORDER BY tenant_id"
).bindparams(bindparam("ids", type_=ARRAY(BigInteger)))
# Both look at no more rows than they tell of: the first that is due, and as many parked ones as are counted.
LAG: Final = text(
    """
    SELECT one.kind,
        (SELECT extract(epoch FROM now() - due_at) FROM tasks
            WHERE tasks.kind = one.kind AND parked_at IS NULL AND due_at <= now()
                AND (leased_until IS NULL OR leased_until <= now())
                AND NOT EXISTS (
                    SELECT FROM standings
                    WHERE standings.tenant_id = tasks.tenant_id AND standings.suspended_at IS NOT NULL)
            ORDER BY due_at LIMIT 1) AS lag,
        (SELECT count(*) FROM (SELECT FROM tasks WHERE tasks.kind = one.kind AND parked_at IS NOT NULL LIMIT :most)
            AS counted) AS parked
    FROM unnest(CAST(:kinds AS text[])) AS one (kind)
    """
)


class ClaimLimit(NamedTuple):
    """Room that a process has for tasks of a kind."""

    kind: TaskKind
    most: int


class TaskRepository:
    """Tasks of all businesses, inside the caller's transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def plan(self, planned: Sequence[PlannedTask]) -> None:
        """Add the tasks, in one statement for each way to treat a key; they are there if the transaction commits.

        A task with the key of an earlier one of its kind and business takes its place, also within `planned`.
        """
        for keeps_sooner in (False, True):
            some = _one_for_each_key([task for task in planned if task.keeps_sooner is keeps_sooner])
            if some:
                await self._connection.execute(
                    _PLAN,
                    {
                        "tenants": [task.tenant_id for task in some],
                        "kinds": [task.kind for task in some],
                        "subjects": [task.subject for task in some],
                        "keys": [task.key for task in some],
                        "dues": [task.due_at for task in some],
                        "keeps_sooner": keeps_sooner,
                    },
                )

    async def remove(self, tenant_id: TenantId, kind: str, keys: Sequence[str]) -> None:
        """Take back the tasks with these keys; one that runs just now runs to its end."""
        await self._connection.execute(_REMOVE, {"tenant_id": tenant_id, "kind": kind, "keys": list(keys)})

    async def claim(self, rooms: Sequence[ClaimLimit]) -> list[Task]:
        """Lease tasks that are due: of each kind as many as there is room for, the longest due first."""
        rows = await self._connection.execute(
            CLAIM,
            {
                "kinds": [room.kind.name for room in rooms],
                "rooms": [room.most for room in rooms],
                "leases": [room.kind.lease_seconds for room in rooms],
                "go_on": [room.kind.goes_on_while_suspended for room in rooms],
            },
        )
        return sorted(map(_task, rows), key=lambda task: task.due_at)

    async def finish(self, task: Task) -> None:
        """Delete a task that is done; one that was planned again meanwhile stays, and is due as that plan says."""
        await self._connection.execute(_FINISH, _claimed(task))

    async def run_again(self, task: Task, due_at: datetime) -> None:
        """Let a task that went well be due once more."""
        await self._connection.execute(_RUN_AGAIN, {**_claimed(task), "due_at": due_at})

    async def retry_later(self, task: Task, seconds: float, error: str) -> None:
        """Let a task that failed be due again in so many seconds, or as a plan since says."""
        values = {**_claimed(task), "seconds": seconds, "error": error[:_MOST_CHARACTERS]}
        await self._connection.execute(_RETRY_LATER, values)

    async def park(self, task: Task, error: str) -> None:
        """Try a task no more, unless it was planned again meanwhile."""
        await self._connection.execute(_PARK, {**_claimed(task), "error": error[:_MOST_CHARACTERS]})

    async def give_back(self, task: Task, *, seconds: float = 0.0) -> None:
        """End the lease of a task that could not be done by no fault of its own: the attempt does not count."""
        values = {"id": task.id, "leased_until": task.leased_until, "seconds": seconds}
        await self._connection.execute(_GIVE_BACK, values)

    async def find(self, *, kind: str | None, parked: bool, limit: int) -> list[ParkedTask]:
        """List tasks that are parked, or that are due and not parked, the longest due first."""
        rows = await self._connection.execute(_LIST, {"kind": kind, "parked": parked, "limit": limit})
        return [
            ParkedTask(
                id=row.id,
                tenant_id=TenantId(row.tenant_id),
                kind=row.kind,
                subject=row.subject,
                attempt=row.attempt,
                due_at=row.due_at,
                parked_at=row.parked_at,
                last_error=row.last_error,
            )
            for row in rows
        ]

    async def businesses_of_parked(self, *, ids: Sequence[int], kind: str | None) -> list[TenantId]:
        """The businesses that have parked tasks of those ids, or of that kind."""
        found = await self._connection.scalars(_BUSINESSES, {"ids": list(ids), "kind": kind})
        return [TenantId(tenant_id) for tenant_id in found]

    async def unpark(self, tenant_id: TenantId, *, ids: Sequence[int], kind: str | None) -> list[str]:
        """Let parked tasks of a business be due at once, as if they had never been tried; the subjects of them."""
        values = {"tenant_id": tenant_id, "ids": list(ids), "kind": kind}
        return list(await self._connection.scalars(_UNPARK, values))

    async def drop(self, tenant_id: TenantId, *, ids: Sequence[int], kind: str | None) -> list[str]:
        """Delete parked tasks of a business; the subjects of them."""
        values = {"tenant_id": tenant_id, "ids": list(ids), "kind": kind}
        return list(await self._connection.scalars(_DROP, values))

    async def lags(self, kinds: Sequence[str], *, most: int) -> list[tuple[str, float, int]]:
        """By kind: for how many seconds a task has been due that no worker has, and the parked ones, up to so many."""
        rows = await self._connection.execute(LAG, {"kinds": list(kinds), "most": most})
        return [(row.kind, float(row.lag or 0.0), row.parked) for row in rows]


def _one_for_each_key(planned: Sequence[PlannedTask]) -> Sequence[PlannedTask]:
    """Leave out tasks whose key a later one of these has, or a sooner one where that counts."""
    without_key = [task for task in planned if task.key is None]
    by_key: dict[tuple[str, TenantId, str], PlannedTask] = {}
    for task in planned:
        if task.key is not None:
            place = (task.kind, task.tenant_id, task.key)
            before = by_key.get(place)
            by_key[place] = before if before is not None and task.keeps_sooner and _is_sooner(before, task) else task
    return [*without_key, *by_key.values()]


def _is_sooner(one: PlannedTask, other: PlannedTask) -> bool:
    return one.due_at is None or (other.due_at is not None and one.due_at < other.due_at)


def _claimed(task: Task) -> dict[str, object]:
    return {"id": task.id, "leased_until": task.leased_until, "revision": task.revision}


def _task(row: Row[Any]) -> Task:
    return Task(
        id=row.id,
        tenant_id=TenantId(row.tenant_id),
        kind=row.kind,
        subject=row.subject,
        key=row.key,
        due_at=row.due_at,
        attempt=row.attempt,
        leased_until=row.leased_until,
        revision=row.revision,
        created_at=row.created_at,
    )
