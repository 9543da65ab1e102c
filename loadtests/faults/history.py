"""What every client sent and was answered, and when which fault was inflicted."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any


class Operation(StrEnum):
    """What a request asked for."""

    LIST = "list"
    HOLD = "hold"
    EXTEND = "extend"
    CONFIRM = "confirm"
    BOOK = "book"
    RESCHEDULE = "reschedule"
    CANCEL = "cancel"
    RELEASE = "release"


class Outcome(StrEnum):
    """What a client knows after a request."""

    GRANTED = "granted"
    REFUSED = "refused"
    """Nothing was done."""
    UNKNOWN = "unknown"
    """It may have been done, or may be done yet."""


class Store(StrEnum):
    """What a fault disturbs."""

    REDIS = "redis"
    POSTGRES = "postgres"
    ENGINE = "engine"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request and its answer. Times are those of the monotonic clock."""

    client: int
    server: str
    operation: Operation
    attempt: str
    """What the client wanted; its repetitions share it."""
    subject: str | None
    """The hold or the appointment in the path."""
    sent: Mapping[str, Any] | None
    sent_at: float
    ended_at: float
    status: int | None
    """None: there was no answer."""
    media_type: str = ""
    answer: Mapping[str, Any] | None = None
    """Its JSON; of a listing nothing is kept."""
    remark: str = ""
    """Why there was no answer; or the text of one that is no JSON object."""

    @property
    def code(self) -> str:
        """Of a problem, else empty."""
        return str((self.answer or {}).get("code", "")) if self.status is not None and self.status >= 400 else ""  # noqa: PLR2004 - HTTP

    @property
    def outcome(self) -> Outcome:
        """A database that did not answer may have done it: of all documented refusals that one alone says so.

        What is not in the documented form says nothing at all.
        """
        if self.status is None or self.remark or self.status == 500 or self.code == "store_unavailable":  # noqa: PLR2004 - HTTP
            return Outcome.UNKNOWN
        if self.status > 500 and not self.code:  # noqa: PLR2004 - HTTP
            return Outcome.UNKNOWN
        return Outcome.GRANTED if self.status < 400 else Outcome.REFUSED  # noqa: PLR2004 - HTTP

    @property
    def seconds(self) -> float:
        """How long the client waited."""
        return self.ended_at - self.sent_at


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultSpan:
    """A fault: when it began, when it was taken away, and when bookings succeeded on every server again."""

    name: str
    store: Store
    started_at: float
    ended_at: float
    recovered_at: float | None
    """None: it never did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """A whole run, as its clients saw it."""

    epoch: float
    """What the wall clock showed when the monotonic one showed zero."""
    exchanges: Sequence[Exchange]
    faults: Sequence[FaultSpan] = ()

    def write(self, path: Path) -> None:
        """One JSON object per line: first the faults, then every exchange in the order of their ends."""
        with path.open("w") as file:
            file.write(json.dumps({"epoch": self.epoch, "faults": [asdict(fault) for fault in self.faults]}) + "\n")
            file.writelines(json.dumps(asdict(exchange)) + "\n" for exchange in self.exchanges)
