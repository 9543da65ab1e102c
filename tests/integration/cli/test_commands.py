import json
from importlib.metadata import version
from pathlib import Path
from typing import Final

import pytest
from typer.testing import CliRunner, Result

from cli.main import application

pytestmark = pytest.mark.own_database

_EXAMPLE: Final = Path(__file__).resolve().parents[3] / "examples" / "barbershop.yaml"


@pytest.fixture(autouse=True)
def stores(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, database_url: str, redis_url: str) -> None:
    """Commands work on this test's stores, and find no .env of whoever runs the tests."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOLDFAST_DATABASE_URL", database_url)
    monkeypatch.setenv("HOLDFAST_REDIS_URL", redis_url)


@pytest.fixture
def tenant() -> dict[str, str]:
    answer: dict[str, str] = json.loads(_holdfast("tenant", "create", "Fade & Co", "--json").stdout)
    return answer


def test_tenant_create_prints_id_and_two_keys(tenant: dict[str, str]) -> None:
    assert list(tenant) == ["id", "secret_key", "publishable_key"]
    assert tenant["secret_key"].startswith("hfs_")
    assert tenant["publishable_key"].startswith("hfp_")


def test_tenant_create_is_refused_when_the_zone_is_none() -> None:
    result = _holdfast("tenant", "create", "Fade & Co", "--timezone", "Nowhere/Land")

    assert result.exit_code == 1
    assert result.stdout == ""
    assert "Nowhere/Land" in result.stderr


@pytest.mark.parametrize("naming", ["--key", "--tenant"])
def test_apply_makes_the_business_what_the_file_says(tenant: dict[str, str], naming: str) -> None:
    named = tenant["secret_key"] if naming == "--key" else tenant["id"]

    first = _holdfast("apply", str(_EXAMPLE), naming, named)
    second = _holdfast("apply", str(_EXAMPLE), naming, named)

    assert "create  service   haircut" in first.stdout
    assert (first.exit_code, second.exit_code) == (0, 0)
    assert (second.stdout, second.stderr) == ("", "0 changed.\n")


def test_apply_changes_nothing_when_it_is_a_dry_run(tenant: dict[str, str]) -> None:
    rehearsal = _holdfast("apply", str(_EXAMPLE), "--tenant", tenant["id"], "--dry-run")
    performance = _holdfast("apply", str(_EXAMPLE), "--tenant", tenant["id"])

    assert "would change" in rehearsal.stderr
    planned = [line for line in rehearsal.stdout.splitlines() if not line.startswith(" ")]
    assert planned == performance.stdout.splitlines() != []


@pytest.mark.parametrize("action", ["retry", "drop"])
def test_tasks_that_are_not_parked_are_told_of(action: str) -> None:
    result = _holdfast("tasks", action, "4711")

    assert (result.exit_code, result.stdout) == (1, "")
    assert "no such task is parked" in result.stderr


def test_apply_prints_old_and_new_values_of_a_dry_run(tenant: dict[str, str]) -> None:
    rehearsal = _holdfast("apply", str(_EXAMPLE), "--tenant", tenant["id"], "--dry-run")

    lines = rehearsal.stdout.splitlines()
    assert lines[0].startswith("change  business")
    assert '    currency: "USD" -> "ILS"' in lines


@pytest.mark.parametrize("content", ["[1, 2]", "a: [", "business: {nickname: Fade}"])
def test_apply_is_refused_when_the_file_is_no_document(tenant: dict[str, str], tmp_path: Path, content: str) -> None:
    file = tmp_path / "business.yaml"
    file.write_text(content)

    result = _holdfast("apply", str(file), "--tenant", tenant["id"])

    assert result.exit_code in {1, 2}
    assert result.stderr != ""
    assert isinstance(result.exception, SystemExit)


def test_faults_of_a_file_are_one_a_line_with_key_and_line_number(tenant: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "business.yaml"
    wrong = _EXAMPLE.read_text().replace("duration_minutes: 30", "duration_minuets: 30", 1)
    file.write_text(wrong.replace("duration_minutes: 20", "duration_minutes: -20", 1))
    lines = {line.strip(): number for number, line in enumerate(file.read_text().splitlines(), 1)}

    result = _holdfast("apply", str(file), "--tenant", tenant["id"])

    unknown, too_small = (lines[line] for line in ("duration_minuets: 30", "duration_minutes: -20"))
    *faults, summary = result.stderr.splitlines()
    assert f'{file}:{unknown}: services[0].duration_minuets: no such field; did you mean "duration_minutes"?' in faults
    assert any(fault.startswith(f"{file}:{too_small}: services[1].duration_minutes: ") for fault in faults)
    assert len(faults) == 2
    assert summary == f"validation: 2 faults in {file}; nothing was changed."
    assert result.exit_code == 1


@pytest.mark.parametrize("naming", [[], ["--tenant", "00000000-0000-0000-0000-000000000000", "--key", "hfs_x"]])
def test_apply_is_refused_when_the_business_is_not_named_once(naming: list[str]) -> None:
    result = _holdfast("apply", str(_EXAMPLE), *naming)

    assert result.exit_code == 2
    assert "--tenant" in result.stderr


def test_key_opens_the_business_until_it_is_revoked(tenant: dict[str, str]) -> None:
    key = json.loads(_holdfast("key", "create", tenant["id"], "--json").stdout)

    before = _holdfast("apply", str(_EXAMPLE), "--key", key["key"])
    revoked = _holdfast("key", "revoke", key["id"])
    after = _holdfast("apply", str(_EXAMPLE), "--key", key["key"])

    assert (before.exit_code, revoked.exit_code, after.exit_code) == (0, 0, 1)
    assert "unauthorized" in after.stderr


def test_migrate_says_where_the_database_is_when_run_again() -> None:
    result = _holdfast("migrate")

    assert result.exit_code == 0
    assert result.stderr.startswith("The database is at revision ")


def test_setting_that_makes_no_sense_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLDFAST_PORT", "eighty")

    result = _holdfast("migrate")

    assert result.exit_code == 2
    assert "HOLDFAST_PORT" in result.stderr


def test_variable_that_is_no_setting_is_warned_of_with_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLDFAST_REDIS_POOLSIZE", "8")
    monkeypatch.setenv("HOLDFAST_COLOUR", "blue")
    monkeypatch.setenv("HOLDFAST_KEY", "hfs_x")
    Path(".env").write_text("HOLDFAST_LOGLEVEL=debug\nOTHER_LOGLEVEL=debug\n")

    result = _holdfast("migrate")

    assert result.exit_code == 0
    assert result.stderr.splitlines()[:-1] == [
        "holdfast: HOLDFAST_COLOUR is not a setting and is ignored.",
        "holdfast: HOLDFAST_LOGLEVEL is not a setting and is ignored; did you mean HOLDFAST_LOG_LEVEL?",
        "holdfast: HOLDFAST_REDIS_POOLSIZE is not a setting and is ignored; did you mean HOLDFAST_REDIS_POOL_SIZE?",
    ]


def test_variables_of_settings_are_not_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLDFAST_LOG_LEVEL", "error")
    monkeypatch.setenv("holdfast_workers", "2")

    assert _holdfast("migrate").stderr.count("\n") == 1


def test_version_is_that_of_the_package() -> None:
    result = _holdfast("--version")

    assert (result.exit_code, result.stdout) == (0, f"holdfast {version('holdfast')}\n")


def _holdfast(*arguments: str) -> Result:
    return CliRunner().invoke(application, arguments)


def test_apply_warns_of_what_is_hardly_meant_so_when_something_changes(tenant: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "business.yaml"
    file.write_text(
        """
        business: {name: Night, timezone: UTC, currency: EUR}
        locations: [{key: main, name: Main}]
        resources:
          - {key: noa, kind: staff, name: Noa, hours: [{days: [mon], start: "09:00", end: "06:00"}]}
        """
    )

    rehearsal = _holdfast("apply", str(file), "--tenant", tenant["id"], "--dry-run")
    first = _holdfast("apply", str(file), "--tenant", tenant["id"])
    second = _holdfast("apply", str(file), "--tenant", tenant["id"])

    warning = (
        "warning: resources[0].hours[0]: runs past midnight for 21 h 00 min, from 09:00 to 06:00 on the next date; "
        "should it end before midnight?\n"
    )
    assert warning in rehearsal.stderr
    assert warning in first.stderr
    assert second.stderr == "0 changed.\n"
