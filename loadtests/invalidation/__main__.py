"""`python -m loadtests.invalidation`: both measurements, on stores that are started for them."""

import argparse
import asyncio
import json
import os
import platform
import time
from pathlib import Path
from typing import Any, Final

import uvloop

from bootstrap.settings import Settings
from loadtests.invalidation import latency
from loadtests.invalidation.figures import Latency, comparison_table, table, to_json
from loadtests.invalidation.figures import latency as figures_of
from loadtests.invalidation.shop import Shop, open_shop, stores
from loadtests.invalidation.throughput import Comparison, compare

_MEASURED: Final = {
    "engine, settling": latency.of_the_engine,
    "engine, settlement lost": latency.of_a_dying_engine,
    "others, past the engine": latency.of_others,
}
# Clocks that jump while a run lasts make its figures worthless.
_CLOCK_SLIP_SECONDS: Final = 0.002


def main() -> None:
    """Measure, print, and write JSON where that was asked for."""
    arguments = _arguments()
    # The loop that the server runs on.
    with stores() as settings, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        found = runner.run(_measure(settings, arguments))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(found, indent=2) + "\n")


async def _measure(settings: Settings, arguments: argparse.Namespace) -> dict[str, Any]:
    async with open_shop(settings, max(arguments.writers, arguments.bookers)) as shop:
        machine = await _machine(shop)
        print(", ".join(f"{name} {value}" for name, value in machine.items()))
        latencies = await _latencies(shop, arguments)
        comparison: Comparison | None = None
        if arguments.pairs:
            comparison = await compare(
                shop, pairs=arguments.pairs, bookers=arguments.bookers, seconds=arguments.round_seconds
            )
            print("\n" + comparison_table(comparison))
        scripts = await _script_microseconds(shop)
    print(f"\nscripts in Redis, microseconds: {scripts}\nload at the end: {_load()}")
    return to_json(machine | {"load_at_the_end": _load(), "script_us": scripts}, latencies, comparison)


async def _latencies(shop: Shop, arguments: argparse.Namespace) -> list[Latency]:
    if not arguments.seconds:
        return []
    apart = time.time() - time.monotonic()
    found = []
    for name, measure in _MEASURED.items():
        # The first second fills pools and caches, and does not count.
        await measure(shop, arguments.writers, 1.0)
        begun = time.monotonic()
        writes = await measure(shop, arguments.writers, arguments.seconds)
        found.append(figures_of(name, writes, time.monotonic() - begun))
    assert abs(time.time() - time.monotonic() - apart) < _CLOCK_SLIP_SECONDS, "the clock was set meanwhile"
    print("\n" + table(found))
    return found


async def _script_microseconds(shop: Shop) -> dict[str, float]:
    """How long scripts ran: no bitmap is dropped later than that after the instant that is written down."""
    found: dict[str, float] = (await shop.context.redis.info("latencystats"))["latency_percentiles_usec_evalsha"]
    return found


async def _machine(shop: Shop) -> dict[str, Any]:
    owner = await shop.connect()
    postgres = await owner.fetchval("SHOW server_version")
    await owner.close()
    redis = (await shop.context.redis.info("server"))["redis_version"]
    return {
        "cores": os.cpu_count(),
        "Python": platform.python_version(),
        "Postgres": postgres,
        "Redis": redis,
        "load": _load(),
    }


def _load() -> str:
    return " ".join(f"{load:.2f}" for load in os.getloadavg())


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m loadtests.invalidation", description=__doc__)
    parser.add_argument("--writers", type=int, default=100, help="who write at the same time (latency)")
    parser.add_argument("--seconds", type=float, default=20, help="for each kind of writers; 0: no latencies")
    parser.add_argument("--bookers", type=int, default=20, help="who book at the same time (throughput)")
    parser.add_argument("--pairs", type=int, default=12, help="pairs of rounds; 0: no throughput")
    parser.add_argument("--round-seconds", type=float, default=5, help="length of a round")
    parser.add_argument("--json", type=Path, help="a file to write the figures to")
    return parser.parse_args()


if __name__ == "__main__":
    main()
