"""`python -m loadtests.verify`: the command line of the judgement."""

import argparse
import asyncio
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from uuid import UUID

from loadtests.faults.report import verdicts
from loadtests.scenarios import SCENARIOS
from loadtests.verify.budgets import BUDGETS, OF_SCENARIO, Budget, parse_budget
from loadtests.verify.run import Evidence, Finding, verify


def main() -> None:
    """Judge; the status says whether everything that was looked at is as it should be."""
    options = _parser().parse_args()
    finding = asyncio.run(verify(_evidence(options)))
    print(*render(finding), sep="\n")
    sys.exit(0 if finding.kept else 1)


def render(finding: Finding) -> Iterable[str]:
    """For people."""
    yield from verdicts(finding.checks)
    yield from (f"not checked. {sentence}" for sentence in finding.unchecked)
    broken = sum(not check.kept for check in finding.checks)
    yield f"{len(finding.checks) - broken} promises kept, {broken} not."


def add_thresholds(parser: argparse.ArgumentParser) -> None:
    """The options that say what is still good enough."""
    parser.add_argument(
        "--budget",
        action="append",
        type=_budget,
        default=[],
        metavar="NAME=P95,P99",
        help="in milliseconds, such as 'place hold=150,400'; may be given several times",
    )
    parser.add_argument("--slack", type=float, default=1.0, help="multiplies all budgets, for a slower machine")
    parser.add_argument("--most-failures", type=float, default=0.0, metavar="SHARE", help="of each kind of request")


def budgets(options: argparse.Namespace, scenario: str | None) -> dict[str, Budget]:
    """The table of the scenario, with what the command line has of its own."""
    table = {**BUDGETS, **OF_SCENARIO.get(scenario or "", {}), **dict(options.budget)}
    return {name: budget.times(options.slack) for name, budget in table.items()}


def _evidence(options: argparse.Namespace) -> Evidence:
    return Evidence(
        journal=options.journal,
        report=options.report,
        database_url=options.database_url,
        redis_url=options.redis_url,
        host=options.host,
        key=options.key,
        tenant_id=options.tenant,
        budgets=budgets(options, options.scenario),
        most_failures=options.most_failures,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m loadtests.verify", description="Compare what visitors were told with what the stores have."
    )
    parser.add_argument("--journal", type=Path, default=Path(".data/load/journal"), help="folder of the journals")
    parser.add_argument("--report", type=Path, help="default: requests.json beside the journal, if it is there")
    parser.add_argument("--scenario", choices=SCENARIOS, help="whose budgets apply; default: those of most")
    parser.add_argument("--host", help="where to ask the API; default: the host of the journal")
    parser.add_argument("--tenant", type=UUID, help="the business; default: that of the journal's tokens")
    for name, variable in (
        ("--database-url", "HOLDFAST_DATABASE_URL"),
        ("--redis-url", "HOLDFAST_REDIS_URL"),
        ("--key", "HOLDFAST_LOAD_KEY"),
    ):
        parser.add_argument(name, default=os.environ.get(variable) or None, help=f"default: {variable}")
    add_thresholds(parser)
    return parser


def _budget(text: str) -> tuple[str, Budget]:
    try:
        return parse_budget(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


if __name__ == "__main__":
    main()
