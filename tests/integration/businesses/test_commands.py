"""`holdfast business …` does what the operator's API does."""

import json
from pathlib import Path
from typing import Any, Final

import pytest
from typer.testing import CliRunner

from cli.main import application
from tests.support.engine import MASTER_KEY

pytestmark = pytest.mark.own_database

_PATIENCE: Final = {
    "POSTGRES_STATEMENT_MS": "30000",
    "POSTGRES_POOL_WAIT_SECONDS": "30",
    "POSTGRES_CONNECT_SECONDS": "10",
    "STORE_SILENCE_MS": "10000",
}
_UNKNOWN: Final = "00000000-0000-0000-0000-000000000007"


@pytest.fixture(autouse=True)
def _stores(database_url: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "MASTER_KEY": MASTER_KEY, **_PATIENCE}
    for name, value in settings.items():
        monkeypatch.setenv(f"HOLDFAST_{name}", value)


def _run(*arguments: str, status: int = 0) -> str:
    result = CliRunner().invoke(application, arguments)
    assert result.exit_code == status, result.output
    return result.stdout if status == 0 else result.stderr


def _listed() -> Any:
    return json.loads(_run("business", "list", "--json"))


def test_business_is_listed_suspended_resumed_and_deleted() -> None:
    business = json.loads(_run("tenant", "create", "Fade & Co", "--json"))["id"]

    assert [(one["id"], one["name"], one["suspended_at"]) for one in _listed()] == [(business, "Fade & Co", None)]
    assert "business_not_suspended" in _run("business", "delete", business, status=1)
    assert json.loads(_run("business", "suspend", business, "--json"))["suspended_at"] is not None
    assert _run("business", "list").split(maxsplit=2) == [business, "suspended", "Fade & Co\n"]
    assert _run("business", "resume", business) == "Fade & Co is not suspended.\n"
    assert json.loads(_run("business", "quota", business, "--resources", "20", "--users", "5"))["resources"] == 20
    assert json.loads(_run("business", "quota", business, "--users", "none")) == {
        "resources": 20, "users": None, "webhook_endpoints": None, "api_keys": None, "appointments_per_day": None,
        "live_holds": None,
    }  # fmt: skip
    _run("business", "quota", business, "--users", "many", status=2)
    _run("business", "suspend", business)
    _run("business", "delete", business)
    assert _listed() == []


@pytest.mark.parametrize("command", ["suspend", "resume", "delete"])
def test_unknown_business_is_refused(command: str) -> None:
    assert "not_found" in _run("business", command, _UNKNOWN, status=1)
