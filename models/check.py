# ruff: noqa: INP001, S603, T201 - a script: it runs spin and the C compiler, and prints what they found
"""Checks the model of the hold protocol in every situation, and that each guard taken out gives a counterexample."""

import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MODEL: Final = Path(__file__).with_name("protocol.pml")
# Each search is one thread; two fit a small machine, in cores and in memory.
SEARCHES_AT_ONCE: Final = 2
MEMORY_MIB: Final = 4096
# Steps from the beginning; the deepest search needs a few thousand.
DEEPEST: Final = 100_000


@dataclass(frozen=True, slots=True)
class Situation:
    """Something that must hold, or with a guard taken out must not."""

    title: str
    defines: tuple[str, ...]
    broken: str = ""
    """The property that is lost without the guard; empty: none is."""

    @property
    def name(self) -> str:
        """The guard that is taken out, or what else makes the difference."""
        return next((define for define in self.defines if define.startswith("NO_")), self.defines[-1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a search found."""

    situation: Situation
    states: int
    depth: int
    memory_mib: float
    seconds: float
    broken: str
    """The property that was violated, or ''."""
    story: tuple[str, ...]
    """The counterexample, one step a line."""

    @property
    def as_expected(self) -> bool:
        """Whether what is lost is what should be."""
        return self.broken == self.situation.broken


SITUATIONS: Final = (
    Situation("nobody else", ("STRICT",)),
    Situation("visits of one or two minutes", ("MINUTES=2", "STRICT")),
    Situation("a hold is confirmed twice, or its booking repeated", ("TWICE", "REPEAT", "STRICT")),
    Situation("an appointment is cancelled", ("CANCEL", "STRICT")),
    Situation("... and single keys are lost", ("CANCEL", "EVICT", "STRICT")),
    Situation("... and Redis loses everything", ("CANCEL", "FLUSH", "EVICT", "STRICT")),
    Situation("... and Redis may be away", ("CANCEL", "AWAY", "FLUSH", "STRICT")),
    Situation("... and somebody goes past the engine", ("CANCEL", "OUTSIDE", "STRICT")),
    Situation("one hold, confirmed twice or repeated, and cancelled", ("ALONE", "CANCEL", "TWICE", "REPEAT", "STRICT")),
    Situation("... and all of these", ("ALONE", "CANCEL", "TWICE", "REPEAT", "OUTSIDE", "FLUSH", "EVICT")),
)

WITHOUT_A_GUARD: Final = (
    Situation("the exclusion constraint", ("NO_CONSTRAINT", "FLUSH"), "1"),
    Situation("no commit after the pin's grace", ("NO_FENCE",), "2"),
    Situation("settle takes hold and minutes in one script", ("NO_SINGLE_SETTLE",), "2"),
    Situation("a fill's version is compared", ("NO_VERSION_CHECK",), "2"),
    Situation("an absent version is made when read", ("NO_CREATE_ON_READ", "FLUSH"), "3"),
    Situation("settle changes the version", ("NO_BUMP_ON_TAKING",), "2"),
    Situation("settle compares what was seen at the pin", ("NO_SEEN_CHECK", "CANCEL"), "3"),
    Situation("each attempt settles by what it has seen", ("NO_OWN_SEEN", "ALONE", "CANCEL", "TWICE", "REPEAT"), "3"),
    Situation("the mark is written with the drop", ("NO_MARK_WITH_DROP",), "3"),
    Situation("rows are deleted last", ("NO_DELETE_LAST",), "3"),
)


def main(arguments: list[str]) -> int:
    """Check everything; or, given names of guards, tell their counterexamples."""
    missing = [tool for tool in ("spin", "cc") if shutil.which(tool) is None]
    if missing:
        print(f"not on the PATH: {', '.join(missing)}")
        return 2
    if arguments:
        return _tell(arguments)
    # The longest searches first, so that both threads end at about the same time.
    situations = SITUATIONS[::-1] + WITHOUT_A_GUARD
    with ThreadPoolExecutor(SEARCHES_AT_ONCE) as pool:
        results = dict(zip(situations, pool.map(search, situations), strict=True))
    for title, table, measure in (
        ("The protocol", SITUATIONS, "depth"),
        ("Without this guard", WITHOUT_A_GUARD, "steps"),
    ):
        print(f"{title:52} {'states':>11} {measure:>6} {'MiB':>6} {'s':>6}  found")
        print("\n".join(_line(results[situation]) for situation in table), end="\n\n")
    return 0 if all(result.as_expected for result in results.values()) else 1


def search(situation: Situation) -> Result:
    """Go through all states; where a property is to be lost, level by level, for a shortest counterexample."""
    options = ["-DSAFETY", "-DCOLLAPSE", "-DVECTORSZ=512", f"-DMEMLIM={MEMORY_MIB}"]
    if situation.broken:
        options.append("-DBFS")
    with tempfile.TemporaryDirectory() as folder:
        begun = time.monotonic()
        _run(folder, "spin", "-a", *_defines(situation), str(MODEL))
        _run(folder, "cc", "-O2", "-w", *options, "-o", "pan", "pan.c")
        # -E: processes that wait for ever are no error, for a visitor may never find a free minute.
        report = _run(folder, "./pan", "-E", f"-m{DEEPEST}")
        seconds = time.monotonic() - begun
        story = tuple(_story(folder, situation)) if "assertion violated" in report else ()
    if not story and ("errors: 0" not in report or "too small" in report or "not completed" in report):
        raise RuntimeError(f"{situation.title}: the search did not end\n{report}")
    return Result(
        situation=situation,
        states=int(_number(r"(\d+) states, stored", report)),
        depth=len(story) or int(_number(r"depth reached (\d+)", report)),
        memory_mib=_number(r"([\d.]+)\s+total actual memory usage", report),
        seconds=seconds,
        broken=_broken(report) if story else "",
        story=story,
    )


def _tell(names: list[str]) -> int:
    """Print the counterexamples of some guards."""
    known = {situation.name: situation for situation in WITHOUT_A_GUARD}
    for name in names:
        if name not in known:
            print(f"{name} is none of {', '.join(sorted(known))}")
            return 2
        result = search(known[name])
        print(f"{name}: {result.situation.title}. Property {result.broken} is lost:")
        for number, step in enumerate(result.story, 1):
            print(f"{number:3}. {step}")
    return 0


def _story(folder: str, situation: Situation) -> Iterator[str]:
    """What the steps of the counterexample print, until the property is lost."""
    replay = _run(folder, "spin", "-k", f"{MODEL.name}.trail", "-t", *_defines(situation), str(MODEL))
    for line in replay.splitlines():
        if line.startswith("spin:"):
            return
        yield line.strip()


def _broken(report: str) -> str:
    """The property of the assertion that was violated, told by what only that one speaks of."""
    violated = next(line for line in report.splitlines() if "assertion violated" in line)
    told_by = {"excused": "2", "rows": "3", "booked": "4", "claim": "1"}
    return next(number for word, number in told_by.items() if word in violated)


def _defines(situation: Situation) -> list[str]:
    return [f"-D{define}" for define in situation.defines]


def _number(pattern: str, report: str) -> float:
    match = re.search(pattern, report)
    assert match is not None, report
    return float(match[1])


def _run(folder: str, *command: str) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode < 0 or (done.returncode > 0 and "spin" not in command[0]):
        raise RuntimeError(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return done.stdout


def _line(result: Result) -> str:
    found = f"property {result.broken} lost" if result.broken else "all properties hold"
    unexpected = "" if result.as_expected else "  <- NOT AS EXPECTED"
    return (
        f"{result.situation.title:52} {result.states:11,} {result.depth:6,} {result.memory_mib:6,.0f} "
        f"{result.seconds:6.1f}  {found}{unexpected}"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
