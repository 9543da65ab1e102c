"""One run: the engine is started and loaded, faults are inflicted one after the other, and everything is judged."""

import asyncio
import random
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from api.problems import TABLE
from bootstrap.context import open_context
from bootstrap.services import build_services
from bootstrap.settings import Settings
from kernel.clock import SystemClock
from kernel.ids import TenantId
from kernel.operation import by_system
from loadtests.faults import business
from loadtests.faults.checks import Check, check_all, check_audits
from loadtests.faults.clients import Caller, Client, Keys, Target, probe
from loadtests.faults.deliveries import check_deliveries, count_duplicates
from loadtests.faults.engine import POSTGRES, REDIS, SERVERS, WORKERS, Engine, audit, running_engine, way
from loadtests.faults.faults import Fault, Scene
from loadtests.faults.history import FaultSpan, History
from loadtests.faults.listing import Listing, find_free, find_missing, find_taken
from loadtests.faults.network import running_network
from loadtests.faults.receivers import Receivers, running_receivers
from loadtests.faults.report import Outcome, lines, longest
from loadtests.faults.rows import count_invalidations, read_feed, read_rows
from loadtests.faults.stores import Stores

HISTORY: Final = "history.jsonl"
# Between two faults: enough for holds to be placed and confirmed that neither of them has touched.
_CALM_SECONDS: Final = 4.0
# Mostly what it takes to start a process; that is two seconds, unless the machine is busy with other things.
_UP_SECONDS: Final = 120.0
_RECOVERY_SECONDS: Final = 120.0
_DRAIN_SECONDS: Final = 30.0
# A task that was leased to a worker which was killed is given to another one after 40 seconds.
_DELIVERY_SECONDS: Final = 120.0
_POLL_SECONDS: Final = 0.1
_LISTING_SECONDS: Final = 1.0
# The longest hold that clients ask for, and a little: then those on times that were booked past Redis are gone.
_LAST_HOLD_SECONDS: Final = 61.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run is to do."""

    seed: int
    clients: int
    think_seconds: float
    """Mean pause of a client between two errands."""
    faults: Sequence[Fault]


async def run(plan: Plan, stores: Stores, directory: Path) -> Outcome:
    """All of it, on stores that are migrated and empty; the history and logs go into the directory."""
    began, epoch = time.monotonic(), time.time() - time.monotonic()
    keys, tenant_id = await _open_business(stores)
    urls = {
        way(process, store): url
        for process in (*SERVERS, *WORKERS)
        for store, url in ((POSTGRES, stores.database_url), (REDIS, stores.redis_url))
    }
    async with (
        running_receivers(stores, tenant_id, random.Random(f"{plan.seed}/receivers")) as receivers,
        running_network(urls) as network,
        running_engine(directory, network.urls) as engine,
    ):
        target = Target(servers=engine.urls, keys=keys)
        scene = Scene(stores=stores, network=network, engine=engine, chance=random.Random(plan.seed))
        spans: list[FaultSpan] = []
        history = History(epoch=epoch, exchanges=target.heard, faults=spans)
        try:
            await _load(plan, scene, target, spans)
        finally:
            # Also of a run that was ended by what it heard, and before it is judged.
            history.write(directory / HISTORY)
        drained_seconds = await _drain(stores)
        listed = await _check_listings(stores, Target(servers=engine.urls, keys=keys))
        delivered = await _check_deliveries(stores, receivers)
        alive = _check_alive(engine)
    rows = await read_rows(stores.database_url)
    audits = await _audit(stores, directory)
    statuses = {code: row.status for code, row in TABLE.items()}
    silent = {fault.name for fault in plan.faults if fault.silent}
    return Outcome(
        seed=plan.seed,
        clients=plan.clients,
        seconds=time.monotonic() - began,
        lines=lines(history),
        checks=[
            *check_all(history, rows, statuses=statuses, capacities=business.capacities()),
            alive,
            _check_drained(drained_seconds),
            listed,
            delivered,
            check_audits(audits),
        ],
        audits=audits,
        drained_seconds=drained_seconds,
        longest_silent_seconds=longest(history, lambda fault: fault.name in silent),
    )


async def _open_business(stores: Stores) -> tuple[Keys, TenantId]:
    settings = Settings(_env_file=None, database_url=stores.database_url, redis_url=stores.redis_url)
    async with open_context(settings) as context:
        services = build_services(context, SystemClock())
        tenant = await services.tenants.create("Under load", timezone="UTC", currency="EUR")
        await services.catalogue.apply(by_system(tenant.id, "load-test"), business.document())
    return Keys(secret=tenant.secret_key, publishable=tenant.publishable_key), tenant.id


async def _load(plan: Plan, scene: Scene, target: Target, spans: list[FaultSpan]) -> None:
    """Clients come, every fault is inflicted, recovered from and noted in `spans`, clients go."""
    stop = asyncio.Event()
    async with Caller(target, 0) as prober:
        recovery = _Recovery(prober, random.Random(f"{plan.seed}/probe"))
        if not await recovery.within(_UP_SECONDS):
            message = "the engine did not come up; see its logs"
            raise RuntimeError(message)
        async with asyncio.TaskGroup() as clients:
            for number in range(1, plan.clients + 1):
                clients.create_task(_live(plan, Caller(target, number), stop))
            try:
                await asyncio.sleep(_CALM_SECONDS)
                for fault in plan.faults:
                    spans.append(await _endure(fault, scene, recovery))
                    await asyncio.sleep(_CALM_SECONDS)
            finally:
                stop.set()


async def _live(plan: Plan, caller: Caller, stop: asyncio.Event) -> None:
    async with caller:
        await Client(caller, seed=plan.seed, think_seconds=plan.think_seconds).run(stop)


async def _endure(fault: Fault, scene: Scene, recovery: "_Recovery") -> FaultSpan:
    started_at = time.monotonic()
    await fault.inflict(scene)
    ended_at = time.monotonic()
    recovered_at = time.monotonic() if await recovery.within(_RECOVERY_SECONDS) else None
    print(
        f"  {fault.name}: {'' if recovered_at else 'not '}recovered after {time.monotonic() - ended_at:.2f} s",
        flush=True,
    )
    return FaultSpan(
        name=fault.name, store=fault.store, started_at=started_at, ended_at=ended_at, recovered_at=recovered_at
    )


class _Recovery:
    """Finds out when the engine is well again: each server says so, and books."""

    def __init__(self, prober: Caller, chance: random.Random) -> None:
        self._prober = prober
        self._chance = chance
        self._probes = 0

    async def within(self, seconds: float) -> bool:
        """Wait for it."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds), asyncio.TaskGroup() as tasks:
                for server in self._prober.servers:
                    tasks.create_task(self._until_well(server))
            return True
        return False

    async def _until_well(self, server: str) -> None:
        while True:
            self._probes += 1
            if await probe(self._prober, server, chance=self._chance, number=self._probes):
                return
            await asyncio.sleep(_POLL_SECONDS)


