import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from loadtests.journal import read

_ROOT: Final = Path(__file__).resolve().parents[2]


def test_short_load_is_played_and_verified(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HOLDFAST_", "LOCUST_"))}
    environment |= {"PYTHONPATH": os.pathsep.join([str(_ROOT / "src"), str(_ROOT / "tools"), str(_ROOT)])}
    # What is slow on a busy machine is no fault.
    environment |= {"HOLDFAST_STORE_SILENCE_MS": "10000", "HOLDFAST_REDIS_COMMAND_SECONDS": "10"}
    environment |= {"HOLDFAST_POSTGRES_STATEMENT_MS": "30000", "HOLDFAST_POSTGRES_LOCK_MS": "20000"}
    hurry = ["--users", "8", "--spawn-rate", "8", "--run-time", "4s", "--stop-timeout", "1", "--pace", "0.01"]

    finished = subprocess.run(
        [
            sys.executable,
            "-m",
            "loadtests.load",
            "--scenario",
            "hold-and-confirm",
            "--seed",
            "7",
            *hurry,
            "--slack",
            "1000",
        ],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert finished.returncode == 0, finished.stdout + finished.stderr
    (folder,) = (tmp_path / ".data/load").iterdir()
    found = read(folder)
    assert [opening.seed for opening in found.openings] == [7]
    assert {"hold", "confirm"} <= {exchange.operation for exchange in found.exchanges}
    assert "promises kept, 0 not." in finished.stdout
    assert (folder / "report.html").exists()
