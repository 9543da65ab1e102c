"""`python -m loadtests.faults`: the command line of a run."""

import argparse
import asyncio
import json
import random
import shutil
import sys
import tempfile
from pathlib import Path

from loadtests.faults.faults import FAULTS
from loadtests.faults.report import render
from loadtests.faults.run import HISTORY, Plan, run
from loadtests.faults.stores import running_stores


def main() -> None:
    """Run; the status says whether every promise was kept."""
    options = _options()
    plan = _plan(options)
    print(f"seed {plan.seed}, {plan.clients} clients, {len(plan.faults)} faults", flush=True)
    directory = Path(tempfile.mkdtemp(prefix="holdfast-faults-"))
    # The account of the stores has to pass through it.
    directory.chmod(0o711)
    with running_stores(directory) as stores:
        outcome = asyncio.run(run(plan, stores, directory))
    print(*render(outcome), sep="\n")
    if options.json is not None:
        options.json.write_text(json.dumps(outcome.as_document(), indent=1) + "\n")
    if outcome.kept and not options.keep:
        shutil.rmtree(directory)
    else:
        print(f"\nThe history is {directory / HISTORY}; the logs are beside it.")
    sys.exit(0 if outcome.kept else 1)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m loadtests.faults", description="Faults under load.")
    parser.add_argument("--seed", type=int, help="of an earlier run, for the same choices")
    parser.add_argument("--clients", type=int, default=120)
    parser.add_argument("--think", type=float, default=3.0, metavar="SECONDS", help="mean pause between two errands")
    parser.add_argument("--fault", action="append", metavar="TEXT", help="only faults whose name has this in it")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything there")
    parser.add_argument("--keep", action="store_true", help="keep history and logs in any case")
    return parser.parse_args()


def _plan(options: argparse.Namespace) -> Plan:
    seed = random.SystemRandom().randrange(10**6) if options.seed is None else options.seed
    faults = [fault for fault in FAULTS if not options.fault or any(text in fault.name for text in options.fault)]
    # Each fault meets what another one has left behind.
    random.Random(seed).shuffle(faults)
    return Plan(seed=seed, clients=options.clients, think_seconds=options.think, faults=faults)


if __name__ == "__main__":
    main()
