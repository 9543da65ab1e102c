"""`python -m loadtests.abuse`: the command line of the attacks."""

import argparse
import asyncio
import importlib
import json
import os
import pkgutil
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from bootstrap.embedded import kept_stores
from bootstrap.store_supervisor import Specification
from loadtests.abuse import attacks
from loadtests.abuse.engine import ROOT, Engine, running_engine
from loadtests.abuse.report import Report
from loadtests.abuse.visitors import KEY_VARIABLE

NAMES: Final = sorted(module.name for module in pkgutil.iter_modules(attacks.__path__))
_SLOWER_AT_MOST: Final = 3.0
"""Factor by which the slowest hundredth of ordinary requests may take longer beside an attack."""

_WARMING_SECONDS: Final = 5.0
"""Visits that are not measured: they fill the caches."""


def main() -> None:
    """Run the attacks; the status says whether every promise was kept."""
    options = _options()
    reports = []
    for name in options.attacks or NAMES:
        report = _run(name, options)
        print(*report.lines(), sep="\n", flush=True)
        reports.append(report)
    if options.json is not None:
        options.json.write_text(json.dumps([report.as_document() for report in reports], indent=1) + "\n")
    sys.exit(0 if all(report.kept for report in reports) else 1)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m loadtests.abuse", description="Attacks of strangers.")
    parser.add_argument("attacks", nargs="*", metavar="ATTACK", help=f"default: all of {', '.join(NAMES)}")
    parser.add_argument("--source", type=Path, default=ROOT, help="checkout whose code is attacked; default: this one")
    parser.add_argument("--visitors", type=int, default=100, help="ordinary visitors beside each attack; 0: none")
    parser.add_argument("--seconds", type=float, default=20.0, help="of visits without any attack, to compare with")
    parser.add_argument("--minutes", type=float, default=1.0, help="of each bot")
    parser.add_argument("--spread", action="store_true", help="a bot with addresses in fifty networks")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything there")
    parser.add_argument("--keep", type=Path, metavar="DIRECTORY", help="keep the server's log there")
    options = parser.parse_args()
    if unknown := set(options.attacks) - set(NAMES):
        parser.error(f"unknown attacks: {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    return options


def _run(name: str, options: argparse.Namespace) -> Report:
    module, report = importlib.import_module(f"loadtests.abuse.attacks.{name}"), Report(attack=name)
    with tempfile.TemporaryDirectory(prefix="holdfast-abuse-") as made:
        # The account of the stores has to pass through it.
        Path(made).chmod(0o711)
        with kept_stores(Specification(data_dir=made, superuser=True), announce=lambda _sentence: None) as urls:
            assert urls.database_url is not None
            assert urls.redis_url is not None
            asyncio.run(_attack(module, report, Path(made), options, urls.database_url, urls.redis_url))
        if options.keep is not None:
            options.keep.mkdir(parents=True, exist_ok=True)
            (options.keep / f"{name}.log").write_bytes((Path(made) / "server.log").read_bytes())
    return report


async def _attack(  # noqa: PLR0917 - all of one run
    module: ModuleType,
    report: Report,
    directory: Path,
    options: argparse.Namespace,
    database_url: str,
    redis_url: str,
) -> None:
    running = running_engine(
        directory,
        source=options.source.resolve(),
        database_url=database_url,
        redis_url=redis_url,
        settings=module.ENVIRONMENT,
    )
    async with running as started:
        engine = replace(started, minutes=options.minutes, has_spread_bot=options.spread)
        if not module.BESIDE_VISITORS or not options.visitors:
            await module.attack(engine, report)
            return
        await _visits(engine, options.visitors, seconds=_WARMING_SECONDS)
        alone = await _visits(engine, options.visitors, seconds=options.seconds)
        stop = asyncio.Event()
        beside = asyncio.create_task(_visits(engine, options.visitors, stop=stop))
        try:
            await module.attack(engine, report)
        finally:
            stop.set()
            together = await beside
        _compare(report, alone, together)


async def _visits(
    engine: Engine, visitors: int, *, seconds: float | None = None, stop: asyncio.Event | None = None
) -> dict[str, Any]:
    """The figures of visits for so long, or until they are stopped, played by a process of its own."""
    source = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "loadtests.abuse.visitors",
        *("--url", engine.url, "--visitors", str(visitors)),
        *(() if seconds is None else ("--seconds", str(seconds))),
        env=os.environ | {KEY_VARIABLE: engine.publishable_key, "PYTHONPATH": source},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    if stop is not None:
        await stop.wait()
        process.stdin.close()
    output = await process.stdout.read()
    await process.wait()
    found: dict[str, Any] = json.loads(output)
    return found


def _compare(report: Report, alone: dict[str, Any], together: dict[str, Any]) -> None:
    for title, found in (("alone", alone), ("beside the attack", together)):
        for name in ("requests", "p50_ms", "p99_ms", "longest_ms"):
            report.figure(f"ordinary visitors {title}: {name}", found[name])
    report.figure("ordinary requests refused beside the attack", json.dumps(together["refused"]))
    report.require("no ordinary request is refused", not together["refused"] and together["requests"] > 0)
    report.require(
        f"p99 of ordinary requests stays within {_SLOWER_AT_MOST:g} x",
        together["p99_ms"] is not None and together["p99_ms"] <= _SLOWER_AT_MOST * alone["p99_ms"],
    )


if __name__ == "__main__":
    main()
