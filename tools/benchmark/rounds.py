"""Measuring a scenario: rounds on the engine, each beside one on the bare server."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain, cycle, islice
from typing import Final

from benchmark.client import Server, ask, closed_loop, open_loop
from benchmark.measures import Ratio, Sample, Summary, Target, compare, summarise
from benchmark.scenarios import Scenario
from benchmark.site import Site, Unexpected, expect

# Of the engine's requests, as many are sent to the bare server, in turn.
_REPEATED: Final = 500
# Rounds whose requests must be prepared get more than the warm-up says can be answered.
_RESERVE: Final = 1.5
_FEWEST: Final = 200
_HALF: Final = 0.5
# A late request waits for a connection: with many, only the server can make it wait.
_OPEN_CONNECTIONS: Final = 128

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How long everything is measured."""

    rounds: int
    seconds: float
    """Of one round."""
    warm_up_seconds: float


FULL: Final = Plan(rounds=5, seconds=4.0, warm_up_seconds=1.0)
QUICK: Final = Plan(rounds=2, seconds=1.5, warm_up_seconds=0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A target, and whether it was met; None where nothing could tell."""

    sentence: str
    bound: float
    met: bool | None

    @classmethod
    def of(cls, target: Target, summary: Summary, ratio: Ratio | None) -> "Check":
        """What a measurement says of a target."""
        return cls(sentence=target.sentence, bound=target.bound, met=target.is_met(summary, ratio))


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a scenario came to."""

    name: str
    title: str
    connections: int
    answer_bytes: int
    engine: Summary
    other: Summary | None
    """The bare routes, or whatever the engine is compared with."""
    ratio: Ratio | None
    checks: tuple[Check, ...]
    half: Summary | None
    half_checks: tuple[Check, ...]


async def measure(scenario: Scenario, site: Site, bare: Server | None, plan: Plan) -> Result:
    """The scenario on the engine and, where there is one, on the bare server. Raises Unexpected, BrokenExchange."""
    await prepare(scenario, site)
    recorded = list(islice(await scenario.requests(site, 1), _REPEATED))
    warm = await engine_round(scenario, site, plan.warm_up_seconds, rate=0.0, ahead=recorded)
    ((status, body),) = warm.bodies.items()
    if bare is not None:
        await _imitate(bare, status, body)
        await _bare_round(scenario, bare, recorded, plan.warm_up_seconds, status)
    engine: list[Sample] = []
    others: list[Sample] = []
    rate = warm.rate
    for _ in range(plan.rounds):
        engine.append(await engine_round(scenario, site, plan.seconds, rate=rate))
        rate = engine[-1].rate
        if bare is not None:
            others.append(await _bare_round(scenario, bare, recorded, plan.seconds, status))
    half = await _half_load(scenario, site, summarise(engine).rate, plan) if scenario.half else None
    return result(scenario, engine, others, half=half, answer_bytes=len(body))


def result(
    scenario: Scenario, engine: list[Sample], others: list[Sample], *, half: Sample | None, answer_bytes: int
) -> Result:
    """Rounds, taken together and compared."""
    summary = summarise(engine)
    ratio = compare((a.rate, b.rate) for a, b in zip(engine, others, strict=True)) if others else None
    half_summary = None if half is None else summarise([half])
    return Result(
        name=scenario.name,
        title=scenario.title,
        connections=scenario.connections,
        answer_bytes=answer_bytes,
        engine=summary,
        other=summarise(others) if others else None,
        ratio=ratio,
        checks=tuple(Check.of(target, summary, ratio) for target in scenario.targets),
        half=half_summary,
        half_checks=()
        if half_summary is None
        else tuple(Check.of(target, half_summary, None) for target in scenario.half),
    )


async def prepare(scenario: Scenario, site: Site) -> None:
    """What the scenario needs done on the site, unless it was."""
    if scenario.once is not None and scenario.name not in site.kept:
        await scenario.once(site)
        site.kept.setdefault(scenario.name, [])


async def engine_round(
    scenario: Scenario, site: Site, seconds: float, *, rate: float, ahead: Sequence[bytes] = ()
) -> Sample:
    """One round on the engine, which has shown that rate; `ahead` is sent first. Raises Unexpected, BrokenExchange."""
    prepared = await scenario.requests(site, max(round(rate * seconds * _RESERVE), _FEWEST))
    requests = chain(ahead, prepared)
    sample = await closed_loop(site.server, requests, connections=scenario.connections, seconds=seconds)
    if not sample.latencies:
        message = f"{scenario.name}: the benchmark's business has nothing left to ask for"
        raise Unexpected(message)
    expect(sample.statuses, sample.bodies, {scenario.expected})
    return sample


async def _bare_round(scenario: Scenario, bare: Server, recorded: list[bytes], seconds: float, expected: int) -> Sample:
    sample = await closed_loop(bare, cycle(recorded), connections=scenario.connections, seconds=seconds)
    expect(sample.statuses, sample.bodies, {expected})
    return sample


async def _half_load(scenario: Scenario, site: Site, highest: float, plan: Plan) -> Sample:
    rate, seconds = highest * _HALF, plan.seconds * 2
    requests = await scenario.requests(site, round(rate * seconds) + _FEWEST)
    sample = await open_loop(site.server, requests, connections=_OPEN_CONNECTIONS, rate=rate, seconds=seconds)
    expect(sample.statuses, sample.bodies, {scenario.expected})
    return sample


async def _imitate(bare: Server, status: int, body: bytes) -> None:
    found, _ = await ask(bare, "PUT", f"/answer?code={status}", body)
    assert found == 204, "the bare server takes any answer"  # noqa: PLR2004 - No Content
