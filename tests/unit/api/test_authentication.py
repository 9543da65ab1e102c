import asyncio
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import pytest
from starlette.types import Scope

from api.allowed_origins import AllowedOrigins
from api.authentication import FRESH_SECONDS, STALE_SECONDS, Authenticator, CallerKind
from api.revoked_keys import SOON_SECONDS
from catalogue.model.allowed_origins import ANY_ORIGIN
from catalogue.tenants import Credential
from kernel.errors import StoreUnavailable, Unauthorized
from kernel.ids import TenantId
from tests.support.application import (
    APPOINTMENT,
    PUBLISHABLE,
    SECRET,
    TENANT,
    TOKEN,
    Keys,
    Tokens,
    WebTokens,
    application,
    client,
)

if TYPE_CHECKING:
    from bookings.token_service import TokenService
    from catalogue.tenants import TenantService


class CountingKeys(Keys):
    """Counts how often it is asked, and can be revoked or away."""

    def __init__(self) -> None:
        self.asked = 0
        self.away = False
        self.revoked = False
        self.asked_for_revoked = 0
        self.noted: list[str] = []
        self.is_use_noted = True
        self.expires_in: float | None = None

    async def find_revoked_lately(self) -> Collection[str]:
        self.asked_for_revoked += 1
        if self.away:
            detail = "away"
            raise StoreUnavailable(detail)
        return ["key_1"] if self.revoked else []

    async def note_use(self, key_id: str) -> None:
        self.noted.append(key_id)

    async def authenticate(self, raw_key: str) -> Credential | None:
        self.asked += 1
        if self.away:
            detail = "away"
            raise StoreUnavailable(detail)
        found = None if self.revoked else await super().authenticate(raw_key)
        return found and replace(found, is_use_noted=self.is_use_noted, expires_in=self.expires_in)


class Hand:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def elapsed(self) -> float:
        return self.now


@pytest.fixture
def keys() -> CountingKeys:
    return CountingKeys()


@pytest.fixture
def hand() -> Hand:
    return Hand()


async def _every_origin(_tenant_id: TenantId) -> Sequence[str]:
    return ANY_ORIGIN


@pytest.fixture
def authenticator(keys: CountingKeys, hand: Hand) -> Authenticator:
    return Authenticator(
        tenants=cast("TenantService", keys),
        tokens=cast("TokenService", Tokens()),
        web_tokens=WebTokens(),
        origins=AllowedOrigins(find=_every_origin, own=None),
        elapsed=hand.elapsed,
    )


def _request(headers: dict[str, str], query: str = "") -> Scope:
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "method": "GET", "headers": raw, "query_string": query.encode(), "path": "/"}


@pytest.mark.parametrize(
    ("headers", "query", "kind", "appointment"),
    [
        (SECRET, "", CallerKind.SECRET, None),
        (SECRET, "token=hft_token", CallerKind.SECRET, None),
        (PUBLISHABLE, "", CallerKind.PUBLISHABLE, None),
        (PUBLISHABLE, "token=hft_token", CallerKind.PUBLISHABLE, APPOINTMENT),
        (PUBLISHABLE, "%74oken=hft_token", CallerKind.PUBLISHABLE, APPOINTMENT),
        ({**PUBLISHABLE, "Appointment-Token": "hft_token"}, "", CallerKind.PUBLISHABLE, APPOINTMENT),
        (TOKEN, "", CallerKind.TOKEN, APPOINTMENT),
    ],
)
async def test_caller_is_told_by_what_it_shows(
    authenticator: Authenticator, headers: dict[str, str], query: str, kind: CallerKind, appointment: str | None
) -> None:
    caller = await authenticator.caller(_request(headers, query))

    assert caller.operation.tenant_id == TENANT
    assert caller.kind is kind
    assert caller.appointment_id == appointment
    assert caller.operation.is_by_customer == (kind is not CallerKind.SECRET)
    assert caller.operation.actor.id == (appointment or "key_1")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": "Basic aGZzX3NlY3JldA=="},
        {"Authorization": "Bearer hfs_wrong"},
        {"Authorization": "Bearer hft_wrong"},
        {**PUBLISHABLE, "Appointment-Token": "hft_wrong"},
    ],
)
async def test_caller_without_a_good_credential_is_refused(
    authenticator: Authenticator, headers: dict[str, str]
) -> None:
    with pytest.raises(Unauthorized):
        await authenticator.caller(_request(headers))


async def test_key_is_looked_up_once_while_it_is_fresh(
    authenticator: Authenticator, keys: CountingKeys, hand: Hand
) -> None:
    await authenticator.caller(_request(SECRET))
    hand.now += FRESH_SECONDS
    await authenticator.caller(_request(SECRET))

    assert keys.asked == 1


async def test_revoked_key_opens_nothing_when_it_is_no_longer_fresh(
    authenticator: Authenticator, keys: CountingKeys, hand: Hand
) -> None:
    await authenticator.caller(_request(SECRET))
    keys.revoked = True
    hand.now += FRESH_SECONDS + 1

    with pytest.raises(Unauthorized):
        await authenticator.caller(_request(SECRET))


