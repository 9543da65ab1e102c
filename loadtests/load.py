"""`python -m loadtests.load`: one scenario, on an engine of its own or on another host, and its judgement."""

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmark.engines import served
from benchmark.servers import await_ready
from bootstrap.context import open_context
from bootstrap.embedded import kept_stores
from bootstrap.processes import die_with_parent
from bootstrap.services import build_services
from bootstrap.settings import Settings
from bootstrap.store_supervisor import Specification
from kernel.clock import SystemClock
from kernel.operation import by_system
from loadtests import journal
from loadtests.business import document
from loadtests.scenarios import SCENARIOS
from loadtests.verify.__main__ import add_thresholds, budgets, render
from loadtests.verify.budgets import REPORT
from loadtests.verify.run import Evidence, Finding, verify
from persistence.schema import upgrade

_ROOT: Final = Path(__file__).resolve().parents[1]
_RESULTS: Final = Path(".data/load")
_HTTP_SECONDS: Final = 30.0
# Longer than Locust lets visitors finish (stop-timeout).
_END_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The business that is loaded."""

    host: str
    secret_key: str
    publishable_key: str | None = None
    database_url: str | None = None
    redis_url: str | None = None


def main() -> None:
    """Load, then judge; the status says whether everything was as it should be."""
    options = _parser().parse_args()
    folder = _RESULTS / f"{time.strftime('%Y%m%d-%H%M%S')}-{options.scenario}"
    folder.mkdir(parents=True)
    print(f"Scenario {options.scenario}; everything is kept in {folder}.", flush=True)
    if options.host:
        target = Target(
            host=options.host.rstrip("/"),
            secret_key=options.key or sys.exit("Give the secret key of a business on that host: KEY=hfs_…"),
            publishable_key=options.publishable_key,
            database_url=options.database_url,
            redis_url=options.redis_url,
        )
        _set_up_if_empty(target)
        finding = _run(options, target, folder)
    else:
        with _engine(folder) as target:
            finding = _run(options, target, folder)
    print("", *render(finding), sep="\n")
    print(f"\nThe report is {folder / 'report.html'}.")
    sys.exit(0 if finding.kept else 1)


def _run(options: argparse.Namespace, target: Target, folder: Path) -> Finding:
    status = _locust(options, target, folder)
    if status:
        sys.exit(f"Locust ended with status {status}: see above.")
    return asyncio.run(
        verify(
            Evidence(
                journal=folder,
                report=folder / REPORT,
                database_url=target.database_url,
                redis_url=target.redis_url,
                host=target.host,
                key=target.secret_key,
                budgets=budgets(options, options.scenario),
                most_failures=options.most_failures,
            )
        )
    )


def _locust(options: argparse.Namespace, target: Target, folder: Path) -> int:
    command = [sys.executable, "-m", "locust", "--config", str(_ROOT / "loadtests" / "locust.conf")]
    command += ["--locustfile", str(_ROOT / "loadtests" / "locustfile.py"), "--host", target.host]
    command += ["--csv", str(folder / "report"), "--html", str(folder / "report.html"), "--journal", str(folder)]
    for name in ("users", "run_time", "spawn_rate", "stop_timeout", "seed", "pace", "sale", "processes"):
        value = getattr(options, name)
        command += [] if value is None else [f"--{name.replace('_', '-')}", str(value)]
    # Keys are not for the list of processes.
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(_ROOT / "src"), str(_ROOT / "tools"), str(_ROOT)]),
        "HOLDFAST_LOAD_KEY": target.secret_key,
        "HOLDFAST_LOAD_PUBLISHABLE_KEY": target.publishable_key or "",
    }
    command += SCENARIOS[options.scenario]
    process = subprocess.Popen(
        command,
        env=environment,
        process_group=0,
        preexec_fn=die_with_parent,  # noqa: PLW1509 - we have no threads
    )
    try:
        status = process.wait()
        # With --processes the master ends first, while visitors of its workers still wait for answers.
        _await_journals(folder)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
    return status


def _await_journals(folder: Path) -> None:
    """Until every process has closed its own, or nobody will any more."""
    deadline = time.monotonic() + _END_SECONDS
    while not journal.are_closed(folder) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)


@contextmanager
def _engine(folder: Path) -> Iterator[Target]:
    """Stores, a server with its loops, and a business; gone when the block ends."""
    with tempfile.TemporaryDirectory(prefix="holdfast-load-") as made:
        # The account of the stores has to pass through it.
        Path(made).chmod(0o711)
        with kept_stores(Specification(data_dir=made, superuser=True), announce=lambda _sentence: None) as urls:
            assert urls.database_url is not None
            upgrade(urls.database_url)
            settings = Settings(
                _env_file=None, database_url=urls.database_url, redis_url=urls.redis_url, data_dir=folder
            )
            with served(settings, name="load", log_requests=False) as child:
                secret_key, publishable_key = asyncio.run(_open_business(settings))
                asyncio.run(await_ready(child))
                yield Target(
                    host=child.server.url,
                    secret_key=secret_key,
                    publishable_key=publishable_key,
                    database_url=urls.database_url,
                    redis_url=urls.redis_url,
                )


async def _open_business(settings: Settings) -> tuple[str, str]:
    async with open_context(settings) as context:
        services = build_services(context, SystemClock())
        tenant = await services.tenants.create("Load")
        await services.catalogue.apply(by_system(tenant.id, "load-test"), document())
    return tenant.secret_key, tenant.publishable_key


def _set_up_if_empty(target: Target) -> None:
    """A business without anything gets the one we know; any other is visited as it is."""
    found = _call(target, "GET")
    if not (found["locations"] or found["resources"] or found["services"]):
        print("The business is empty: it is set up for the test.", flush=True)
        _call(target, "PUT", document())


def _call(target: Target, method: str, body: object = None) -> dict[str, Any]:
    request = urllib.request.Request(  # noqa: S310 - whoever starts the run names the host
        f"{target.host}/v1/business",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {target.secret_key}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=_HTTP_SECONDS) as answer:  # noqa: S310 - as above
            found: dict[str, Any] = json.load(answer)
    except (OSError, ValueError) as error:
        sys.exit(f"{target.host} does not say what the business offers: {error}")
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m loadtests.load", description="Simulated visitors, then a verdict.")
    parser.add_argument("--scenario", choices=SCENARIOS, default="mixed")
    parser.add_argument("--users", type=int, help="visitors at the same time")
    parser.add_argument("--run-time", metavar="TIME", help="such as 30s or 10m")
    parser.add_argument("--spawn-rate", type=float, help="visitors that come per second until all are there")
    parser.add_argument("--stop-timeout", metavar="TIME", help="for visitors to finish, at the end")
    parser.add_argument("--seed", type=int, help="of an earlier run, for the same choices")
    parser.add_argument("--pace", type=float, help="how long a second of a visitor's life takes")
    parser.add_argument("--sale", help="the service of the flash sale")
    parser.add_argument("--processes", type=int, help="of Locust, where one core is not enough for it")
    parser.add_argument("--host", help="of an engine that runs already, with --key; default: one of our own")
    for name, variable in (
        ("--key", "HOLDFAST_LOAD_KEY"),
        ("--publishable-key", "HOLDFAST_LOAD_PUBLISHABLE_KEY"),
        ("--database-url", "HOLDFAST_DATABASE_URL"),
        ("--redis-url", "HOLDFAST_REDIS_URL"),
    ):
        parser.add_argument(name, default=os.environ.get(variable) or None, help=f"of that host; default: {variable}")
    add_thresholds(parser)
    return parser


if __name__ == "__main__":
    main()
