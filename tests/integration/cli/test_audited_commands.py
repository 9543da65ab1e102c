"""Commands that change what a business has leave entries in the audit log, without anybody's data."""

import asyncio
import json
from pathlib import Path
from typing import Any, Final

import asyncpg
import pytest
from typer.testing import CliRunner

from cli.main import application
from persistence.sealing import MasterKeys, new_master_key
from tests.support.audited_commands import COMMANDS
from tests.support.engine import MASTER_KEY, running_engine
from tests.support.visits import book, slots

pytestmark = pytest.mark.own_database

_EXAMPLE: Final = Path(__file__).resolve().parents[3] / "examples" / "barbershop.yaml"
_NEW: Final = new_master_key()
_PARKED: Final = """
    INSERT INTO tasks (tenant_id, kind, subject, due_at, parked_at, attempt)
    SELECT $1, 'tested.work', subject, now(), now(), 3 FROM unnest($2::text[]) AS subject
"""


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, database_url: str, redis_url: str) -> None:
    """Commands work on this test's stores, and find no .env of whoever runs the tests."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOLDFAST_DATABASE_URL", database_url)
    monkeypatch.setenv("HOLDFAST_REDIS_URL", redis_url)
    monkeypatch.setenv("HOLDFAST_MASTER_KEY", MASTER_KEY)


def _holdfast(*arguments: str) -> str:
    result = CliRunner().invoke(application, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.stderr
    return result.stdout


def _sql(database_url: str, statement: str, *values: object) -> list[Any]:
    async def fetch() -> list[Any]:
        connection = await asyncpg.connect(database_url)
        try:
            return await connection.fetch(statement, *values)
        finally:
            await connection.close()

    return asyncio.run(fetch())


def _entries(database_url: str, tenant_id: str) -> list[tuple[str, str, list[str], list[str]]]:
    """Actions of the command line on a business, with their subjects and fields."""
    rows = _sql(
        database_url,
        "SELECT action, subject, more_subjects, fields FROM audit_entries"
        " WHERE tenant_id = $1 AND actor = 'system:command-line' ORDER BY at, id",
        tenant_id,
    )
    return [(row["action"], row["subject"], row["more_subjects"] or [], row["fields"] or []) for row in rows]


def test_each_command_leaves_its_entry(database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOLDFAST_MAIL_DIR", str(tmp_path / "mails"))
    tenant = json.loads(_holdfast("tenant", "create", "Fade & Co", "--json"))
    key = json.loads(_holdfast("key", "create", tenant["id"], "--json"))
    _holdfast("apply", str(_EXAMPLE), "--tenant", tenant["id"])
    _holdfast("key", "revoke", key["id"])
    _holdfast("user", "add", "dana@example.com", "--business", tenant["id"])
    _sql(database_url, _PARKED, tenant["id"], ["whk_1", "whk_2", "whk_3"])
    first, *_ = json.loads(f"[{','.join(_holdfast('tasks', 'list', '--json').splitlines())}]")
    _holdfast("tasks", "retry", str(first["id"]))
    _holdfast("tasks", "drop", "--kind", "tested.work")
    _holdfast("business", "suspend", tenant["id"])
    _holdfast("business", "resume", tenant["id"])
    _holdfast("business", "rotate-tokens", tenant["id"], "--overlap-days", "0")
    monkeypatch.setenv("HOLDFAST_MASTER_KEY", f"{_NEW},{MASTER_KEY}")
    _holdfast("keys", "rotate")

    entries = _entries(database_url, tenant["id"])
    made = {action for action, *_ in entries} | {
        row["action"] for row in _sql(database_url, "SELECT action FROM audit_entries WHERE action = 'makeSignInLink'")
    }
    assert made >= set(COMMANDS.values()) - {COMMANDS["keys give-up"], COMMANDS["restore-erasures"], "deleteBusiness"}
    retried, dropped = [entry for entry in entries if entry[0] in {"retryTasks", "dropTasks"}]
    assert retried == ("retryTasks", first["subject"], [], [])
    assert (dropped[0], len([dropped[1], *dropped[2]])) == ("dropTasks", 2)
    assert [entry[0] for entry in entries].count("changeBusinessAccount") == 2
    assert ("rotateKeys", tenant["id"], [], ["secrets"]) in entries
    assert "dana" not in str(entries)


def test_command_that_changes_nothing_leaves_none(database_url: str) -> None:
    tenant = json.loads(_holdfast("tenant", "create", "Fade & Co", "--json"))
    before = _entries(database_url, tenant["id"])

    _holdfast("keys", "rotate")
    CliRunner().invoke(application, ["tasks", "drop", "--kind", "tested.work"])

    assert _entries(database_url, tenant["id"]) == before


def test_given_up_key_is_in_the_log_of_each_business_that_lost_by_it(
    database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def booked() -> str:
        async with running_engine(database_url, redis_url) as engine:
            await book(engine, min(slot.start for slot in await slots(engine)))
            return str(engine.tenant_id)

    tenant_id = asyncio.run(booked())
    monkeypatch.setenv("HOLDFAST_MASTER_KEY", _NEW)

    _holdfast("keys", "give-up", MasterKeys.parse(MASTER_KEY).current_key_id, "--erase")

    assert ("giveUpMasterKey", tenant_id, [], ["personal_data"]) in _entries(database_url, tenant_id)
