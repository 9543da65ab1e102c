"""Many bookings while relay and workers are killed (`python -m loadtests.faults.bookings --bookings 20000`).

Every event has to arrive at the endpoint that is well, at least once, in order per subject, and none is invented.
"""

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx

from bootstrap.context import open_context
from bootstrap.services import build_services
from bootstrap.settings import Settings
from kernel.clock import SystemClock
from kernel.ids import TenantId
from kernel.operation import by_system
from loadtests.faults.checks import Check
from loadtests.faults.deliveries import check_deliveries, count_duplicates
from loadtests.faults.engine import POSTGRES, REDIS, SERVERS, WORKERS, Engine, running_engine, way
from loadtests.faults.receivers import Receivers, running_receivers
from loadtests.faults.rows import read_feed
from loadtests.faults.stores import Stores, running_stores

_CLASSES: Final = 8
_CAPACITY: Final = 100
_DAYS: Final = 40
_STEP_MINUTES: Final = 30
_CLIENTS: Final = 16
# Of the bookings, as many are moved, and as many cancelled: several events of one subject.
_CHANGED: Final = 0.1
_BETWEEN_KILLS_SECONDS: Final = (0.2, 3.0)
_UP_SECONDS: Final = 120.0
# Every attempt of a delivery that ended with its worker is leased for some time.
_DELIVERY_SECONDS: Final = 300.0
_POLL_SECONDS: Final = 1.0
_ANSWER_SECONDS: Final = 60.0
_OK: Final = frozenset({200, 201})


@dataclass(kw_only=True)
class _Progress:
    wanted: int
    kills: int = 0
    answers: Counter[int] = field(default_factory=Counter)

    @property
    def booked(self) -> int:
        return self.answers[201]

    @property
    def is_over(self) -> bool:
        return self.booked >= self.wanted


def _document() -> dict[str, Any]:
    hours = [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "start": "00:00", "end": "24:00"}]
    classes = [f"class-{number}" for number in range(_CLASSES)]
    return {
        "business": {"name": "Told", "timezone": "UTC", "currency": "EUR"},
        "locations": [{"key": "main", "name": "Main", "timezone": "UTC"}],
        "resources": [
            {"key": key, "kind": "class", "name": key, "location": "main", "capacity": _CAPACITY, "hours": hours}
            for key in classes
        ],
        "services": [
            {
                "key": key,
                "name": key,
                "duration_minutes": _STEP_MINUTES,
                "price": {"amount_minor": 1000, "currency": "EUR"},
                "requires": [{"role": "class", "any_of": [key]}],
            }
            for key in classes
        ],
    }


async def _open_business(stores: Stores) -> tuple[str, TenantId]:
    settings = Settings(_env_file=None, database_url=stores.database_url, redis_url=stores.redis_url)
    async with open_context(settings) as context:
        services = build_services(context, SystemClock())
        tenant = await services.tenants.create("Told", timezone="UTC", currency="EUR")
        await services.catalogue.apply(by_system(tenant.id, "load-test"), _document())
    return tenant.secret_key, tenant.id


