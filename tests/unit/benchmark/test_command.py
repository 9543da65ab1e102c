import pytest
from typer.testing import CliRunner

from cli.main import application


@pytest.mark.parametrize(
    ("arguments", "remark"),
    [
        (["--only", "place", "--only", "nothing"], "called nothing. There is: place,"),
        (["--url", "http://127.0.0.1:1"], "--key"),
        (["--url", "http://127.0.0.1:1", "--key", "hfs_x", "--workers", "2"], "leave out --url"),
        (["--url", "http://127.0.0.1:1", "--key", "hfs_x", "--growth"], "leave out --url"),
        (["--url", "http://127.0.0.1:1", "--key", "hfs_x", "--only", "memory"], "leave out --url"),
    ],
)
def test_bench_refuses_options_that_make_no_sense(arguments: list[str], remark: str) -> None:
    result = CliRunner(env={"HOLDFAST_KEY": ""}).invoke(application, ["bench", *arguments])

    assert result.exit_code == 2
    assert remark in result.stderr


def test_bench_says_that_nobody_answers() -> None:
    result = CliRunner().invoke(application, ["bench", "--url", "http://127.0.0.1:1", "--key", "hfs_x"])

    assert result.exit_code == 1
    assert result.stderr.startswith("holdfast: ")
