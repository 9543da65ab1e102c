"""The audit log is only ever added to, and whoever gets round that leaves a chain that does not hold."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

import asyncpg
import pytest

from audit.model import EMPTY, ChainHead
from audit.service import BATCH, ChainReport
from bootstrap.loops import build_audit_link_loop
from kernel.operation import Actor, ActorKind, Operation
from persistence.audit import AuditNote
from persistence.unit_of_work import UnitOfWork
from tests.support.engine import Engine, running_engine

# Links are made for all businesses of a database.
pytestmark = pytest.mark.own_database

_TABLES: Final = ("audit_entries", "audit_links")


@dataclass(frozen=True, slots=True)
class Shop:
    """The barbershop, and somebody with every right in its database."""

    engine: Engine
    outside: "asyncpg.Connection[Any]"

    async def note(self, *subjects: str) -> None:
        """Add an entry for each subject, in one transaction, with whatever makes JSON hard to spell alike."""
        actor = Actor(ActorKind.BUSINESS, 'key_"\\\x01\x7f/é\u2028🙂')
        operation = Operation(self.engine.tenant_id, actor, action="tested", origin="192.0.2.0/24")
        async with UnitOfWork(self.engine.context.engine).begin(operation) as tx:
            notes = [AuditNote(subject=name, more_subjects=["a", "b"], fields=["name"]) for name in subjects]
            await tx.audit.add(*notes)

    async def link(self) -> int:
        """Run the loop once."""
        return (await build_audit_link_loop(self.engine.context).run_once(asyncio.Event())).linked

    async def verify(self, known: ChainHead | None = None) -> ChainReport:
        """Verify the chain of the business."""
        return await self.engine.services.audit.verify(self.engine.tenant_id, known)

    async def tamper(self, statement: str) -> None:
        """Carry a statement out as a superuser who has switched triggers off."""
        async with self.outside.transaction():
            await self.outside.execute("SET LOCAL session_replication_role = replica")
            status = await self.outside.execute(statement)
            assert status.split()[-1] != "0"


@pytest.fixture
async def shop(database_url: str, redis_url: str) -> AsyncIterator[Shop]:
    outside = await asyncpg.connect(database_url)
    async with running_engine(database_url, redis_url) as engine:
        yield Shop(engine, outside)
    await outside.close()


async def test_chain_holds_and_grows_with_the_entries(shop: Shop) -> None:
    await shop.link()
    before = await shop.verify()

    await shop.note("one", "two")
    waiting = await shop.verify()
    linked = await shop.link()
    after = await shop.verify()

    assert (linked, after.faults, waiting.faults, before.faults) == (2, (), (), ())
    assert waiting.head == before.head
    assert after.head.number == before.head.number + 2
    assert await shop.link() == 0


async def test_loop_links_more_than_a_batch(shop: Shop) -> None:
    await shop.link()

    await shop.note(*[f"s{number}" for number in range(BATCH + 1)])

    assert await shop.link() == BATCH + 1
    assert (await shop.verify()).faults == ()


async def test_several_loops_at_once_link_each_entry_once(shop: Shop) -> None:
    await shop.link()
    await shop.note(*[f"s{number}" for number in range(50)])

    linked = sum(await asyncio.gather(*[shop.link() for _ in range(4)])) + await shop.link()

    assert linked == 50
    assert (await shop.verify()).faults == ()


async def test_business_without_entries_has_an_empty_chain(shop: Shop) -> None:
    assert (await shop.verify()).head == EMPTY


@pytest.mark.parametrize("role", ["holdfast_app", None], ids=["engine", "superuser"])
@pytest.mark.parametrize("table", _TABLES)
@pytest.mark.parametrize(
    "statement", ["UPDATE {} SET tenant_id = tenant_id", "DELETE FROM {}", "TRUNCATE {}", "TRUNCATE {} CASCADE"]
)
async def test_database_refuses_every_change(shop: Shop, role: str | None, table: str, statement: str) -> None:
    await shop.note("one")
    await shop.link()
    expected = asyncpg.InsufficientPrivilegeError if role else asyncpg.RestrictViolationError

    async with shop.outside.transaction():
        await shop.outside.execute("SELECT set_config('app.tenant_id', $1, true)", str(shop.engine.tenant_id))
        if role:
            await shop.outside.execute(f"SET LOCAL ROLE {role}")
        with pytest.raises(expected):
            async with shop.outside.transaction():
                await shop.outside.execute(statement.format(table))


async def test_engine_adds_no_links_by_itself(shop: Shop) -> None:
    async with shop.outside.transaction():
        await shop.outside.execute("SELECT set_config('app.tenant_id', $1, true)", str(shop.engine.tenant_id))
        await shop.outside.execute("SET LOCAL ROLE holdfast_app")
        for statement in (
            "INSERT INTO audit_links VALUES ($1, 1000, 'aud_1', '')",
            "DELETE FROM audit_queue WHERE tenant_id = $1",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with shop.outside.transaction():
                    await shop.outside.execute(statement, shop.engine.tenant_id)


@pytest.mark.parametrize(
    ("tampering", "fault"),
    [
        pytest.param("UPDATE audit_entries SET actor = 'x' WHERE subject = 'two'", "was changed", id="changed entry"),
        pytest.param("UPDATE audit_entries SET at = at + interval '1 us' WHERE subject = 'two'", "changed", id="time"),
        pytest.param("DELETE FROM audit_entries WHERE subject = 'two'", "is missing", id="entry removed"),
        pytest.param("DELETE FROM audit_entries WHERE subject = 'three'", "is missing", id="last entry removed"),
        pytest.param("DELETE FROM audit_links WHERE number = (SELECT max(number) - 1 FROM audit_links)",
                     "are missing", id="link removed"),
        pytest.param("DELETE FROM audit_links WHERE number = (SELECT max(number) FROM audit_links)",
                     "is in no link", id="last link removed"),
        pytest.param("UPDATE audit_links SET hash = sha256('') WHERE number = (SELECT max(number) FROM audit_links)",
                     "was changed", id="last hash"),
        pytest.param("INSERT INTO audit_entries (tenant_id, id, actor, action, subject)"
                     " SELECT tenant_id, 'aud_forged', actor, action, subject FROM audit_entries LIMIT 1",
                     "is in no link", id="entry added past the chain"),
    ],
)  # fmt: skip
async def test_verification_finds(shop: Shop, tampering: str, fault: str) -> None:
    await shop.note("one", "two", "three")
    await shop.link()
    assert (await shop.verify()).faults == ()

    await shop.tamper(tampering)

    assert any(fault in sentence for sentence in (await shop.verify()).faults)


async def test_end_of_the_chain_that_was_removed_with_its_entries_is_found_by_a_head_kept_elsewhere(shop: Shop) -> None:
    await shop.note("one", "two", "three")
    await shop.link()
    kept = (await shop.verify()).head
    await shop.tamper(
        "DELETE FROM audit_entries WHERE id = (SELECT entry_id FROM audit_links ORDER BY number DESC LIMIT 1)"
    )
    await shop.tamper("DELETE FROM audit_links WHERE number = (SELECT max(number) FROM audit_links)")

    without, by_the_head = await shop.verify(), await shop.verify(kept)

    assert without.faults == ()
    assert by_the_head.faults == (f"Link {kept.number} has not the hash that was kept of it, or is missing.",)


async def test_head_that_was_kept_still_holds_when_more_has_come(shop: Shop) -> None:
    await shop.note("one")
    await shop.link()
    kept = (await shop.verify()).head
    await shop.note("two")
    await shop.link()

    assert (await shop.verify(kept)).faults == ()


async def test_text_that_is_hashed_is_json(shop: Shop) -> None:
    await shop.note("one")
    await shop.link()
    operation = Operation(shop.engine.tenant_id, Actor(ActorKind.SYSTEM, "test"))
    found = await shop.engine.services.audit.find(operation, limit=1)

    members = json.loads(found.data[0].canonical(7))

    assert members[:2] == [str(shop.engine.tenant_id), 7]
    assert members[5:] == ["tested", "one", ["a", "b"], ["name"], "192.0.2.0/24", None]
