"""A whole run: which servers are started, and what is measured on them in which order."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from benchmark import ledger
from benchmark.client import Server, closed_loop
from benchmark.comparisons import MANY_CLAIMS, compare_growth, compare_workers, measure_memory
from benchmark.crowds import CrowdResult, flash_sale, herd
from benchmark.engines import database_of, new_engine
from benchmark.findings import ClientCeiling, Report
from benchmark.machine import this_machine
from benchmark.measures import summarise
from benchmark.rounds import Plan, Result, Say, measure
from benchmark.scenarios import SCENARIOS
from benchmark.servers import bare_server, echo_server
from benchmark.site import CONNECTIONS, Site, open_site
from bootstrap.settings import Settings

HERD: Final = "herd"
FLASH_SALE: Final = "flash-sale"
MEMORY: Final = "memory"
NAMES: Final = (*(scenario.name for scenario in SCENARIOS), HERD, FLASH_SALE, MEMORY)
_HERD_ATTEMPTS: Final = 10_000
_FLASH_ATTEMPTS: Final = 50_000
_FLASH_SLOTS: Final = 2_000
# A hold's answer is about as long.
_ECHO_BYTES: Final = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What is asked of a run."""

    plan: Plan
    only: frozenset[str]
    """Names; none: all."""
    bare_options: Mapping[str, Any]
    """Of uvicorn, the same that the engine's server has."""
    quick: bool = False
    workers: int = 1
    """With more, that many are compared with one."""
    growth: bool = False
    log_requests: bool = False
    """A line for each, by the engine and by the bare server."""

    def wants(self, name: str) -> bool:
        """Whether that is to be measured."""
        return name in self.only if self.only else not (self.quick and name == MEMORY)


async def measure_own(settings: Settings, stores: Sequence[str], options: Options, say: Say) -> Report:
    """A run on stores of its own, which are up and empty. Raises Unexpected, BrokenExchange."""
    # Where the stores' files are is nobody's business.
    others = tuple(sentence.split(", files in ")[0] for sentence in stores if not sentence.startswith("Postgres"))
    machine = this_machine((f"Postgres {await ledger.server_version(database_of(settings))}", *others))
    async with new_engine(settings, name="one", log_requests=options.log_requests) as (child, site):
        with bare_server(options.bare_options) as bare:
            client = await _client_ceiling(options.plan)
            results = await _measure_all(site, bare, options, say)
        crowds = await _crowds(site, settings.database_url, options, say)
        compared = (
            await compare_workers(
                settings, site, plan=options.plan, say=say, workers=options.workers, log_requests=options.log_requests
            )
            if options.workers > 1
            else ()
        )
        memory = (
            await measure_memory(site, child, say, part=10 if options.quick else 1) if options.wants(MEMORY) else None
        )
    claims = MANY_CLAIMS // 100 if options.quick else MANY_CLAIMS
    grown = await compare_growth(settings, options.plan, say, claims=claims) if options.growth else ()
    return Report(
        measured_at=datetime.now(UTC),
        machine=machine,
        plan=options.plan,
        log_requests=options.log_requests,
        client=client,
        results=results,
        crowds=crowds,
        memory=memory,
        workers=options.workers,
        workers_results=compared,
        growth_results=grown,
    )


async def measure_running(server: Server, options: Options, say: Say, *, force: bool) -> Report:
    """A run against a server of somebody else's, by its API alone. Raises NotEmpty, Unexpected, BrokenExchange.

    The bare server runs here, so it is compared with only where the engine runs here too.
    """
    site = await open_site(server, force=force, fresh_names=True)
    if not server.is_near:
        say("The server is not on this machine, so there is nothing bare to compare it with.")
    with bare_server(options.bare_options) if server.is_near else nullcontext() as bare:
        client = await _client_ceiling(options.plan)
        results = await _measure_all(site, bare, options, say)
    return Report(
        measured_at=datetime.now(UTC),
        machine=this_machine(()),
        plan=options.plan,
        log_requests=options.log_requests,
        client=client,
        results=results,
        crowds=await _crowds(site, None, options, say),
        memory=None,
        workers=1,
        workers_results=(),
        growth_results=(),
    )


async def _measure_all(site: Site, bare: Server | None, options: Options, say: Say) -> tuple[Result, ...]:
    results = []
    for scenario in SCENARIOS:
        if options.wants(scenario.name):
            say(f"{scenario.title} …")
            results.append(await measure(scenario, site, bare, options.plan))
    return tuple(results)


async def _crowds(site: Site, database_url: str | None, options: Options, say: Say) -> tuple[CrowdResult, ...]:
    part = 10 if options.quick else 1
    crowds = []
    if options.wants(HERD):
        say("A herd …")
        crowds.append(await herd(site, database_url, attempts=_HERD_ATTEMPTS // part))
    if options.wants(FLASH_SALE):
        say("A flash sale …")
        attempts, slots = _FLASH_ATTEMPTS // part, _FLASH_SLOTS // part
        crowds.append(await flash_sale(site, database_url, attempts=attempts, slots=slots))
    return tuple(crowds)


async def _client_ceiling(plan: Plan) -> ClientCeiling:
    with echo_server(_ECHO_BYTES) as echo:
        request = echo.request("GET", "/")
        samples = [
            await closed_loop(echo, iter(lambda: request, None), connections=CONNECTIONS, seconds=plan.seconds)
            for _ in range(min(plan.rounds, 3))
        ]
    summary = summarise(samples)
    return ClientCeiling(rate=summary.rate, client_share=summary.client_share)
