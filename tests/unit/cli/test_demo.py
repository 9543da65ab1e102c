import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import application


def test_demo_is_refused_when_it_is_to_go_on_with_another_business(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOLDFAST_DATA_DIR", str(tmp_path))
    register = tmp_path / "demo" / "demo.json"
    register.parent.mkdir()
    register.write_text(json.dumps({"example": "clinic", "secret_key": "hfs_s", "publishable_key": "hfp_p"}))

    result = CliRunner().invoke(application, ["demo", "--keep", "--example", "gym"])

    assert result.exit_code == 2
    assert "clinic" in result.stderr
    assert "--keep" in result.stderr


def test_users_are_offered_the_roles_of_people_only() -> None:
    result = CliRunner().invoke(application, ["user", "add", "noa@fade.example", "--role", "visitor"])

    assert result.exit_code == 2
    assert "'owner'" in result.output
    assert "'holder'" not in result.output
