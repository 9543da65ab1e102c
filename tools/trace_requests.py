"""A count of the functions and files of `src` that each kind of request enters.

Run it with the code to be counted on the path, such as `PYTHONPATH=src:. python tools/trace_requests.py`. It runs the
application in this process on embedded stores, sends each kind of request until it is warm, then once more under
`sys.setprofile`, and prints a Markdown table. Greenlets of SQLAlchemy hide what runs within them.
"""

import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from types import FrameType
from typing import Any, Final

import httpx
import orjson
import yaml

import api
from api.app import create_app
from bootstrap.context import open_context
from bootstrap.embedded import Use, stores_for
from bootstrap.services import build_services
from bootstrap.settings import Settings
from persistence.schema import upgrade

_SOURCES: Final = f"{Path(api.__file__).parents[1]}/"
_DEMO: Final = Path(api.__file__).parents[2] / "examples" / "barbershop.yaml"
# False for the tasks that began with the pools, such as those that watch the stores: they wake by the clock.
_FOR_REQUESTS: Final = ContextVar("for_requests", default=False)
_Json = dict[str, Any]
_NOW: Final = datetime(2026, 11, 30, 6, 0, tzinfo=UTC)
# Mondays, each a date of its own for every kind of request: nothing of one row warms another.
_MONDAYS: Final = tuple(date(2026, 12, 7) + timedelta(weeks=week) for week in range(8))
_WARM_UP: Final = 2
# Starts lie a quarter of an hour apart, and a visit lasts more than half an hour with its buffer.
_STARTS_APART: Final = 3
_HEADING: Final = (
    "| Request | Calls | Functions | Files | Changes of file |",
    "| --- | --: | --: | --: | --: |",
)
_COMPREHENSIONS: Final = frozenset({"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"})
_PLAIN: Final[_Json] = {
    "business": {"name": "Plain", "timezone": "Asia/Jerusalem", "currency": "ILS"},
    "locations": [{"key": "main", "name": "Main"}],
    "resources": [
        {
            "key": key,
            "kind": "staff",
            "name": key.title(),
            "hours": [{"days": ["mon"], "start": "09:00", "end": "18:00"}],
        }
        for key in ("noa", "dan", "yael", "omer")
    ],
    "services": [
        {
            "key": "haircut",
            "name": "Haircut",
            "duration_minutes": 30,
            "requires": [{"role": "barber", "any_of": ["noa", "dan", "yael", "omer"]}],
            "assign": "least_booked",
        }
    ],
}


@dataclass(frozen=True, slots=True)
class _FixedClock:
    """A clock that stands still, so that every run finds the same starts."""

    def now(self) -> datetime:
        return _NOW