async def _drain(stores: Stores) -> float | None:
    """How long it takes until Redis has been told of everything; None: too long."""
    began = time.monotonic()
    with suppress(TimeoutError):
        async with asyncio.timeout(_DRAIN_SECONDS):
            while await count_invalidations(stores.database_url):  # noqa: ASYNC110 - Postgres has no event for it
                await asyncio.sleep(_POLL_SECONDS)
            return time.monotonic() - began
    return None


def _check_drained(seconds: float | None) -> Check:
    complaints = [f"invalidations were left after {_DRAIN_SECONDS} s"] if seconds is None else []
    return Check(promise="Redis is told of every change", examined=1, complaints=complaints)


async def _check_listings(stores: Stores, target: Target) -> Check:
    """What servers list at rest: nothing that is taken, and when the last hold is gone all that is free."""
    free = find_free((await read_rows(stores.database_url)).claims)
    taken: set[str] = set()
    deadline = time.monotonic() + _LAST_HOLD_SECONDS
    async with Caller(target, 0) as caller:
        while True:
            listings = [
                Listing(
                    server=server,
                    service=service,
                    starts={datetime.fromisoformat(start) for start in await caller.list_starts(server, service)},
                )
                for server in caller.servers
                for service in free
            ]
            taken |= set(find_taken(listings, free))
            missing = list(find_missing(listings, free))
            if not missing or time.monotonic() > deadline:
                break
            await asyncio.sleep(_LISTING_SECONDS)
    return Check(
        promise="every server lists what is free in Postgres, and nothing else",
        examined=sum(len(one.starts) for one in listings),
        complaints=[*sorted(taken), *missing],
        essential=True,
    )


async def _check_deliveries(stores: Stores, receivers: Receivers) -> Check:
    """Events that the good endpoint was told, once everything has arrived, or had the time to."""
    deadline = time.monotonic() + _DELIVERY_SECONDS
    while True:
        feed, waiting = await read_feed(stores.database_url)
        check = check_deliveries(feed, receivers.good)
        if (check.kept and not waiting) or time.monotonic() > deadline:
            break
        await asyncio.sleep(_LISTING_SECONDS)
    print(
        f"  webhooks: {len(feed)} events; {len(receivers.good)} deliveries at the good endpoint, "
        f"{count_duplicates(receivers.good)} of them again; {len(receivers.bad)} at the bad one",
        flush=True,
    )
    return check


def _check_alive(engine: Engine) -> Check:
    """Nobody but us ends a process of the engine."""
    ended = [
        member for member in engine.members.values() if member.process is None or member.process.returncode is not None
    ]
    return Check(
        promise="no process of the engine ended by itself",
        examined=len(engine.members),
        complaints=[f"{member.name} ended; its log is {member.log}" for member in ended],
        essential=True,
    )


async def _audit(stores: Stores, directory: Path) -> list[Mapping[str, Any]]:
    """What differs; and if anything does, what is left of it when Redis was repaired and the last hold has ended."""

    async def ask(*, repair: bool) -> Mapping[str, Any]:
        return await audit(directory, stores.database_url, stores.redis_url, repair=repair)

    reports = [await ask(repair=False)]
    if reports[-1]["total"]:
        reports += [await ask(repair=True), await ask(repair=False)]
    if reports[-1]["total"]:
        await asyncio.sleep(_LAST_HOLD_SECONDS)
        reports.append(await ask(repair=False))
    return reports
