import asyncio
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from bootstrap.loops import build_invalidator
from cli.main import application
from kernel.spans import MINUTES_PER_DAY
from persistence import keys
from tests.support.engine import MASTER_KEY, Engine, running_engine
from tests.support.visits import TUESDAY, slots

pytestmark = pytest.mark.own_database

_SIX_IN_THE_MORNING = 360


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, database_url: str, redis_url: str) -> None:
    """Commands work on this test's stores, and find no .env of whoever runs the tests."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOLDFAST_DATABASE_URL", database_url)
    monkeypatch.setenv("HOLDFAST_REDIS_URL", redis_url)
    monkeypatch.setenv("HOLDFAST_MASTER_KEY", MASTER_KEY)


@pytest.fixture
def wrong_day(database_url: str, redis_url: str) -> str:
    """A business of which one cached minute is not as Postgres has it."""

    async def make() -> str:
        async with running_engine(database_url, redis_url) as engine:
            await build_invalidator(engine.context).drain()
            await slots(engine, resource="noa")
            await engine.context.redis.setbit(await _key(engine), MINUTES_PER_DAY + _SIX_IN_THE_MORNING, 0)
            return str(engine.tenant_id)

    return asyncio.run(make())


async def _key(engine: Engine) -> str:
    noa = (await engine.services.snapshots.catalogue(engine.tenant_id)).find_resource("noa")
    assert noa is not None
    return keys.clear(engine.tenant_id, noa.id, TUESDAY.toordinal() - date(1970, 1, 1).toordinal())


def test_reconcile_is_content_where_nothing_differs() -> None:
    result = _holdfast("reconcile")

    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr.startswith("0 differences, 0 repaired")


def test_reconcile_prints_a_sentence_for_each_difference(wrong_day: str) -> None:
    told = _holdfast("reconcile")
    mended = _holdfast("reconcile", "--repair")
    after = _holdfast("reconcile")

    sentence = (
        f"Business {wrong_day}: noa on 2026-12-01 is cached with 2026-12-01 06:00 to 06:01 UTC as taken on lane 1."
    )
    assert (told.exit_code, told.stdout) == (1, f"{sentence}\n")
    assert (mended.exit_code, mended.stdout) == (1, f"{sentence} Repaired.\n")
    assert (after.exit_code, after.stdout) == (0, "")


def test_audit_is_another_name_of_it(wrong_day: str) -> None:
    named, earlier = _holdfast("reconcile", "--json"), _holdfast("audit", "--json")

    assert wrong_day in earlier.stdout
    assert (earlier.exit_code, earlier.stdout, earlier.stderr) == (named.exit_code, named.stdout, named.stderr)


def test_reconcile_prints_one_object_when_json_is_asked_for(wrong_day: str) -> None:
    result = _holdfast("reconcile", "--json", "--no-repair")

    answer: dict[str, Any] = json.loads(result.stdout)
    assert result.exit_code == 1
    assert (answer["total"], answer["repaired"], answer["found"]) == (1, 0, {"bitmap": 1})
    (difference,) = answer["differences"]
    assert (difference["kind"], difference["tenant_id"], difference["repaired"]) == ("bitmap", wrong_day, False)
    assert (difference["start"], difference["end"]) == ("2026-12-01T00:00:00+00:00", "2026-12-02T00:00:00+00:00")


@pytest.mark.parametrize("store", ["DATABASE", "REDIS"])
def test_reconcile_says_so_when_a_store_does_not_answer(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    scheme = "postgresql" if store == "DATABASE" else "redis"
    monkeypatch.setenv(f"HOLDFAST_{store}_URL", f"{scheme}://127.0.0.1:1/0")

    result = _holdfast("reconcile")

    assert (result.exit_code, result.stdout) == (1, "")
    assert "answer" in result.stderr


def _holdfast(*arguments: str) -> Result:
    return CliRunner().invoke(application, arguments)
