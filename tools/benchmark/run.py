"""A whole run: which servers are started, and what is measured on them in which order."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from benchmark import ledger
from benchmark.client import Server, closed_loop
from benchmark.comparisons import MANY_CLAIMS, compare_growth, compare_telemetry, compare_workers, measure_memory
from benchmark.crowds import flash_sale, herd
from benchmark.engines import database_of, new_engine
from benchmark.findings import ClientCeiling, Report
from benchmark.machine import this_machine
from benchmark.measures import summarise
from benchmark.rounds import Plan, Say, measure
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
# A quick run's crowds are smaller by this.
_QUICK_PART: Final = 10
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
    telemetry: bool = False
    log_requests: bool = False
    """A line for each, by the engine and by the bare server."""

    def wants(self, name: str) -> bool:
        """Whether that is to be measured."""
        return name in self.only if self.only else not (self.quick and name == MEMORY)


async def measure_own(settings: Settings, stores: Sequence[str], options: Options, say: Say) -> AsyncIterator[Report]:
    """A run on stores of its own, which are up and empty: what has been found out so far, again and again.

    Raises Unexpected, BrokenExchange.
    """
    # Where the stores' files are is nobody's business.
    others = [sentence.split(", files in ")[0] for sentence in stores if not sentence.startswith("Postgres")]
    postgres = f"Postgres {await ledger.server_version(database_of(settings))}"
    report = empty = _nothing_yet(options, (postgres, *others))
    plan = options.plan
    async with new_engine(settings, name="one", log_requests=options.log_requests) as (child, site):
        async for report in _measured(empty, site, settings.database_url, options, say):
            yield report
        if options.workers > 1:
            compared = await compare_workers(
                settings, site, plan=plan, say=say, workers=options.workers, log_requests=options.log_requests
            )
            report = replace(report, workers_results=compared)
            yield report
        if options.telemetry:
            told = await compare_telemetry(settings, site, plan=plan, say=say)
            report = replace(report, telemetry_results=told)
            yield report
        if options.wants(MEMORY):
            report = replace(
                report, memory=await measure_memory(site, child, say, part=_QUICK_PART if options.quick else 1)
            )
            yield report
    if options.growth:
        claims = MANY_CLAIMS // _QUICK_PART**2 if options.quick else MANY_CLAIMS
        yield replace(report, growth_results=await compare_growth(settings, plan, say, claims=claims))


async def measure_running(server: Server, options: Options, say: Say, *, force: bool) -> AsyncIterator[Report]:
    """A run against a server of somebody else's, by its API alone; yields as `measure_own`.

    The bare server runs here, so it is compared with only where the engine runs here too. Raises NotEmpty, Unexpected,
    BrokenExchange.
    """
    site = await open_site(server, force=force, fresh_names=True)
    if not server.is_near:
        say("The server is not on this machine, so there is nothing bare to compare it with.")
    async for report in _measured(_nothing_yet(options, ()), site, None, options, say):
        yield report


async def _measured(
    report: Report, site: Site, database_url: str | None, options: Options, say: Say
) -> AsyncIterator[Report]:
    """The report with one finding after the other."""
    with bare_server(options.bare_options) if site.server.is_near else nullcontext() as bare:
        report = replace(report, client=await _client_ceiling(options.plan))
        for scenario in SCENARIOS:
            if options.wants(scenario.name):
                say(f"{scenario.title} …")
                found = await measure(scenario, site, bare, options.plan)
                report = replace(report, results=(*report.results, found))
                yield report
    part = _QUICK_PART if options.quick else 1
    if options.wants(HERD):
        say("A herd …")
        crowd = await herd(site, database_url, attempts=_HERD_ATTEMPTS // part)
        report = replace(report, crowds=(*report.crowds, crowd))
        yield report
    if options.wants(FLASH_SALE):
        say("A flash sale …")
        attempts, slots = _FLASH_ATTEMPTS // part, _FLASH_SLOTS // part
        crowd = await flash_sale(site, database_url, attempts=attempts, slots=slots)
        report = replace(report, crowds=(*report.crowds, crowd))
    yield report


def _nothing_yet(options: Options, stores: tuple[str, ...]) -> Report:
    return Report(
        measured_at=datetime.now(UTC),
        machine=this_machine(stores),
        plan=options.plan,
        log_requests=options.log_requests,
        client=None,
        results=(),
        crowds=(),
        memory=None,
        workers=options.workers,
        workers_results=(),
        growth_results=(),
    )


async def _client_ceiling(plan: Plan) -> ClientCeiling:
    with echo_server(_ECHO_BYTES) as echo:
        request = echo.request("GET", "/")
        samples = [
            await closed_loop(echo, iter(lambda: request, None), connections=CONNECTIONS, seconds=plan.seconds)
            for _ in range(min(plan.rounds, 3))
        ]
    summary = summarise(samples)
    return ClientCeiling(rate=summary.rate, client_share=summary.client_share)
