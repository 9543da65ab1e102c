"""Simulated clients: what they want, how they ask for it, and what they do when no answer comes."""

import asyncio
import random
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Any, Final, Self

import httpx

from loadtests.faults import business
from loadtests.faults.history import Exchange, Operation, Outcome

# Longer than the engine lets any request take: whoever hears nothing for so long was not forgotten by a slow machine.
_PATIENCE_SECONDS: Final = 30.0
# First attempt included.
_TRIES: Final = 4
# Clients wait less than `Retry-After` asks for, so that many of them come back while a fault is on.
_LONGEST_PAUSE_SECONDS: Final = 1.0
_PAUSE_SECONDS: Final = 0.3
# Short ones run out in a client's hands; the longest outlive most faults.
_TTL_SECONDS: Final = (2, 10, 30, 60)
_MOST_APPOINTMENTS: Final = 3
_SOON: Final = 8
"""Of the starts listed, how many come into question: everybody wants the first ones."""
_KEPT_CHARACTERS: Final = 500
"""Of an answer that is no JSON object."""
# Answers that say: the same again, in a moment.
_AGAIN: Final = frozenset({"idempotency_in_flight", "holds_unavailable", "stopping"})
_NO_TLS: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Made once: nobody here speaks TLS, and each client would load all certificates of the machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """What opens the business."""

    secret: str
    publishable: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The engine as clients know it, and where what they hear is noted."""

    servers: Mapping[str, str]
    """URLs by name."""
    keys: Keys
    heard: list[Exchange] = field(default_factory=list)


class Caller:
    """Sends the requests of one client and notes every answer."""

    def __init__(self, target: Target, number: int) -> None:
        self._target = target
        self.number = number
        self._http = httpx.AsyncClient(verify=_NO_TLS, timeout=_PATIENCE_SECONDS, trust_env=False)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Connections are opened as they are needed."""
        await self._stack.enter_async_context(self._http)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close them."""
        await self._stack.aclose()

    @property
    def servers(self) -> list[str]:
        """Names of those that can be asked."""
        return list(self._target.servers)

    async def is_ready(self, server: str) -> bool:
        """What the server says of itself; not noted, because no client asks this."""
        try:
            answer = await self._http.get(f"{self._target.servers[server]}/readyz")
        except httpx.TransportError:
            return False
        return answer.is_success

    async def list_starts(self, server: str, service: str) -> list[str]:
        """The starts that are offered; none where there was no listing."""
        first, *_, last = business.days()
        query = {"service": service, "from": str(first), "to": str(last)}
        _, body = await self._ask(server, Operation.LIST, "GET", "/v1/availability", attempt="", query=query)
        return [slot["start"] for day in body.get("days", ()) for slot in day["slots"]]

    async def hold(self, server: str, wish: Mapping[str, Any], *, attempt: str) -> Exchange:
        """Place a hold."""
        return (await self._ask(server, Operation.HOLD, "POST", "/v1/holds", attempt=attempt, body=wish))[0]

    async def confirm(self, server: str, hold_id: str, *, attempt: str, key: str | None = None) -> Exchange:
        """Confirm a hold."""
        path = f"/v1/holds/{hold_id}/confirm"
        body = self._details(attempt)
        asked = self._ask(server, Operation.CONFIRM, "POST", path, attempt=attempt, subject=hold_id, body=body, key=key)
        return (await asked)[0]

    async def release(self, server: str, hold_id: str) -> Exchange:
        """Give a hold up."""
        path = f"/v1/holds/{hold_id}"
        return (await self._ask(server, Operation.RELEASE, "DELETE", path, attempt=hold_id, subject=hold_id))[0]

    async def book(self, server: str, wish: Mapping[str, Any], *, attempt: str) -> Exchange:
        """Book directly; the attempt is the idempotency key."""
        body = {**wish, **self._details(attempt)}
        asked = self._ask(server, Operation.BOOK, "POST", "/v1/appointments", attempt=attempt, body=body, key=attempt)
        return (await asked)[0]

    async def change(
        self, server: str, operation: Operation, appointment_id: str, body: Mapping[str, Any], *, version: int | None
    ) -> Exchange:
        """Cancel or reschedule."""
        path = f"/v1/appointments/{appointment_id}/{operation}"
        asked = self._ask(
            server,
            operation,
            "POST",
            path,
            attempt=appointment_id,
            subject=appointment_id,
            body=body,
            version=version,
        )
        return (await asked)[0]

    def _details(self, attempt: str) -> dict[str, Any]:
        customer = {"name": f"Client {self.number}", "email": f"client{self.number}@example.com"}
        return {"customer": customer, "metadata": {"attempt": attempt}}

    async def _ask(
        self,
        server: str,
        operation: Operation,
        method: str,
        path: str,
        *,
        attempt: str,
        subject: str | None = None,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
        key: str | None = None,
        version: int | None = None,
    ) -> tuple[Exchange, dict[str, Any]]:
        """One request; also its answer in full, which is empty where there was none."""
        secret = operation in {Operation.CANCEL, Operation.RESCHEDULE}
        headers = {"Authorization": f"Bearer {self._target.keys.secret if secret else self._target.keys.publishable}"}
        headers |= {"Idempotency-Key": key} if key is not None else {}
        headers |= {"If-Match": f'"{version}"'} if version is not None else {}
        url = self._target.servers[server] + path
        sent_at, answer, remark = time.monotonic(), None, ""
        try:
            answer = await self._http.request(method, url, json=body, params=query, headers=headers)
        except httpx.RequestError as error:
            remark = repr(error)
        ended_at = time.monotonic()
        full: dict[str, Any] = {}
        if answer is not None and answer.content:
            full, remark = read_object(answer)
        exchange = Exchange(
            client=self.number,
            server=server,
            operation=operation,
            attempt=attempt,
            subject=subject,
            sent=body,
            sent_at=sent_at,
            ended_at=ended_at,
            status=None if answer is None else answer.status_code,
            media_type="" if answer is None else answer.headers.get("Content-Type", "").partition(";")[0],
            answer=None if operation is Operation.LIST and answer is not None and answer.is_success else full or None,
            remark=remark,
        )
        self._target.heard.append(exchange)
        return exchange, full


def read_object(answer: httpx.Response) -> tuple[dict[str, Any], str]:
    """The JSON object of an answer, or else its text: also what should not be answered has to get into the history."""
    try:
        found = answer.json()
    except ValueError:
        found = None
    return (found, "") if isinstance(found, dict) else ({}, f"no JSON object: {answer.text[:_KEPT_CHARACTERS]!r}")


class Client:
    """Somebody who holds, books, changes their mind and repeats what was not answered, by chance but seeded."""

    def __init__(self, caller: Caller, *, seed: int, think_seconds: float) -> None:
        self._caller = caller
        self._chance = random.Random(f"{seed}/{caller.number}")
        self._think_seconds = think_seconds
        self._attempts = 0
        self._appointments: dict[str, int] = {}
        """Those that are ours, as far as we know, each with the version we saw last."""

    async def run(self, stop: asyncio.Event) -> None:
        """One errand after the other until told to stop; the last one is finished."""
        while not stop.is_set():
            await asyncio.sleep(self._chance.expovariate(1 / self._think_seconds))
            await self._errand()()

    def _errand(self) -> Callable[[], Awaitable[None]]:
        if len(self._appointments) >= _MOST_APPOINTMENTS:
            return self._cancel
        errands = {self._hold_first: 10, self._book: 4}
        if self._appointments:
            errands |= {self._cancel: 4, self._reschedule: 3}
        return self._chance.choices(list(errands), list(errands.values()))[0]

    async def _hold_first(self) -> None:
        wish = await self._wish()
        attempt = self._next_attempt()
        wish["ttl_seconds"] = self._chance.choice(_TTL_SECONDS)
        held = await self._caller.hold(self._server(), wish, attempt=attempt)
        if held.outcome is not Outcome.GRANTED or held.answer is None:
            return
        hold_id = held.answer["id"]
        await asyncio.sleep(self._chance.uniform(0, self._think_seconds))
        match self._chance.choices(("confirm", "twice", "release", "forget"), (16, 2, 2, 1))[0]:
            case "confirm":
                key = attempt if self._chance.random() < 0.3 else None  # noqa: PLR2004 - some send one
                confirm = self._confirming(hold_id, attempt, key)
                self._note(await self._until_told(confirm))
            case "twice":
                confirms = (self._caller.confirm(server, hold_id, attempt=attempt) for server in self._caller.servers)
                for confirmed in await asyncio.gather(*confirms):
                    self._note(confirmed)
            case "release":
                await self._caller.release(self._server(), hold_id)
            case _:
                pass

    def _confirming(self, hold_id: str, attempt: str, key: str | None) -> Callable[[], Awaitable[Exchange]]:
        return lambda: self._caller.confirm(self._server(), hold_id, attempt=attempt, key=key)

    async def _book(self) -> None:
        wish, attempt = await self._wish(), self._next_attempt()
        self._note(await self._until_told(lambda: self._caller.book(self._server(), wish, attempt=attempt)))

    async def _cancel(self) -> None:
        await self._change(Operation.CANCEL, {"reason": "changed my mind"})

    async def _reschedule(self) -> None:
        body = {"start": self._chance.choice(business.starts()).isoformat()}
        await self._change(Operation.RESCHEDULE, body)

    async def _change(self, operation: Operation, body: Mapping[str, Any]) -> None:
        appointment_id = self._chance.choice(list(self._appointments))
        version = self._appointments[appointment_id] if self._chance.random() < 0.5 else None  # noqa: PLR2004 - half
        changed = await self._until_told(
            lambda: self._caller.change(self._server(), operation, appointment_id, body, version=version)
        )
        self._note(changed)
        # Somebody must have done it, or it is not as we believed: either way it is no longer ours to change.
        if changed.code in {"invalid_transition", "version_conflict", "not_found"}:
            del self._appointments[appointment_id]

    async def _until_told(self, ask: Callable[[], Awaitable[Exchange]]) -> Exchange:
        """Repeat what was not answered, or told to be repeated; some give up at once."""
        tries = 1 if self._chance.random() < 0.15 else _TRIES  # noqa: PLR2004 - a few
        while True:
            tries -= 1
            exchange = await ask()
            if tries == 0 or (exchange.outcome is not Outcome.UNKNOWN and exchange.code not in _AGAIN):
                return exchange
            asked_for = (exchange.answer or {}).get("retry_after_seconds", _PAUSE_SECONDS)
            await asyncio.sleep(min(float(asked_for), _LONGEST_PAUSE_SECONDS) * self._chance.uniform(0.5, 1))

    async def _wish(self) -> dict[str, Any]:
        """A service and a start: of those that are listed one of the first, or any at all."""
        service = self._chance.choice(business.SERVICES)
        start = self._chance.choice(business.starts()).isoformat()
        if self._chance.random() < 0.4:  # noqa: PLR2004 - many know what they want
            listed = await self._caller.list_starts(self._server(), service)
            start = self._chance.choice(listed[:_SOON]) if listed else start
        party = self._chance.randint(1, business.LARGEST_PARTY) if service == business.CLASS else 1
        return {"service": service, "start": start, "party": party}

    def _note(self, exchange: Exchange) -> None:
        if exchange.outcome is Outcome.GRANTED and exchange.answer is not None:
            self._appointments[exchange.answer["id"]] = exchange.answer["version"]
            if exchange.answer["status"] == "cancelled":
                del self._appointments[exchange.answer["id"]]

    def _server(self) -> str:
        return self._chance.choice(self._caller.servers)

    def _next_attempt(self) -> str:
        self._attempts += 1
        return f"{self._caller.number}-{self._attempts}"


async def probe(caller: Caller, server: str, *, chance: random.Random, number: int) -> bool:
    """Whether the server says it is ready, and holds, confirms and cancels."""
    if not await caller.is_ready(server):
        return False
    attempt = f"{caller.number}-probe-{number}"
    wish = {"service": business.PROBE, "start": _probed(chance).isoformat(), "client": attempt}
    held = await caller.hold(server, wish, attempt=attempt)
    if held.outcome is not Outcome.GRANTED or held.answer is None:
        return False
    confirmed = await caller.confirm(server, held.answer["id"], attempt=attempt)
    if confirmed.outcome is not Outcome.GRANTED or confirmed.answer is None:
        return False
    cancelled = await caller.change(server, Operation.CANCEL, confirmed.answer["id"], {}, version=None)
    return cancelled.outcome is Outcome.GRANTED


def _probed(chance: random.Random) -> datetime:
    return chance.choice(business.starts())
