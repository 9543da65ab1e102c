import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta

import asyncpg
import pytest

from catalogue.tenants import TenantService
from kernel.ids import TenantId
from persistence.engine import PostgresLimits, create_engine
from persistence.idempotency import (
    ABANDONED_AFTER,
    LIFE,
    Attempt,
    IdempotencyService,
    KeyInFlight,
    KeyMismatch,
)
from persistence.stored_answers import StoredAnswer
from persistence.unit_of_work import UnitOfWork
from tests.support.operations import by_business

_DIGEST = b"\x01" * 32
_KEYED = b"\x03" * 32
_OTHER = b"\x02" * 32
_ANSWER = StoredAnswer(status=201, body=b'{"id":"hld_1"}', etag='"1"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """The keys of one business, and a way to let time pass."""

    keys: IdempotencyService
    tenant_id: TenantId
    database_url: str

    async def begin(self, *digests: bytes, former_key: str | None = None) -> object:
        return await self.keys.begin(by_business(self.tenant_id), "once", digests or [_DIGEST], former_key=former_key)

    async def started(self) -> Attempt:
        attempt = await self.begin()
        assert isinstance(attempt, Attempt)
        return attempt

    async def write_as_the_program_before(self, key: str, status: int | None) -> None:
        connection = await asyncpg.connect(self.database_url)
        try:
            await connection.execute(
                "INSERT INTO idempotency_keys (tenant_id, key, request_digest, status, body, etag)"
                " VALUES ($1, $2, $3, $4, $5, $6)",
                self.tenant_id,
                key,
                _DIGEST,
                status,
                _ANSWER.body if status else None,
                _ANSWER.etag if status else None,
            )
        finally:
            await connection.close()

    async def age(self, by: timedelta) -> None:
        connection = await asyncpg.connect(self.database_url)
        try:
            await connection.execute("UPDATE idempotency_keys SET created_at = created_at - $1::interval", by)
        finally:
            await connection.close()


@pytest.fixture
async def memory(database_url: str) -> AsyncIterator[Memory]:
    engine = create_engine(database_url, PostgresLimits())
    unit_of_work = UnitOfWork(engine)
    tenant = await TenantService(unit_of_work=unit_of_work, engine=engine).create("Fade & Co")
    yield Memory(keys=IdempotencyService(unit_of_work), tenant_id=tenant.id, database_url=database_url)
    await engine.dispose()


async def test_answer_is_remembered(memory: Memory) -> None:
    attempt = await memory.started()
    await memory.keys.remember(by_business(memory.tenant_id), attempt, _ANSWER)

    again = await memory.begin()

    assert again == _ANSWER


async def test_answer_is_remembered_under_a_digest_of_before(memory: Memory) -> None:
    attempt = await memory.started()
    await memory.keys.remember(by_business(memory.tenant_id), attempt, _ANSWER)

    assert await memory.begin(_KEYED, _DIGEST) == _ANSWER
    assert isinstance(await memory.begin(_KEYED, _OTHER), KeyMismatch)


async def test_attempt_of_the_program_before_is_taken_over_under_the_new_digest(memory: Memory) -> None:
    await memory.started()
    await memory.age(ABANDONED_AFTER)

    taken = await memory.begin(_KEYED, _DIGEST)
    assert isinstance(taken, Attempt)
    await memory.keys.remember(by_business(memory.tenant_id), taken, _ANSWER)

    assert not taken.is_first
    assert await memory.begin(_KEYED) == _ANSWER
    assert isinstance(await memory.begin(_DIGEST), KeyMismatch)


async def test_key_of_the_program_before_is_found_under_its_digest(memory: Memory) -> None:
    await memory.write_as_the_program_before("sent", 201)

    assert await memory.begin(_KEYED, _DIGEST, former_key="sent") == _ANSWER


async def test_key_is_taken_while_the_first_request_runs(memory: Memory) -> None:
    await memory.started()

    again = await memory.begin()

    assert isinstance(again, KeyInFlight)


async def test_key_is_given_to_one_of_many_at_once(memory: Memory) -> None:
    begun = await asyncio.gather(*(memory.begin() for _ in range(8)))

    assert sorted(type(one).__name__ for one in begun) == ["Attempt"] + ["KeyInFlight"] * 7


@pytest.mark.parametrize("answered", [True, False])
async def test_key_belongs_to_one_request(memory: Memory, *, answered: bool) -> None:
    attempt = await memory.started()
    if answered:
        await memory.keys.remember(by_business(memory.tenant_id), attempt, _ANSWER)

    other = await memory.begin(_OTHER)

    assert isinstance(other, KeyMismatch)


async def test_forgotten_key_is_free(memory: Memory) -> None:
    await memory.keys.forget(by_business(memory.tenant_id), await memory.started())

    again = await memory.begin(_OTHER)

    assert isinstance(again, Attempt)


async def test_abandoned_request_is_taken_over(memory: Memory) -> None:
    await memory.started()
    await memory.age(ABANDONED_AFTER)

    again = await memory.begin()

    assert isinstance(again, Attempt)


async def test_abandoned_request_is_not_taken_over_by_another(memory: Memory) -> None:
    await memory.started()
    await memory.age(ABANDONED_AFTER)

    other = await memory.begin(_OTHER)

    assert isinstance(other, KeyMismatch)


async def test_late_answer_of_an_abandoned_request_is_not_kept(memory: Memory) -> None:
    late = await memory.started()
    await memory.age(ABANDONED_AFTER)
    successor = await memory.started()
    await memory.keys.remember(by_business(memory.tenant_id), late, StoredAnswer(status=201, body=b"late", etag=None))
    await memory.keys.forget(by_business(memory.tenant_id), late)
    await memory.keys.remember(by_business(memory.tenant_id), successor, _ANSWER)

    again = await memory.begin()

    assert again == _ANSWER


@pytest.mark.parametrize(("age", "expected"), [(LIFE - timedelta(minutes=1), KeyMismatch), (LIFE, Attempt)])
async def test_key_is_free_after_its_life(memory: Memory, age: timedelta, expected: type[object]) -> None:
    attempt = await memory.started()
    await memory.keys.remember(by_business(memory.tenant_id), attempt, _ANSWER)
    await memory.age(age)

    other = await memory.begin(_OTHER)

    assert isinstance(other, expected)


async def test_attempts_of_one_request_have_one_name_until_its_key_is_free(memory: Memory) -> None:
    first = await memory.started()
    await memory.age(ABANDONED_AFTER)
    second = await memory.started()
    await memory.age(LIFE)
    later = await memory.started()

    assert second.name == first.name != later.name
    assert [first.is_first, second.is_first, later.is_first] == [True, False, True]


async def test_request_of_unknown_outcome_may_be_repeated_at_once_and_no_other_one(memory: Memory) -> None:
    first = await memory.started()
    await memory.keys.give_up(by_business(memory.tenant_id), first)

    other = await memory.begin(_OTHER)
    again = await memory.started()

    assert isinstance(other, KeyMismatch)
    assert (again.name, again.is_first) == (first.name, False)


async def test_answer_that_the_program_before_kept_is_given_to_the_same_request(memory: Memory) -> None:
    await memory.write_as_the_program_before("as it was sent", 201)

    again = await memory.begin(former_key="as it was sent")
    other = await memory.begin(_OTHER, former_key="as it was sent")

    assert again == _ANSWER
    assert isinstance(other, Attempt), "its key is another one now"


async def test_request_that_the_program_before_left_is_taken_over_by_the_name_that_it_had(memory: Memory) -> None:
    await memory.write_as_the_program_before("as it was sent", None)
    running = await memory.begin(former_key="as it was sent")
    await memory.age(ABANDONED_AFTER)

    again = await memory.begin(former_key="as it was sent")

    assert isinstance(running, KeyInFlight)
    assert isinstance(again, Attempt)
    assert (again.name, again.is_first) == ("as it was sent", False)


async def test_key_of_the_program_before_is_free_after_its_life(memory: Memory) -> None:
    await memory.write_as_the_program_before("as it was sent", 201)
    await memory.age(LIFE)

    later = await memory.begin(former_key="as it was sent")

    assert isinstance(later, Attempt)
    assert (later.key, later.is_first) == ("once", True)