class _Trace:
    """The calls of one request, in their order."""

    def __init__(self) -> None:
        # A coroutine is entered anew after each wait; its frame is counted once.
        self._frames: dict[int, FrameType] = {}
        self.calls: list[tuple[str, str]] = []

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Count what is called while the block runs."""
        sys.setprofile(self._note)
        try:
            yield
        finally:
            sys.setprofile(None)

    def row(self, name: str) -> str:
        """A line of the table."""
        files = [file for file, _ in self.calls]
        changes = sum(before != after for before, after in pairwise(files))
        return f"| {name} | {len(self.calls)} | {len(set(self.calls))} | {len(set(files))} | {changes} |"

    def _note(self, frame: FrameType, event: str, _argument: object) -> None:
        code = frame.f_code
        if event != "call" or id(frame) in self._frames or not code.co_filename.startswith(_SOURCES):
            return
        if not _FOR_REQUESTS.get():
            return
        if code.co_name not in _COMPREHENSIONS:
            self._frames[id(frame)] = frame
            self.calls.append((code.co_filename, code.co_qualname))


class _Business:
    """Requests to one business, and the starts that they use up."""

    def __init__(self, http: httpx.AsyncClient, headers: Mapping[str, str]) -> None:
        self._http = http
        self._headers = headers
        self._number = 0

    async def send(self, method: str, path: str, body: _Json | None = None) -> _Json:
        """The JSON of a successful answer."""
        content = None if body is None else orjson.dumps(body)
        headers = {**self._headers, "Content-Type": "application/json"}
        answer = await self._http.request(method, path, content=content, headers=headers)
        answer.raise_for_status()
        decoded: _Json = orjson.loads(answer.content)
        return decoded

    async def starts(self, day: date) -> list[str]:
        """The starts on offer that Noa can take."""
        answer = await self.list_slots(day)
        return [slot["start"] for listed in answer["days"] for slot in listed["slots"]]

    async def list_slots(self, day: date) -> _Json:
        """The listing of a week."""
        last = day + timedelta(days=6)
        return await self.send("GET", f"/v1/availability?service=haircut&from={day}&to={last}&resource=noa")

    async def place(self, start: str, **more: str) -> _Json:
        """A hold of a new visitor."""
        body = {"service": "haircut", "start": start, "client": f"visitor-{self._next()}", **more}
        return await self.send("POST", "/v1/holds", body)

    async def confirm(self, hold: _Json) -> _Json:
        """The appointment that a hold becomes, of a new customer."""
        return await self.send("POST", f"/v1/holds/{hold['id']}/confirm", self._customer())

    async def book(self, start: str) -> _Json:
        """An appointment with Noa without a hold, of a new customer."""
        body = {"service": "haircut", "start": start, "resource": "noa", **self._customer()}
        return await self.send("POST", "/v1/appointments", body)

    async def reschedule(self, appointment: _Json, start: str) -> _Json:
        """The appointment at another start."""
        return await self.send("POST", f"/v1/appointments/{appointment['id']}/reschedule", {"start": start})

    async def cancel(self, appointment: _Json) -> _Json:
        """The appointment that was cancelled."""
        return await self.send("POST", f"/v1/appointments/{appointment['id']}/cancel", {})

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _customer(self) -> _Json:
        number = self._next()
        return {"customer": {"name": f"Customer {number}", "email": f"customer-{number}@example.com"}}


_Request = Callable[[], Awaitable[object]]
_Preparation = Callable[[_Business, Iterator[str]], Awaitable[_Request]]


async def _place_named(business: _Business, starts: Iterator[str]) -> _Request:
    start = next(starts)
    return lambda: business.place(start, resource="noa")


async def _place_any(business: _Business, starts: Iterator[str]) -> _Request:
    start = next(starts)
    return lambda: business.place(start)


async def _confirm(business: _Business, starts: Iterator[str]) -> _Request:
    hold = await business.place(next(starts), resource="noa")
    return lambda: business.confirm(hold)


async def _book(business: _Business, starts: Iterator[str]) -> _Request:
    start = next(starts)
    return lambda: business.book(start)


async def _list_warm(business: _Business, starts: Iterator[str]) -> _Request:
    day = date.fromisoformat(next(starts)[:10])
    await business.list_slots(day)
    return lambda: business.list_slots(day)


async def _list_changed(business: _Business, starts: Iterator[str]) -> _Request:
    start = next(starts)
    day = date.fromisoformat(start[:10])
    await business.list_slots(day)
    await business.book(start)
    return lambda: business.list_slots(day)


async def _reschedule(business: _Business, starts: Iterator[str]) -> _Request:
    appointment, start = await business.book(next(starts)), next(starts)
    return lambda: business.reschedule(appointment, start)


async def _cancel(business: _Business, starts: Iterator[str]) -> _Request:
    appointment = await business.book(next(starts))
    return lambda: business.cancel(appointment)


_PLAIN_ROWS: Final[Mapping[str, _Preparation]] = {
    "Place a hold, resource named": _place_named,
    "Place a hold, any resource, least booked": _place_any,
    "Confirm a hold": _confirm,
    "Book without a hold": _book,
    "List a week, warm": _list_warm,
    "List a week, one date changed": _list_changed,
    "Reschedule an appointment": _reschedule,
    "Cancel an appointment": _cancel,
}
_DEMO_ROWS: Final[Mapping[str, _Preparation]] = {
    "Place a hold, resource named, on the demo's business": _place_named,
    "Place a hold, any resource, on the demo's business": _place_any,
}


async def _traced(business: _Business, day: date, name: str, prepare: _Preparation) -> str:
    """The row of one kind of request: `prepare` makes what each repetition needs, and its result is counted."""
    starts = iter((await business.starts(day))[::_STARTS_APART])
    for _ in range(_WARM_UP):
        await (await prepare(business, starts))()
    request, trace = await prepare(business, starts), _Trace()
    with trace.recording():
        await request()
    return trace.row(name)


async def _rows(settings: Settings) -> list[str]:
    async with open_context(settings) as context:
        _FOR_REQUESTS.set(True)
        services = build_services(context, _FixedClock())
        transport = httpx.ASGITransport(create_app(context, services))
        async with httpx.AsyncClient(transport=transport, base_url="http://engine") as http:
            rows = []
            for document, kinds in ((_PLAIN, _PLAIN_ROWS), (yaml.safe_load(_DEMO.read_text()), _DEMO_ROWS)):
                tenant = await services.tenants.create("Trace")
                business = _Business(http, {"Authorization": f"Bearer {tenant.secret_key}"})
                await business.send("PUT", "/v1/business", document)
                for day, (name, prepare) in zip(_MONDAYS, kinds.items(), strict=False):
                    rows.append(await _traced(business, day, name, prepare))
            return rows


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory(prefix="holdfast-trace-") as directory:
        # The account of the stores has to pass through it.
        Path(directory).chmod(0o711)
        own = Settings(_env_file=None, database_url=None, redis_url=None, data_dir=Path(directory))
        with stores_for(own, use=Use.SERVE, announce=lambda _sentence: None, clean=True) as settings:
            assert settings.database_url is not None
            upgrade(settings.database_url)
            rows = asyncio.run(_rows(settings))
    sys.stdout.write("\n".join((*_HEADING, *rows, "")))


if __name__ == "__main__":
    main()
