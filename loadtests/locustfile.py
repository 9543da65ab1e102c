"""What `locust -f loadtests/locustfile.py` runs: the user classes, and how a run begins and ends."""

import json
import logging
import random
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any, Final

from locust import events
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner

# Locust puts the folder of this file on the path, and the packages lie beside it.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from loadtests.business import site
from loadtests.journal import Journal, Opening
from loadtests.scenarios.browse import BrowseUser
from loadtests.scenarios.flash_sale import FlashSaleUser
from loadtests.scenarios.hold_and_confirm import HoldAndConfirmUser
from loadtests.scenarios.mixed_day import BackOfficeUser, MixedBrowseUser, MixedHoldUser, RegularUser
from loadtests.verify.budgets import REPORT, Line, Report, write_report
from loadtests.visitors.visitor import Run, Visitor

__all__ = [
    "BackOfficeUser",
    "BrowseUser",
    "FlashSaleUser",
    "HoldAndConfirmUser",
    "MixedBrowseUser",
    "MixedHoldUser",
    "RegularUser",
]
_LARGEST_SEED: Final = 10**6
_NOT_BEGUN: Final = 2
_SHOWN_CHARACTERS: Final = 300
"""Of a traceback: its end."""
_SET_UP_SECONDS: Final = 30.0
_log: Final = logging.getLogger("holdfast")


@events.init_command_line_parser.add_listener
def add_options(parser: LocustArgumentParser) -> None:
    """What Locust does not know of; each may be set in the environment or in locust.conf too."""
    parser.add_argument("--key", env_var="HOLDFAST_LOAD_KEY", is_secret=True, help="secret key of the business (hfs_…)")
    parser.add_argument(
        "--publishable-key",
        env_var="HOLDFAST_LOAD_PUBLISHABLE_KEY",
        is_secret=True,
        help="what visitors use (hfp_…); without it they use the secret key",
    )
    parser.add_argument(
        "--seed", type=int, env_var="HOLDFAST_LOAD_SEED", help="of an earlier run, for the same choices"
    )
    parser.add_argument(
        "--pace",
        type=float,
        default=0.05,
        env_var="HOLDFAST_LOAD_PACE",
        help="how long a second of a visitor's life takes: 1 is real life, 0.05 twenty times as fast",
    )
    parser.add_argument("--sale", env_var="HOLDFAST_LOAD_SALE", help="the service of the flash sale")
    parser.add_argument(
        "--journal",
        default=".data/load/journal",
        env_var="HOLDFAST_LOAD_JOURNAL",
        help="folder for what visitors were told, a file per process",
    )


@events.init.add_listener
def prepare(environment: Environment, **_more: Any) -> None:  # noqa: ANN401 - Locust's
    """The seed is chosen once per run: workers are sent what their master has."""
    assert environment.parsed_options is not None
    # When the last visitor has left, unlike `quitting`; and it is not told of whose end it is.
    environment.events.quit.add_listener(lambda **_more: _close_run(environment))
    if isinstance(environment.runner, WorkerRunner):
        return
    if environment.parsed_options.seed is None:
        environment.parsed_options.seed = random.SystemRandom().randrange(_LARGEST_SEED)
    _log.info("seed %s", environment.parsed_options.seed)


@events.test_start.add_listener
def open_run(environment: Environment, **_more: Any) -> None:  # noqa: ANN401 - Locust's
    """Learn what the business offers, and open the journal of this process."""
    if isinstance(environment.runner, MasterRunner):
        return
    options, host, runner = environment.parsed_options, environment.host, environment.runner
    assert options is not None
    assert host is not None
    assert runner is not None
    try:
        found = site(_read_business(host, options.key or ""), sale=options.sale)
    except (OSError, ValueError) as error:
        # Of any other exception Locust would make a line in its log, and go on.
        _log.error("The business on %s cannot be read: %s", host, error)
        sys.exit(_NOT_BEGUN)
    process = int(getattr(runner, "worker_index", 0))
    opening = Opening(seed=options.seed, host=host, process=process, began_at=time.time(), capacities=found.capacities)
    Visitor.run_of_process = Run(
        seed=options.seed,
        pace=options.pace,
        process=process,
        secret_key=options.key,
        visitor_key=options.publishable_key or options.key,
        site=found,
        journal=Journal(Path(options.journal), opening),
    )


def _close_run(environment: Environment) -> None:
    if Visitor.run_of_process is not None:
        _log.info("the journal is %s", Visitor.run_of_process.journal.path)
        Visitor.run_of_process.journal.close()
    if not isinstance(environment.runner, WorkerRunner):
        assert environment.parsed_options is not None
        write_report(Path(environment.parsed_options.journal) / REPORT, _report(environment))


def _report(environment: Environment) -> Report:
    assert environment.runner is not None
    return Report(
        lines=[
            Line(
                name=entry.name,
                requests=entry.num_requests,
                failures=entry.num_failures,
                p95_ms=entry.get_response_time_percentile(0.95),
                p99_ms=entry.get_response_time_percentile(0.99),
            )
            for entry in environment.stats.entries.values()
        ],
        failures=[
            f"{error.name} failed {error.occurrences} times: {error.error}"
            for error in environment.stats.errors.values()
        ],
        crashes=[
            f"{crash['count']} times: {crash['msg']}; {' '.join(crash['traceback'].split())[-_SHOWN_CHARACTERS:]}"
            for crash in environment.runner.exceptions.values()
        ],
    )


def _read_business(host: str, key: str) -> dict[str, Any]:
    if not key:
        message = "give the secret key of a business: --key or HOLDFAST_LOAD_KEY"
        raise ValueError(message)
    request = urllib.request.Request(  # noqa: S310 - whoever starts the run names the host
        f"{host.rstrip('/')}/v1/business", headers={"Authorization": f"Bearer {key}"}
    )
    with urllib.request.urlopen(request, timeout=_SET_UP_SECONDS) as answer:  # noqa: S310 - as above
        found: dict[str, Any] = json.load(answer)
    return found
