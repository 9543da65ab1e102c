"""A visitor on Locust: asks, is judged by the answer, and has it noted."""

import json
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar, Final
from urllib.parse import urlencode

from locust import FastHttpUser
from locust.env import Environment

from loadtests.business import Site
from loadtests.faults.history import Exchange, Operation
from loadtests.journal import Journal
from loadtests.visitors.answers import judge
from loadtests.visitors.assumptions import BROWSING, Browsing
from loadtests.visitors.decisions import choose_day, choose_offer, choose_start

FIRST_DAY: Final = 2
"""The first day that is asked for, from today on: wholly in the future, whatever the zone."""
MONTH_DAYS: Final = 31
# First attempt included; what was not answered is repeated as it was.
_TRIES: Final = 4
_PAUSE_SECONDS: Final = 0.5
_AGAIN: Final = frozenset({"idempotency_in_flight", "holds_unavailable", "store_unavailable", "stopping"})


@dataclass(kw_only=True)
class Run:
    """What the visitors of this process share."""

    seed: int
    pace: float
    """How much of a second of theirs a second of a real visitor is."""
    process: int
    secret_key: str
    visitor_key: str
    """What pages use: the publishable key, where there is one."""
    site: Site
    journal: Journal
    visitors: int = 0

    @property
    def days(self) -> list[date]:
        """The month that calendars show."""
        first = datetime.now(UTC).date() + timedelta(days=FIRST_DAY)
        return [first + timedelta(days=number) for number in range(MONTH_DAYS)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request, as it is repeated too."""

    name: str
    """A key of KINDS."""
    method: str
    path: str
    operation: Operation | None = None
    """None: it promises nothing, and is not noted."""
    attempt: str = ""
    subject: str | None = None
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    credential: str | None = None
    """None: that of a page."""


class Visitor(FastHttpUser):
    """What all visitors can do. Each has a chance of its own, so that a run is repeated in kind."""

    abstract = True
    connection_timeout = 10.0
    # Longer than the engine lets any request take.
    network_timeout = 30.0

    run_of_process: ClassVar[Run | None] = None
    """Set when the test begins, before there are visitors."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        assert Visitor.run_of_process is not None
        self.run_shared = Visitor.run_of_process
        self.run_shared.visitors += 1
        self.number = self.run_shared.process * 1_000_000 + self.run_shared.visitors
        self.chance = random.Random(f"{self.run_shared.seed}/{type(self).__name__}/{self.number}")
        self._attempts = 0
        self._people = 0

    @property
    def person(self) -> str:
        """Who is there now: after `next_person` somebody else."""
        return f"visitor-{self.number}-{self._people}"

    def next_person(self) -> None:
        """Somebody else comes: they know nothing of the holds of the one before."""
        self._people += 1

    def think(self, mean_seconds: float) -> None:
        """Do nothing for a while, at the pace of the run."""
        self.pause(self.chance.expovariate(1 / mean_seconds) * self.run_shared.pace)

    @staticmethod
    def pause(seconds: float) -> None:
        """Do nothing for just as long. Locust sees to it that others go on meanwhile."""
        time.sleep(max(0.0, seconds))

    @staticmethod
    def now() -> float:
        """The wall clock, which all processes of a run share more or less."""
        return time.time()

    def next_attempt(self) -> str:
        """A name for what the visitor wants; also its idempotency key."""
        self._attempts += 1
        return f"{self.run_shared.seed}-{type(self).__name__}-{self.number}-{self._attempts}"

    def list_month(self, service: str, party: int = 1) -> list[date]:
        """The days that have anything."""
        days = self.run_shared.days
        query = {"service": service, "from": days[0], "to": days[-1], "party": party}
        answer = self.ask(Request(name="list month", method="GET", path=_path("/v1/availability/days", query)))
        return [date.fromisoformat(day["date"]) for day in answer.get("days", ()) if day["available"]]

    def list_day(self, service: str, day: date, party: int = 1, **more: str) -> list[str]:
        """The starts of a day."""
        query = {"service": service, "from": day, "to": day, "party": party, **more}
        answer = self.ask(Request(name="list day", method="GET", path=_path("/v1/availability", query)))
        return [slot["start"] for found in answer.get("days", ()) for slot in found["slots"]]

    def list_next(self, service: str, party: int = 1) -> list[str]:
        """The next starts there are."""
        query = {"service": service, "limit": 5, "party": party}
        answer = self.ask(Request(name="list next", method="GET", path=_path("/v1/availability/next", query)))
        return [slot["start"] for slot in answer.get("slots", ())]

    def find_wish(self, rates: Browsing = BROWSING) -> dict[str, Any] | None:
        """Go through the calendar to a start, as a widget does; None where nothing is free."""
        service, party = choose_offer(self.chance, self.run_shared.site.offers)
        day = choose_day(self.chance, self.list_month(service, party), rates)
        if day is None:
            return None
        self.think(rates.reading_seconds)
        start = choose_start(self.chance, self.list_day(service, day, party), rates)
        if start is None:
            return None
        self.think(rates.reading_seconds)
        return {"service": service, "start": start, "party": party}

    def details(self, attempt: str) -> dict[str, Any]:
        """Who comes. The metadata let the rows be matched with the journal."""
        customer = {"name": self.person, "email": f"{self.person}@example.com"}
        return {"customer": customer, "metadata": {"attempt": attempt}}

    def until_told(self, request: Request) -> dict[str, Any]:
        """Repeat a request exactly as it was until there is an answer, and give it; empty where it was refused."""
        for left in reversed(range(_TRIES)):
            exchange, granted = self.exchange(request)
            told = exchange.status is not None and exchange.status < 500 and exchange.code not in _AGAIN  # noqa: PLR2004 - HTTP
            if told or not left:
                return granted
            self.pause(_PAUSE_SECONDS * self.chance.uniform(0.5, 1))
        return {}

    def ask(self, request: Request) -> dict[str, Any]:
        """The granted answer; empty where it was refused, or where there is nothing to say."""
        return self.exchange(request)[1]

    def exchange(self, request: Request) -> tuple[Exchange, dict[str, Any]]:
        """One request: judged for the report, and noted if it could promise anything."""
        sent_at = time.time()
        try:
            status, media_type, text, remark, report = self._send(request)
        except BaseException:
            # The visitor is sent home while it waits: what was asked for may be done all the same.
            self._note(request, sent_at=sent_at, remark="the run ended before the answer")
            raise
        body = _parsed(text)
        verdict = judge(request.name, status=status, media_type=media_type, body=body, remark=remark)
        report(verdict.line, verdict.failure)
        answer = body if isinstance(body, dict) else None
        remark = remark or ("" if answer is not None or not text else f"no JSON object: {text[:500]!r}")
        exchange = self._note(
            request, sent_at=sent_at, status=status, media_type=media_type, answer=answer, remark=remark
        )
        granted = verdict.failure is None and verdict.line == request.name
        return exchange, (answer or {}) if granted else {}

    def _send(self, request: Request) -> tuple[int | None, str, str, str, Callable[[str, str | None], None]]:
        """Status, media type, text, what went wrong, and how to say in the report what that was."""
        key = request.credential or self.run_shared.visitor_key
        headers = {"Authorization": f"Bearer {key}", **request.headers}
        response = self.client.request(
            request.method,
            request.path,
            name=request.name,
            json=request.body,
            headers=headers,
            catch_response=True,
        )

        def report(line: str, failure: str | None) -> None:
            with response:
                response.request_meta["name"] = line
                if failure is None:
                    response.success()
                else:
                    response.failure(failure)

        if not response.status_code:
            return None, "", "", repr(getattr(response, "error", None)), report
        media_type = "" if response.headers is None else str(response.headers.get("Content-Type", "")).partition(";")[0]
        return response.status_code, media_type, response.text or "", "", report

    def _note(
        self,
        request: Request,
        *,
        sent_at: float,
        status: int | None = None,
        media_type: str = "",
        answer: dict[str, Any] | None = None,
        remark: str,
    ) -> Exchange:
        exchange = Exchange(
            client=self.number,
            server=str(self.host),
            operation=request.operation or Operation.LIST,
            attempt=request.attempt,
            subject=request.subject,
            sent=request.body,
            sent_at=sent_at,
            ended_at=time.time(),
            status=status,
            media_type=media_type,
            answer=answer,
            remark=remark,
        )
        if request.operation is not None:
            self.run_shared.journal.note(exchange)
        return exchange


def _path(path: str, query: Mapping[str, object]) -> str:
    return f"{path}?{urlencode(query)}"


def _parsed(text: str) -> object:
    try:
        return json.loads(text) if text else None
    except ValueError:
        return None
