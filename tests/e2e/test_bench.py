import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from benchmark.page import read_report

_ROOT: Final = Path(__file__).resolve().parents[2]


@pytest.fixture
def directory() -> Iterator[Path]:
    """Where the account of the stores may pass through, unlike tmp_path."""
    made = tempfile.mkdtemp(prefix="holdfast-bench-")
    Path(made).chmod(0o711)
    yield Path(made)
    shutil.rmtree(made)


def test_bench_measures_a_server_of_its_own_beside_a_bare_one(directory: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")}
    environment |= {
        "HOLDFAST_DATA_DIR": str(directory),
        "PYTHONPATH": os.pathsep.join([str(_ROOT / "src"), str(_ROOT / "tools")]),
    }
    figures = directory / "figures.json"
    command = [sys.executable, "-c", "from cli.main import main; main()", "bench", "--quick", "--json", str(figures)]

    finished = subprocess.run(
        [*command, "--only", "refused-taken"],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert finished.returncode == 0, finished.stdout + finished.stderr
    report = read_report(figures)
    (result,) = report.results
    assert result.engine.requests > 0
    assert result.other is not None
    assert result.ratio is not None
    assert 0 < result.ratio.median < 1
    assert report.client is not None
    assert report.client.rate > result.other.rate
    assert "Hold refused, as booked" in finished.stdout
