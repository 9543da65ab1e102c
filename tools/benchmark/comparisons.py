"""How the engine compares with itself: with more workers, with more behind it, after more requests."""

import asyncio
from dataclasses import replace
from itertools import cycle, islice
from typing import Final
from urllib.parse import urlsplit

from benchmark import ledger
from benchmark.business import DESKS
from benchmark.client import closed_loop
from benchmark.engines import database_of, new_engine, served
from benchmark.findings import Memory
from benchmark.measures import Target
from benchmark.processors import Clocks
from benchmark.rounds import Check, Plan, Result, Say, engine_round, prepare, result
from benchmark.scenarios import SCENARIOS
from benchmark.servers import Child, await_ready, resident_bytes
from benchmark.site import CONNECTIONS, Site, expect
from bootstrap.settings import Settings
from persistence.schema import upgrade

_COMPARED_BY_WORKERS: Final = ("place", "confirm", "staff-week")
_COMPARED_BY_GROWTH: Final = ("staff-week", "staff-week-cold", "place", "confirm")
_COMPARED_BY_TELEMETRY: Final = ("place", "staff-week")
_TELLING: Final = {"HOLDFAST_METRICS": "true", "HOLDFAST_LOG_FORMAT": "json", "HOLDFAST_LOG_SAMPLE": "0.01"}
_TELEMETRY_TARGET: Final = Target(measure="ratio", bound=0.95, beside="without")
_FEW_CLAIMS: Final = 10_000
# Ten years of a large business.
MANY_CLAIMS: Final = 5_000_000
_GROWTH_TARGET: Final = Target(measure="ratio", bound=round(1 / 1.2, 3), beside="few")
_MEMORY_FIRST: Final = 1_000
_MEMORY_ALL: Final = 100_000
_MEMORY_BOUND: Final = 1.2
_MEMORY_MIX: Final = ("place", "book", "staff-week")
_UNTIL_DONE: Final = 3600.0


async def compare_workers(
    settings: Settings, site: Site, *, plan: Plan, say: Say, workers: int, log_requests: bool
) -> tuple[Result, ...]:
    """A second server on the same stores, with more workers, beside the first. Raises Unexpected, BrokenExchange."""
    with served(settings, name="more", log_requests=log_requests, workers=workers) as child:
        await await_ready(child)
        # Several processes, of which the first only looks after the others.
        more = replace(site, server=replace(child.server, key=site.server.key, clocks=Clocks()))
        return tuple(
            [
                await _beside(name, more, site, plan=plan, say=say, what=f"{workers} workers")
                for name in _COMPARED_BY_WORKERS
            ]
        )


async def compare_telemetry(settings: Settings, site: Site, *, plan: Plan, say: Say) -> tuple[Result, ...]:
    """Two more servers: one that counts, and logs one request in a hundred, beside one that does neither."""
    with (
        served(settings, name="telling", log_requests=True, more=_TELLING) as telling,
        served(settings, name="silent", log_requests=False, more={"HOLDFAST_METRICS": "false"}) as silent,
    ):
        sites = []
        for child in (telling, silent):
            await await_ready(child)
            sites.append(replace(site, server=replace(child.server, key=site.server.key)))
        results = [
            await _beside(name, *sites, plan=plan, say=say, what="with metrics and logs")
            for name in _COMPARED_BY_TELEMETRY
        ]
    return tuple(_with_target(one, _TELEMETRY_TARGET) for one in results)


async def compare_growth(settings: Settings, plan: Plan, say: Say, *, claims: int) -> tuple[Result, ...]:
    """Two databases, one with few past claims and one with that many, and a server on each."""
    few = await _fresh(settings, 1)
    many = await _fresh(settings, 2)
    async with (
        new_engine(few, name="few", log_requests=False) as (_, few_site),
        new_engine(many, name="many", log_requests=False) as (_, many_site),
    ):
        say(f"Filling {_FEW_CLAIMS:,} past claims into one database and {claims:,} into another …")
        await ledger.fill_past(database_of(few), claims=_FEW_CLAIMS, desks=DESKS)
        await ledger.fill_past(database_of(many), claims=claims, desks=DESKS)
        results = [
            await _beside(name, many_site, few_site, plan=plan, say=say, what=f"{claims:,} claims")
            for name in _COMPARED_BY_GROWTH
        ]
    return tuple(_with_target(one, _GROWTH_TARGET) for one in results)


async def _fresh(settings: Settings, number: int) -> Settings:
    """A new database on the same Postgres, and one of the databases of the same Redis."""
    database_url = await ledger.create_database(database_of(settings), f"holdfast_{number}")
    await asyncio.to_thread(upgrade, database_url)
    assert settings.redis_url is not None
    redis_url = urlsplit(settings.redis_url)._replace(path=f"/{number}").geturl()
    return settings.model_copy(update={"database_url": database_url, "redis_url": redis_url})


async def _beside(name: str, site: Site, other: Site, *, plan: Plan, say: Say, what: str) -> Result:
    """One scenario on two servers, in alternating rounds."""
    scenario = replace(next(one for one in SCENARIOS if one.name == name), targets=())
    say(f"{scenario.title}, {what} …")
    rate = 0.0
    for each in (site, other):
        await prepare(scenario, each)
        rate = max(rate, (await engine_round(scenario, each, plan.warm_up_seconds, rate=0.0)).rate)
    first, second = [], []
    for _ in range(plan.rounds):
        first.append(await engine_round(scenario, site, plan.seconds, rate=rate))
        second.append(await engine_round(scenario, other, plan.seconds, rate=rate))
        rate = max(first[-1].rate, second[-1].rate)
    return result(scenario, first, second, half=None, answer_bytes=0)


def _with_target(measured: Result, target: Target) -> Result:
    return replace(
        measured,
        checks=(Check.of(target, measured.engine, measured.ratio),),
    )


async def measure_memory(site: Site, child: Child, say: Say, *, part: int) -> Memory:
    """Listings, holds and bookings in turn, and what the process has grown to; of the requests, one in `part`."""
    few, many = _MEMORY_FIRST // part, _MEMORY_ALL // part
    say(f"{many:,} requests, for the memory they leave behind …")
    kinds = [one for one in SCENARIOS if one.name in _MEMORY_MIX]
    sources = cycle([await kind.requests(site, 1) for kind in kinds])

    async def send(how_many: int) -> int:
        requests = (next(source) for source in islice(sources, how_many))
        sample = await closed_loop(site.server, requests, connections=CONNECTIONS, seconds=_UNTIL_DONE)
        expect(sample.statuses, sample.bodies, {kind.expected for kind in kinds})
        return resident_bytes(child.pid)

    first = await send(few)
    last = await send(many - few)
    return Memory(first_requests=few, first_bytes=first, all_requests=many, all_bytes=last, bound=_MEMORY_BOUND)
