"""Many customers who want the same: a herd at one slot, and a flash sale."""

import random
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from benchmark import ledger
from benchmark.business import FLASH, FLASH_STARTS, listing
from benchmark.client import closed_loop
from benchmark.measures import Summary, summarise
from benchmark.site import Site, Unexpected

_HERD_CONNECTIONS: Final = 500
_FLASH_CONNECTIONS: Final = 200
_CODE: Final = re.compile(rb'"code":"([a-z_]+)"')
_BOOKED: Final = "booked"
_CREATED: Final = 201
# "Somebody else has it" is the only other answer that is one.
_PROPER: Final = {_BOOKED, "slot_taken", "slot_held"}
_UNTIL_DONE: Final = 3600.0
# The order in which a crowd comes; any will do, and the same one can be asked for again.
_SEED: Final = 20_261


@dataclass(frozen=True, slots=True, kw_only=True)
class CrowdResult:
    """How a crowd was served."""

    name: str
    title: str
    slots: int
    connections: int
    answers: dict[str, int]
    """By problem code; `booked` is a success."""
    seconds: float
    """Until everybody had an answer."""
    summary: Summary
    inserts: dict[str, int] | None
    """Into the tables of bookings, rolled back or not; None where Postgres could not be asked."""
    sold: int | None
    """By the rows, not by the answers."""
    sold_twice: int | None

    @property
    def is_right(self) -> bool:
        """All slots sold, none twice, and everybody told so properly."""
        right_answers = self.answers.get(_BOOKED, 0) == self.slots and not self.answers.keys() - _PROPER
        return right_answers and self.sold in {None, self.slots} and not self.sold_twice


async def herd(site: Site, database_url: str | None, *, attempts: int) -> CrowdResult:
    """Everybody wants one slot."""
    found = await site.get("/v1/availability/next?service=herd&limit=1")
    slot = found["slots"][0]
    return await _crowd(
        site, database_url, name="herd", title=f"{attempts:,} bookings of one slot",
        wanted=[("herd", slot["resources"][0], slot["start"])] * attempts, slots=1, connections=_HERD_CONNECTIONS,
    )  # fmt: skip


async def flash_sale(site: Site, database_url: str | None, *, attempts: int, slots: int) -> CrowdResult:
    """Everything is sold out at once."""
    days = -(-slots // (FLASH * FLASH_STARTS))
    found = await site.get(listing("flash", site.first_day, days))
    offered = [
        ("flash", resource, slot["start"])
        for day in found["days"]
        for slot in day["slots"]
        for resource in slot["resources"]
    ][:slots]
    wanted = offered * (attempts // slots)
    random.Random(_SEED).shuffle(wanted)  # noqa: S311 - an order, no secret
    return await _crowd(
        site, database_url, name="flash-sale", title=f"{attempts:,} bookings of {slots:,} slots",
        wanted=wanted, slots=slots, connections=_FLASH_CONNECTIONS,
    )  # fmt: skip


async def _crowd(
    site: Site, database_url: str | None, *, name: str, title: str, wanted: Sequence[tuple[str, str, str]],
    slots: int, connections: int,
) -> CrowdResult:  # fmt: skip
    requests = [
        site.server.request("POST", "/v1/appointments", site.business.book(service, resource, start))
        for service, resource, start in wanted
    ]
    before = await ledger.inserts(database_url) if database_url else None
    answers: Counter[str] = Counter()

    def answered(status: int, body: bytes) -> None:
        code = _CODE.search(body)
        answers[_BOOKED if status == _CREATED else str(code[1], "ascii") if code else str(status)] += 1

    sample = await closed_loop(
        site.server, iter(requests), connections=connections, seconds=_UNTIL_DONE, answered=answered
    )
    if answers.total() != len(requests):
        message = f"{name}: {len(requests)} asked and {answers.total()} were answered"
        raise Unexpected(message)
    after = await ledger.inserts(database_url) if database_url else None
    return CrowdResult(
        name=name,
        title=title,
        slots=slots,
        connections=connections,
        answers=dict(answers.most_common()),
        seconds=sample.seconds,
        summary=summarise([sample]),
        inserts=None
        if before is None or after is None
        else {table: number - before.get(table, 0) for table, number in after.items()},
        sold=await ledger.sold(database_url, wanted[0][0]) if database_url else None,
        sold_twice=await ledger.sold_twice(database_url) if database_url else None,
    )
