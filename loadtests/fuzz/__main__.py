"""`python -m loadtests.fuzz`: all checks of Schemathesis, with each kind of key, on an engine of its own."""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from benchmark.engines import served
from benchmark.servers import await_ready
from bootstrap.context import open_context
from bootstrap.embedded import kept_stores
from bootstrap.processes import die_with_parent
from bootstrap.services import build_services
from bootstrap.settings import Settings
from bootstrap.store_supervisor import Specification
from catalogue.model.business import Mode
from kernel.clock import SystemClock
from kernel.operation import by_system
from persistence.schema import upgrade

_ROOT: Final = Path(__file__).resolve().parents[2]
_RESULTS: Final = Path(".data/fuzz")
_KINDS: Final = ("secret", "publishable")
_MINUTES: Final = 10.0
_EXAMPLE: Final = "barbershop"
_REQUEST_SECONDS: Final = 30.0
"""Far longer than any answer takes: a request that waits so long is a finding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """An engine, and how to open a business of its own for each run."""

    url: str
    settings: Settings


def main() -> None:
    """Fuzz with each kind of key; the status says whether every answer was as documented."""
    options = _parser().parse_args()
    folder = _RESULTS.resolve() / time.strftime("%Y%m%d-%H%M%S")
    folder.mkdir(parents=True)
    print(f"{options.minutes:g} minutes with each kind of key; everything is kept in {folder}.", flush=True)
    with _engine(folder) as target:
        statuses = {kind: _fuzz(target, kind, options, folder) for kind in options.keys}
    for kind, status in statuses.items():
        print(f"{kind}: {'clean' if status == 0 else f'findings, status {status}'}")
    sys.exit(0 if not any(statuses.values()) else 1)


def _fuzz(target: Target, kind: str, options: argparse.Namespace, folder: Path) -> int:
    """Run Schemathesis with a key of that kind, of a fresh business."""
    keys = asyncio.run(_open_business(target.settings))
    command = [
        sys.executable,
        "-m",
        "schemathesis.cli",
        *("--config-file", str(_ROOT / "loadtests" / "fuzz" / "schemathesis.toml"), "run"),
        *("--checks", "all", "--max-time", str(round(options.minutes * 60)), "--continue-on-failure"),
        *("--request-timeout", str(_REQUEST_SECONDS)),
        *("--report", "junit,ndjson", "--report-dir", str(folder / kind)),
        *(() if options.seed is None else ("--seed", str(options.seed))),
        f"{target.url}/openapi.json",
    ]
    print(f"\nWith the {kind} key:", flush=True)
    process = subprocess.Popen(
        command,
        # The key is not for the list of processes.
        env={**os.environ, "HOLDFAST_FUZZ_KEY": keys[kind], "PYTHONPATH": str(_ROOT)},
        # It leaves files of its own where it runs.
        cwd=folder,
        preexec_fn=die_with_parent,  # noqa: PLW1509 - we have no threads
    )
    return process.wait()


@contextmanager
def _engine(folder: Path) -> Iterator[Target]:
    """Stores and a server with its loops; gone when the block ends."""
    with tempfile.TemporaryDirectory(prefix="holdfast-fuzz-") as made:
        # The account of the stores has to pass through it.
        Path(made).chmod(0o711)
        with kept_stores(Specification(data_dir=made), announce=lambda _sentence: None) as urls:
            assert urls.database_url is not None
            upgrade(urls.database_url)
            settings = Settings(
                _env_file=None, database_url=urls.database_url, redis_url=urls.redis_url, data_dir=folder
            )
            with served(settings, name="fuzz", log_requests=False) as child:
                asyncio.run(await_ready(child))
                yield Target(url=child.server.url, settings=settings)


async def _open_business(settings: Settings) -> Mapping[str, str]:
    """A sandbox with the set-up of an example: its two keys by kind."""
    async with open_context(settings) as context:
        services = build_services(context, SystemClock())
        tenant = await services.tenants.create("Fuzz", mode=Mode.SANDBOX)
        await services.catalogue.apply(by_system(tenant.id, "fuzz"), _document())
    return {"secret": tenant.secret_key, "publishable": tenant.publishable_key}


def _document() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((_ROOT / "examples" / f"{_EXAMPLE}.yaml").read_text())
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m loadtests.fuzz", description="Requests made from the OpenAPI document, and all checks on them."
    )
    parser.add_argument("--minutes", type=float, default=_MINUTES, help=f"with each kind of key; default: {_MINUTES:g}")
    parser.add_argument("--keys", nargs="+", choices=_KINDS, default=list(_KINDS), help="default: both")
    parser.add_argument("--seed", type=int, help="of an earlier run, for the same requests")
    return parser


if __name__ == "__main__":
    main()