async def test_revoked_key_opens_nothing_within_a_second(
    authenticator: Authenticator, keys: CountingKeys, hand: Hand
) -> None:
    await authenticator.caller(_request(SECRET))
    await authenticator.caller(_request(SECRET))
    keys.revoked = True
    hand.now += 1

    with pytest.raises(Unauthorized):
        await authenticator.caller(_request(SECRET))


async def test_key_in_steady_use_waits_for_no_news_and_is_refused_within_a_second(
    authenticator: Authenticator, keys: CountingKeys, hand: Hand
) -> None:
    for _ in range(2):
        await authenticator.caller(_request(SECRET))
    asked = keys.asked_for_revoked
    keys.revoked = True
    hand.now += SOON_SECONDS

    # The question is asked beside this request, whose answer does not wait for it.
    await authenticator.caller(_request(SECRET))
    assert keys.asked_for_revoked == asked
    await asyncio.sleep(0)
    assert keys.asked_for_revoked == asked + 1
    with pytest.raises(Unauthorized):
        await authenticator.caller(_request(SECRET))


async def test_key_that_was_read_just_before_it_was_revoked_is_refused(
    authenticator: Authenticator, keys: CountingKeys, hand: Hand
) -> None:
    for _ in range(2):
        await authenticator.caller(_request(PUBLISHABLE))
    keys.revoked = True
    hand.now += 1
    with pytest.raises(Unauthorized):
        await authenticator.caller(_request(PUBLISHABLE))
    # An answer of the database that was on its way since before.
    keys.authenticate = Keys().authenticate  # type: ignore[method-assign]

    with pytest.raises(Unauthorized):
        await authenticator.caller(_request(SECRET))


async def test_rotated_key_is_looked_up_again_when_its_time_is_over(
    authenticator: Authenticator, keys: CountingKeys, hand: Hand
) -> None:
    keys.expires_in = 3.0
    await authenticator.caller(_request(SECRET))
    hand.now += 2.9
    await authenticator.caller(_request(SECRET))
    assert keys.asked == 1
    hand.now += 0.2
    await authenticator.caller(_request(SECRET))

    assert keys.asked == 2


async def test_use_of_a_key_is_noted_beside_the_request(authenticator: Authenticator, keys: CountingKeys) -> None:
    keys.is_use_noted = False

    await authenticator.caller(_request(SECRET))
    await authenticator.caller(_request(SECRET))
    await asyncio.sleep(0)

    assert keys.noted == ["key_1"]


async def test_known_key_stays_good_while_the_database_is_away(
    authenticator: Authenticator, keys: CountingKeys, hand: Hand
) -> None:
    await authenticator.caller(_request(SECRET))
    keys.away = True
    hand.now += STALE_SECONDS

    caller = await authenticator.caller(_request(SECRET))

    assert caller.kind is CallerKind.SECRET


async def test_known_key_is_not_good_for_ever_while_the_database_is_away(
    authenticator: Authenticator, keys: CountingKeys, hand: Hand
) -> None:
    await authenticator.caller(_request(SECRET))
    keys.away = True
    hand.now += STALE_SECONDS + 1

    with pytest.raises(StoreUnavailable):
        await authenticator.caller(_request(SECRET))


async def test_missing_credential_is_asked_for() -> None:
    async with client(application()) as http:
        response = await http.get("/v1/appointments")

    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert response.json()["code"] == "unauthorized"


_OTHER = "apt_01kbc9x3v4h5m6n7p8q9r0zzzz"


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/v1/business", PUBLISHABLE),
        ("PUT", "/v1/business", PUBLISHABLE),
        ("POST", "/v1/resources", PUBLISHABLE),
        ("DELETE", "/v1/services/haircut", PUBLISHABLE),
        ("GET", "/v1/appointments", PUBLISHABLE),
        ("GET", f"/v1/appointments/{APPOINTMENT}", PUBLISHABLE),
        ("GET", f"/v1/appointments/{_OTHER}", {**PUBLISHABLE, "Appointment-Token": "hft_token"}),
        ("GET", f"/v1/appointments/{_OTHER}", TOKEN),
        ("POST", f"/v1/appointments/{_OTHER}/cancel", TOKEN),
        ("POST", f"/v1/appointments/{APPOINTMENT}/complete", TOKEN),
        ("POST", f"/v1/appointments/{APPOINTMENT}/approve", {**PUBLISHABLE, "Appointment-Token": "hft_token"}),
        ("PATCH", f"/v1/appointments/{APPOINTMENT}", TOKEN),
        ("GET", "/v1/availability/next?service=haircut", TOKEN),
        ("DELETE", "/v1/holds/hld_1", TOKEN),
    ],
)
async def test_caller_is_kept_from_what_it_may_not_do(method: str, path: str, headers: dict[str, str]) -> None:
    async with client(application()) as http:
        response = await http.request(method, path, headers=headers, json={} if method != "GET" else None)

    assert response.status_code == 403, response.text
    assert response.json()["code"] == "forbidden"
