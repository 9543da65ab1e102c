"""An access token opens its business for as long as its session, its user and its key are there; within a second."""

import asyncio
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import asyncpg
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from access.roles import Role
from access.sessions.access_tokens import make_access_token
from access.sessions.verification import AccessTokenVerifier
from access.signing.keys import OVERLAP, ROTATION, signing_key
from access.signing.model import SigningKey
from access.verification import FRESH_SECONDS, STALE_SECONDS, TokenVerifier
from kernel.clock import SystemClock
from kernel.errors import StoreUnavailable
from kernel.ids import SigningKeyId, TenantId, UserId, UserSessionId
from kernel.operation import by_system
from persistence.unit_of_work import UnitOfWork
from tests.support.door import Door, open_door
from tests.support.users import access_token

_UNSIGNED: Final = urlsafe_b64encode(b'{"alg":"none"}').decode()
_CHANGES: Final = {
    "session ends": "DELETE FROM user_sessions WHERE tenant_id = $1",
    "session expires": "UPDATE user_sessions SET expires_at = now() WHERE tenant_id = $1",
    "user is removed": "DELETE FROM users WHERE tenant_id = $1",
    "key is removed": "DELETE FROM signing_keys WHERE tenant_id = $1",
}


class Hand:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def elapsed(self) -> float:
        return self.now


@pytest.fixture
def hand() -> Hand:
    return Hand()


@pytest.fixture
def processes(shop: Door, hand: Hand) -> list[TokenVerifier]:
    """Verifiers of two processes."""
    ours = AccessTokenVerifier(unit_of_work=UnitOfWork(shop.context.engine), clock=SystemClock())
    return [TokenVerifier(ours=ours, others=ours, clock=SystemClock(), elapsed=hand.elapsed) for _ in range(2)]


async def test_token_of_an_owner_opens_the_business(shop: Door, outside: "asyncpg.Connection[Any]") -> None:
    raw = await access_token(outside, shop)

    answered = await shop.http.get("/v1/business", headers={"Authorization": f"Bearer {raw}"})

    assert answered.status_code == 200


@pytest.mark.parametrize("change", list(_CHANGES.values()), ids=list(_CHANGES))
async def test_change_is_seen_by_every_process_within_a_second(
    shop: Door, outside: "asyncpg.Connection[Any]", processes: list[TokenVerifier], hand: Hand, change: str
) -> None:
    raw = await access_token(outside, shop)
    before = [await process.verify(raw) for process in processes]

    await outside.execute(change, shop.tenant_id)
    hand.now += 1.0
    after = [await process.verify(raw) for process in processes]

    assert FRESH_SECONDS < 1.0
    assert all(before)
    assert after == [None, None]


async def test_role_and_resource_are_those_of_now(
    shop: Door, outside: "asyncpg.Connection[Any]", processes: list[TokenVerifier], hand: Hand
) -> None:
    await shop.set_up("barbershop")
    resource_id = await outside.fetchval("SELECT id FROM resources WHERE tenant_id = $1 LIMIT 1", shop.tenant_id)
    raw = await access_token(outside, shop)
    before = [await process.verify(raw) for process in processes]

    await outside.execute(
        "UPDATE users SET role = 'staff', resource_id = $2 WHERE tenant_id = $1", shop.tenant_id, resource_id
    )
    hand.now += 1.0
    after = [await process.verify(raw) for process in processes]

    assert [None if one is None else (one.role, one.resource_id) for one in before] == [(Role.OWNER, None)] * 2
    assert [None if one is None else (one.role, one.resource_id) for one in after] == [(Role.STAFF, resource_id)] * 2


async def test_known_token_goes_on_while_the_database_is_away_until_its_end(
    shop: Door, outside: "asyncpg.Connection[Any]", hand: Hand
) -> None:
    class Away:
        is_away = False

        async def find(self, token: Any) -> Any:
            if self.is_away:
                detail = "away"
                raise StoreUnavailable(detail)
            return await ours.find(token)

    ours, finder = AccessTokenVerifier(unit_of_work=UnitOfWork(shop.context.engine), clock=SystemClock()), Away()
    process = TokenVerifier(ours=finder, others=finder, clock=SystemClock(), elapsed=hand.elapsed)
    known = await access_token(outside, shop)
    unknown = await access_token(outside, shop)
    assert await process.verify(known) is not None

    finder.is_away = True
    hand.now += STALE_SECONDS

    assert await process.verify(known) is not None
    with pytest.raises(StoreUnavailable):
        await process.verify(unknown)
    hand.now += 1
    with pytest.raises(StoreUnavailable):
        await process.verify(known)


