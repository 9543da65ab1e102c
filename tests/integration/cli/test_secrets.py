"""Commands about secrets, and what reconcile tells of endpoints that would be refused."""

import asyncio
import json
from pathlib import Path
from typing import Final

import pytest
from typer.testing import CliRunner, Result

from bootstrap.embedded_key import NAME, master_key_in
from cli.main import application
from kernel.operation import by_system
from persistence.sealing import MasterKeys, new_master_key
from tests.support.engine import MASTER_KEY, running_engine
from webhooks.model import EndpointDetails, Payload

pytestmark = pytest.mark.own_database

_NEW: Final = new_master_key()
_DETAILS: Final = EndpointDetails(url="http://127.0.0.1:9999/", types=("*",), payload=Payload.THIN, description=None)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, database_url: str, redis_url: str) -> None:
    """Commands work on this test's stores, and find no .env of whoever runs the tests."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOLDFAST_DATABASE_URL", database_url)
    monkeypatch.setenv("HOLDFAST_REDIS_URL", redis_url)


@pytest.fixture
def endpoint(database_url: str, redis_url: str) -> str:
    """The id of an endpoint on the loopback interface, whose secret MASTER_KEY has sealed."""

    async def make() -> str:
        async with running_engine(database_url, redis_url) as engine:
            new = await engine.services.webhook_endpoints.create(by_system(engine.tenant_id, "test"), _DETAILS)
            return new.endpoint.id

    return asyncio.run(make())


def _holdfast(*arguments: str) -> Result:
    return CliRunner().invoke(application, arguments, catch_exceptions=False)


def test_rotation_seals_by_the_first_key_and_says_so(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLDFAST_MASTER_KEY", f"{_NEW},{MASTER_KEY}")
    first, second = _holdfast("secrets", "rotate"), _holdfast("secrets", "rotate")
    monkeypatch.setenv("HOLDFAST_MASTER_KEY", _NEW)
    without_the_old_key = _holdfast("secrets", "rotate")

    key_id = MasterKeys.parse(_NEW).current_key_id
    assert [one.exit_code for one in (first, second, without_the_old_key)] == [0, 0, 0]
    assert first.stdout == (
        "1 secrets, 0 keys of businesses and 0 personal keys were sealed anew, and 0 rows in plain text;"
        f" all of 1 businesses have the key {key_id}.\n"
    )
    assert second.stdout.startswith("0 secrets")


def test_rotation_without_the_key_that_sealed_names_it(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLDFAST_MASTER_KEY", _NEW)

    result = _holdfast("secrets", "rotate")

    assert (result.exit_code, result.stdout) == (1, "")
    assert MasterKeys.parse(MASTER_KEY).current_key_id in result.stderr


def test_rotation_without_any_key_is_refused() -> None:
    result = _holdfast("secrets", "rotate")

    assert result.exit_code == 1
    assert result.stderr.startswith("master_key_missing: ")


def test_reconcile_lists_endpoints_that_would_be_refused(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """W8: an upgrade, or another setting, stops deliveries to what was allowed before."""
    told, as_json = _holdfast("reconcile"), _holdfast("reconcile", "--json")
    monkeypatch.setenv("HOLDFAST_OUTBOUND_ALLOW", "127.0.0.0/8")
    allowed = _holdfast("reconcile")

    assert told.exit_code == 0
    assert endpoint in told.stdout
    assert "HOLDFAST_OUTBOUND_ALLOW" in told.stdout
    (refused,) = json.loads(as_json.stdout)["refused_endpoints"]
    assert (refused["endpoint"], refused["sentence"]) == (endpoint, told.stdout.strip())
    assert allowed.stdout == ""


def test_key_of_embedded_stores_is_made_once_and_for_one_account(tmp_path: Path) -> None:
    first, second = master_key_in(tmp_path), master_key_in(tmp_path)

    assert first == second
    assert MasterKeys.parse(first).current_key_id
    assert (tmp_path / NAME).stat().st_mode & 0o077 == 0
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


@pytest.mark.parametrize("key", ["short", "c2hvcnQ="])
def test_setting_that_is_no_key_ends_the_command_without_repeating_it(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOLDFAST_MASTER_KEY", key)

    result = _holdfast("secrets", "rotate")

    assert result.exit_code == 2
    assert "HOLDFAST_MASTER_KEY" in result.stderr
    assert key not in result.stderr
