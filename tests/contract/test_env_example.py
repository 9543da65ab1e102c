from itertools import pairwise
from pathlib import Path
from typing import Final

import pytest

from bootstrap.settings import Settings

_EXAMPLE: Final = Path(__file__).resolve().parents[2] / ".env.example"


@pytest.fixture
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting comes from the environment of whoever runs the tests."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"HOLDFAST_{name.upper()}", raising=False)


def _documented() -> list[str]:
    lines = _EXAMPLE.read_text().splitlines()
    return [line.split("=", 1)[0] for line in lines if line and not line.startswith("#")]


def test_env_example_lists_every_setting_once_in_order() -> None:
    settings = [f"HOLDFAST_{name.upper()}" for name in Settings.model_fields]

    documented = _documented()

    assert documented == settings


@pytest.mark.usefixtures("bare_environment")
def test_env_example_gives_the_default_of_every_setting() -> None:
    defaults = Settings(_env_file=None)

    documented = Settings(_env_file=_EXAMPLE)

    assert documented == defaults


def test_env_example_explains_every_setting() -> None:
    lines = _EXAMPLE.read_text().splitlines()

    unexplained = [line for before, line in pairwise(lines) if "=" in line and not before.startswith("# ")]

    assert unexplained == []