async def test_key_of_one_business_signs_for_no_other(
    shop: Door, outside: "asyncpg.Connection[Any]", database_url: str, redis_url: str
) -> None:
    async with open_door(database_url, redis_url) as other:
        theirs = jwt.decode(await access_token(outside, other), options={"verify_signature": False})
        await access_token(outside, shop)
        async with UnitOfWork(shop.context.engine).begin(by_system(shop.tenant_id, "test")) as tx:
            ours = await signing_key(tx, shop.context.settings.master_keys, datetime.now(UTC))
        made: dict[str, Any] = {
            "user_id": UserId(theirs["sub"]),
            "session_id": UserSessionId(theirs["sid"]),
            "now": datetime.now(UTC),
        }
        for_them, for_us = (
            make_access_token(ours, tenant_id=TenantId(tenant_id), **made)[0]
            for tenant_id in (other.tenant_id, shop.tenant_id)
        )

        statuses = [
            (await shop.http.get("/v1/business", headers={"Authorization": f"Bearer {raw}"})).status_code
            for raw in (for_them, for_us)
        ]

    assert statuses == [401, 401]


async def test_every_bad_token_is_answered_alike(shop: Door, outside: "asyncpg.Connection[Any]") -> None:
    good = await access_token(outside, shop)
    claims = jwt.decode(good, options={"verify_signature": False})
    key_id, other_key = jwt.get_unverified_header(good)["kid"], Ed25519PrivateKey.generate()
    forged = SigningKey(id=SigningKeyId(key_id), private_key=other_key)
    bad = [
        ".".join([_UNSIGNED, good.split(".")[1], ""]),
        jwt.encode(claims, "k" * 64, algorithm="HS256", headers={"kid": key_id}),
        jwt.encode(claims, other_key, algorithm="EdDSA", headers={"kid": key_id}),
        jwt.encode(claims, other_key, algorithm="EdDSA", headers={"kid": "' OR 1=1 --"}),
        jwt.encode(claims, other_key, algorithm="EdDSA", headers={"kid": "../../../dev/null"}),
        jwt.encode(claims, other_key, algorithm="EdDSA"),
        jwt.encode({**claims, "aud": "shop"}, other_key, algorithm="EdDSA"),
        jwt.encode({**claims, "iss": "https://id.example"}, other_key, algorithm="EdDSA"),
        make_access_token(
            forged,
            tenant_id=shop.tenant_id,
            user_id=claims["sub"],
            session_id=claims["sid"],
            now=datetime.now(UTC) - timedelta(hours=1),
        )[0],
        good[:-4] + "AAAA",
        "a.b.c",
    ]

    answers = [await shop.http.get("/v1/business", headers={"Authorization": f"Bearer {raw}"}) for raw in bad]

    assert {answer.status_code for answer in answers} == {401}
    assert {answer.json()["detail"] for answer in answers} == {"This token is not valid, or no longer."}


async def test_business_signs_by_one_key_until_it_is_replaced(shop: Door, outside: "asyncpg.Connection[Any]") -> None:
    async def current(now: datetime) -> SigningKeyId:
        async with UnitOfWork(shop.context.engine).begin(by_system(shop.tenant_id, "test")) as tx:
            return (await signing_key(tx, shop.context.settings.master_keys, now)).id

    now = datetime.now(UTC)
    first = set(await asyncio.gather(*(current(now) for _ in range(5))))
    second = set(await asyncio.gather(*(current(now + ROTATION + timedelta(seconds=1)) for _ in range(5))))
    kept = await outside.fetch("SELECT id FROM signing_keys WHERE tenant_id = $1", shop.tenant_id)
    third = await current(now + ROTATION * 2 + OVERLAP + timedelta(seconds=2))
    left = await outside.fetch("SELECT id FROM signing_keys WHERE tenant_id = $1", shop.tenant_id)
    sealed = await outside.fetchval("SELECT count(*) FROM secrets WHERE tenant_id = $1", shop.tenant_id)

    assert len(first) == len(second) == 1
    assert {row["id"] for row in kept} == first | second
    assert {row["id"] for row in left} == {third}
    assert sealed == 1
