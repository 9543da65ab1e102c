"""A way to Postgres past the pooler, for what no pooler can carry."""

from pathlib import Path
from typing import Final

import pytest
from typer.testing import CliRunner

from bootstrap.context import open_context
from bootstrap.settings import Settings
from cli.main import application
from kernel.errors import StoreUnavailable
from persistence.engine import PostgresLimits
from persistence.listener import Listener
from persistence.schema import head

pytestmark = pytest.mark.own_database

# A pooler that is away tells who takes the direct way.
_AWAY: Final = "postgresql://nobody@127.0.0.1:9/none"


async def test_listener_goes_past_the_pooler(database_url: str, redis_url: str) -> None:
    settings = Settings(
        _env_file=None,
        database_url=_AWAY,
        database_direct_url=database_url,
        redis_url=redis_url,
        postgres_connect_seconds=5,
    )

    async with open_context(settings) as context, context.connect_listener() as listener:
        elected = await listener.is_elected()

    assert elected


async def test_listener_takes_the_one_way_there_is() -> None:
    settings = Settings(_env_file=None, database_url=_AWAY)

    assert settings.session_url == _AWAY
    with pytest.raises(StoreUnavailable):
        async with Listener(settings.session_url, PostgresLimits()):
            pass


def test_migrate_goes_past_the_pooler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, empty_database_url: str) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOLDFAST_DATABASE_URL", _AWAY)
    monkeypatch.setenv("HOLDFAST_DATABASE_DIRECT_URL", empty_database_url)

    result = CliRunner().invoke(application, ["migrate"])

    assert result.exit_code == 0
    assert head() in result.stderr


def test_direct_way_to_no_database_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOLDFAST_DATABASE_URL", "")
    monkeypatch.setenv("HOLDFAST_DATABASE_DIRECT_URL", _AWAY)

    result = CliRunner().invoke(application, ["migrate"])

    assert result.exit_code == 2
    assert "HOLDFAST_DATABASE_DIRECT_URL" in result.stderr
