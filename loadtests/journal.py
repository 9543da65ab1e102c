"""What simulated visitors were told, one JSON object per line, in one file per process."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, TextIO

from loadtests.faults.history import Exchange, Operation

_PATTERN: Final = "journal-*.jsonl"
_SHOWN_CHARACTERS: Final = 80
_LAST_LINE_CHARACTERS: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """The first line of each file: what the answers in it are to be judged by."""

    seed: int
    host: str
    process: int
    """Number of the Locust process among those that share the run."""
    began_at: float
    capacities: Mapping[str, int]
    """How many customers each resource can have at once, as the business said when the run began."""


class Journal:
    """The file of one process. Each line is on its way to the disk before the visitor goes on."""

    def __init__(self, directory: Path, opening: Opening) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.path = directory / f"journal-{opening.began_at:.3f}-{opening.process}.jsonl"
        self._file: TextIO = self.path.open("x")
        self._write({"opening": asdict(opening)})

    def note(self, exchange: Exchange) -> None:
        """Keep what promises something, and also what was refused or not answered: promises are judged by them."""
        self._write(asdict(exchange))

    def close(self) -> None:
        """No more answers come, and the file says so."""
        self._write({"closing": time.time()})
        self._file.close()

    def _write(self, line: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """All files of a run, as one."""

    openings: Sequence[Opening]
    exchanges: Sequence[Exchange]
    """In the order in which the answers came, by the clocks of those who heard them."""
    torn: Sequence[str]
    """What is wrong with the files: a process was killed or is still at work, or somebody has changed them."""

    @property
    def capacities(self) -> dict[str, int]:
        """Of every resource that was known when the run began."""
        return {key: many for opening in self.openings for key, many in opening.capacities.items()}


def are_closed(directory: Path) -> bool:
    """Whether nobody writes any more."""
    return all('"closing"' in path.read_text()[-_LAST_LINE_CHARACTERS:] for path in directory.glob(_PATTERN))


def read(directory: Path) -> Read:
    """Every journal of the folder."""
    openings: list[Opening] = []
    exchanges: list[Exchange] = []
    torn: list[str] = []
    for path in sorted(directory.glob(_PATTERN)):
        closed = False
        for number, line in enumerate(path.read_text().splitlines(), 1):
            try:
                found = json.loads(line)
                if "opening" in found:
                    openings.append(Opening(**found["opening"]))
                elif "closing" in found:
                    closed = True
                else:
                    exchanges.append(Exchange(**found | {"operation": Operation(found["operation"])}))
            except (ValueError, TypeError, KeyError):
                torn.append(f"{path.name}:{number} is not a line of a journal: {line[:_SHOWN_CHARACTERS]!r}")
        if not closed:
            torn.append(f"{path.name} has no end: its process was killed, or is still at work")
    return Read(openings=openings, exchanges=sorted(exchanges, key=lambda one: one.ended_at), torn=torn)