def _starts(chance: random.Random) -> Iterator[str]:
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=2)
    while True:
        steps = chance.randrange(_DAYS * 24 * 60 // _STEP_MINUTES)
        yield (midnight + timedelta(minutes=steps * _STEP_MINUTES)).isoformat()


async def _book(client: httpx.AsyncClient, chance: random.Random, progress: _Progress) -> None:
    """Book, and now and then move or cancel what was booked, until enough is booked."""
    starts = _starts(chance)
    while not progress.is_over:
        wish = {
            "service": f"class-{chance.randrange(_CLASSES)}",
            "start": next(starts),
            "customer": {"name": "A", "email": f"{chance.getrandbits(64):x}@example.com"},
        }
        booked = await client.post("/v1/appointments", json=wish)
        progress.answers[booked.status_code] += 1
        if booked.status_code not in _OK:
            continue
        path = f"/v1/appointments/{booked.json()['id']}"
        if chance.random() < _CHANGED:
            await client.post(f"{path}/reschedule", json={"start": next(starts)})
        if chance.random() < _CHANGED:
            await client.post(f"{path}/cancel", json={})


async def _kill(engine: Engine, chance: random.Random, progress: _Progress) -> None:
    """SIGKILL one of the workers, each of which relays and delivers, again and again."""
    while True:
        await asyncio.sleep(chance.uniform(*_BETWEEN_KILLS_SECONDS))
        member = engine.members[chance.choice(WORKERS)]
        await member.kill()
        await member.start()
        progress.kills += 1


async def _ready(urls: Sequence[str]) -> None:
    async with httpx.AsyncClient() as client, asyncio.timeout(_UP_SECONDS):
        for url in urls:
            while True:
                try:
                    if (await client.get(f"{url}/readyz")).is_success:
                        break
                except httpx.TransportError:
                    pass
                await asyncio.sleep(_POLL_SECONDS / 10)


async def _load(engine: Engine, key: str, seed: int, progress: _Progress) -> None:
    urls = [engine.urls[name] for name in SERVERS]
    await _ready(urls)
    headers = {"Authorization": f"Bearer {key}"}
    killing = asyncio.create_task(_kill(engine, random.Random(f"{seed}/kills"), progress))
    async with asyncio.TaskGroup() as clients:
        for number in range(_CLIENTS):
            clients.create_task(_client(urls[number % len(urls)], headers, f"{seed}/{number}", progress))
    killing.cancel()
    # The one that was killed last may not have been started again.
    await asyncio.gather(killing, return_exceptions=True)
    for name in WORKERS:
        process = engine.members[name].process
        if process is None or process.returncode is not None:
            await engine.members[name].start()


async def _client(url: str, headers: dict[str, str], seed: str, progress: _Progress) -> None:
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=_ANSWER_SECONDS, trust_env=False) as client:
        await _book(client, random.Random(seed), progress)


async def _judge(stores: Stores, receivers: Receivers) -> tuple[Check, int]:
    deadline = time.monotonic() + _DELIVERY_SECONDS
    while True:
        feed, waiting = await read_feed(stores.database_url)
        check = check_deliveries(feed, receivers.good)
        if (check.kept and not waiting) or time.monotonic() > deadline:
            return check, len(feed)
        await asyncio.sleep(_POLL_SECONDS)


async def _run(stores: Stores, directory: Path, seed: int, bookings: int) -> bool:
    key, tenant_id = await _open_business(stores)
    urls = {
        way(process, store): url
        for process in (*SERVERS, *WORKERS)
        for store, url in ((POSTGRES, stores.database_url), (REDIS, stores.redis_url))
    }
    progress = _Progress(wanted=bookings)
    async with (
        running_receivers(stores, tenant_id, random.Random(f"{seed}/receivers")) as receivers,
        running_engine(directory, urls) as engine,
    ):
        began = time.monotonic()
        await _load(engine, key, seed, progress)
        loaded = time.monotonic() - began
        check, events = await _judge(stores, receivers)
        settled = time.monotonic() - began - loaded
    print(
        f"{progress.booked} bookings in {loaded:.1f} s beside {progress.kills} kills; answers {dict(progress.answers)}"
    )
    print(
        f"{events} events; {len(receivers.good)} deliveries at the good endpoint, {count_duplicates(receivers.good)} "
        f"of them again; {len(receivers.bad)} at the bad one; all told {settled:.1f} s after the last booking"
    )
    print(*check.complaints[:20], sep="\n")
    print(f"{check.promise}: {'kept' if check.kept else 'BROKEN'}")
    return check.kept


def main() -> None:
    """Run; the status says whether the promise was kept."""
    parser = argparse.ArgumentParser(prog="python -m loadtests.faults.bookings", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--bookings", type=int, default=20_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="holdfast-bookings-") as name:
        directory = Path(name)
        # The account of the stores has to pass through it.
        directory.chmod(0o711)
        with running_stores(directory) as stores:
            kept = asyncio.run(_run(stores, directory, options.seed, options.bookings))
    sys.exit(0 if kept else 1)


if __name__ == "__main__":
    main()
