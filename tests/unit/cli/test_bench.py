import sys

import pytest
import typer
from typer.testing import CliRunner

from cli.bench import add_bench


def _application() -> typer.Typer:
    application = typer.Typer()
    # A single command would be run without its name.
    application.command("other")(lambda: None)
    add_bench(application)
    return application


def test_bench_measures_in_a_checkout() -> None:
    shown = CliRunner().invoke(_application(), ["bench", "--help"])

    assert shown.exit_code == 0
    assert "bare FastAPI routes" in shown.output


@pytest.mark.parametrize("absent", ["benchmark", "benchmark.command"])
def test_bench_says_where_it_is_when_the_package_lacks_it(absent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "benchmark.command", raising=False)
    monkeypatch.setitem(sys.modules, absent, None)

    finished = CliRunner().invoke(_application(), ["bench", "--quick", "--only", "place"])

    assert finished.exit_code == 2
    assert "make bench" in finished.output


def test_bench_hides_no_other_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "benchmark.command", raising=False)
    monkeypatch.setitem(sys.modules, "benchmark.tables", None)

    with pytest.raises(ModuleNotFoundError, match=r"benchmark\.tables"):
        add_bench(typer.Typer())
