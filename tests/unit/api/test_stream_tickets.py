"""Stream tickets stand for the credential that asked for them, and for nothing else."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, cast

import pytest

from access.roles import Role
from access.subject import provider_id_of
from api.authentication import Caller, CallerKind
from api.stream_tickets import LIFE_SECONDS, MOST_CHARACTERS, StreamTickets
from kernel.errors import Unauthorized
from kernel.ids import CustomerId, ResourceId, TenantId
from kernel.operation import Actor, ActorKind, Operation, Own
from tests.support.application import TENANT

if TYPE_CHECKING:
    from bookings.token_service import TokenService

_ULID: Final = "01kbc9x3v4h5m6n7p8q9r0s1t2"
_KEY: Final = f"key_{_ULID}"
_UNTIL: Final = datetime(2026, 12, 1, 6, 0, tzinfo=UTC)


class Secrets:
    """One secret for every business."""

    async def secret(self, _tenant_id: TenantId) -> bytes:
        """What TokenService.secret answers."""
        return b"secret"


class Hand:
    """A clock that stands still until it is moved."""

    now = 1_764_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def hand() -> Hand:
    return Hand()


@pytest.fixture
def tickets(hand: Hand) -> StreamTickets:
    return StreamTickets(cast("TokenService", Secrets()), now=hand)


def _caller(kind: CallerKind, role: Role, side: ActorKind, actor: str) -> Caller:
    key_id = actor if actor.startswith("key_") else ""
    return Caller(operation=Operation(TENANT, Actor(side, actor), "req"), kind=kind, role=role, key_id=key_id)


_BY_TOKEN: Final = _caller(CallerKind.ACCESS_TOKEN, Role.STAFF, ActorKind.BUSINESS, f"usr_{_ULID}")


@pytest.mark.parametrize(
    "caller",
    [
        _caller(CallerKind.SECRET, Role.OWNER, ActorKind.BUSINESS, _KEY),
        _caller(CallerKind.PUBLISHABLE, Role.VISITOR, ActorKind.CUSTOMER, _KEY),
        replace(_BY_TOKEN, role=Role.OWNER, own=Own(), until=_UNTIL),
        replace(_BY_TOKEN, role=Role.MANAGER, own=Own(), until=_UNTIL),
        replace(_BY_TOKEN, own=Own(resource_id=ResourceId(f"res_{_ULID}")), until=_UNTIL),
        replace(_BY_TOKEN, own=Own(), until=_UNTIL),
        replace(_BY_TOKEN, own=Own(), until=_UNTIL, grant_id=f"ses_{_ULID}"),
        replace(_BY_TOKEN, own=Own(resource_id=ResourceId(f"res_{_ULID}")), until=_UNTIL, grant_id=f"ses_{_ULID}"),
        replace(
            _caller(CallerKind.ACCESS_TOKEN, Role.CUSTOMER, ActorKind.CUSTOMER, f"cus_{_ULID}"),
            own=Own(customer_id=CustomerId(f"cus_{_ULID}")),
            until=_UNTIL,
        ),
        replace(
            _caller(CallerKind.ACCESS_TOKEN, Role.CUSTOMER, ActorKind.CUSTOMER, "ext_0a1b2c3d4e5f"),
            own=Own(),
            until=_UNTIL,
            grant_id=provider_id_of("https://id.example/", "shop"),
        ),
    ],
    ids=str,
)
async def test_ticket_stands_for_who_asked_for_it(tickets: StreamTickets, caller: Caller) -> None:
    ticket, _ = await tickets.make(caller)

    assert await tickets.caller(ticket, "req") == caller
    assert len(ticket) <= MOST_CHARACTERS


@pytest.mark.parametrize(("letter", "other"), [("t", "o"), ("t", "s"), ("t", "z")])
async def test_ticket_cannot_be_made_that_of_another_role(tickets: StreamTickets, letter: str, other: str) -> None:
    ticket, _ = await tickets.make(replace(_BY_TOKEN, own=Own(), until=_UNTIL))
    place = len("stk_") + 32

    assert ticket[place] == letter
    with pytest.raises(Unauthorized):
        await tickets.caller(f"{ticket[:place]}{other}{ticket[place + 1 :]}", "req")


async def test_ticket_with_digits_of_another_script_is_refused(tickets: StreamTickets) -> None:
    ticket, _ = await tickets.make(_caller(CallerKind.SECRET, Role.OWNER, ActorKind.BUSINESS, _KEY))
    place = len("stk_") + 32 + len("s")

    with pytest.raises(Unauthorized):
        await tickets.caller(f"{ticket[:place]}{chr(0x669) * 10}{ticket[place + 10 :]}", None)


async def test_ticket_is_good_for_a_minute(tickets: StreamTickets, hand: Hand) -> None:
    ticket, until = await tickets.make(_caller(CallerKind.SECRET, Role.OWNER, ActorKind.BUSINESS, _KEY))
    hand.now += LIFE_SECONDS

    assert until == hand.now
    with pytest.raises(Unauthorized):
        await tickets.caller(ticket, "req")
