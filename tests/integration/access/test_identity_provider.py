"""Tokens of an issuer that a business names: whom they let in, and when its keys are fetched."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import asyncpg
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from access.providers.model import FETCH_AGAIN, FETCH_PAUSE, KEYS_LAST
from access.providers.verification import ProviderTokenVerifier
from access.roles import Role
from access.subject import Subject
from access.web_tokens import read_token
from bootstrap.services import build_services
from kernel.ids import is_id
from tests.support.door import Door, open_door
from tests.support.engine import MovingClock
from tests.support.peers import answering, running_peer
from tests.support.users import bearer

_ISSUER: Final = "https://id.example/"
_KEYS: Final[dict[str, Any]] = {
    "RS256": rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}
_FORMS: Final[dict[str, Any]] = {"RS256": RSAAlgorithm, "ES256": ECAlgorithm, "EdDSA": OKPAlgorithm}
_CLAIMS: Final = {"role": "role", "resource": "resource", "customer": "customer"}
_CUSTOMER: Final = "cus_01kbc9x3v4h5m6n7p8q9r0s1t2"


def _jwk(algorithm: str, key_id: str | None = None, key: Any = None) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(_FORMS[algorithm].to_jwk((key or _KEYS[algorithm]).public_key()))
    record.pop("key_ops", None)
    return record | ({} if key_id is None else {"kid": key_id})


def _token(algorithm: str = "ES256", *, key_id: str | None = "1", key: Any = None, **claims: Any) -> str:
    body = {
        "iss": _ISSUER,
        "aud": "shop",
        "sub": "auth0|noa@fade.example",
        "exp": datetime.now(UTC) + timedelta(hours=1),
        "role": "owner",
        **claims,
    }
    headers = {} if key_id is None else {"kid": key_id}
    return jwt.encode(body, key or _KEYS[algorithm], algorithm=algorithm, headers=headers)


def _body(**more: Any) -> dict[str, Any]:
    keys = [_jwk(algorithm, algorithm) for algorithm in _KEYS]
    return {"issuer": _ISSUER, "audience": "shop", "public_keys": keys, "claims": _CLAIMS, **more}


@dataclass(eq=False)
class Provider:
    """A provider of a business, with a document of keys, and what verifies its tokens by a clock that a test sets."""

    door: Door
    clock: MovingClock = field(default_factory=lambda: MovingClock(datetime.now(UTC)))
    keys: list[dict[str, Any]] = field(default_factory=lambda: [_jwk("ES256", "1")])
    status: int = 200
    fetches: int = 0
    port: int = 0

    def verifier(self) -> ProviderTokenVerifier:
        """What another process would verify tokens with."""
        context, services = self.door.context, build_services(self.door.context)
        return ProviderTokenVerifier(
            engine=context.engine,
            outbound=context.outbound,
            tokens=services.tokens,
            catalogues=services.snapshots,
            clock=self.clock,
        )

    async def subject(self, raw: str, verifier: ProviderTokenVerifier | None = None) -> Subject | None:
        """Whom a token speaks of."""
        token = read_token(raw)
        assert token is not None
        return await (verifier or self.verifier()).find(token)

    async def set_up(self) -> None:
        """Let the business accept its tokens."""
        body = _body(public_keys=None, jwks_url=f"http://127.0.0.1:{self.port}/jwks")
        await self.door.send("PUT", "/v1/identity-provider", json=body, status=200)
        # The application goes by the real time, from which this goes on by its own.
        self.clock.instant, self.fetches = datetime.now(UTC), 0


@asynccontextmanager
async def _running_provider(door: Door) -> AsyncIterator[Provider]:
    provider = Provider(door)

    async def respond(request: Any, writer: Any) -> None:
        provider.fetches += 1
        await answering(provider.status, json.dumps({"keys": provider.keys}).encode())(request, writer)

    async with running_peer(respond) as peer:
        provider.port = peer.port
        yield provider


@pytest.fixture(autouse=True)
async def issuer_of_nobody(outside: "asyncpg.Connection[Any]") -> None:
    """The businesses of the tests before accept its tokens no more: only one may."""
    await outside.execute("DELETE FROM identity_providers")


@pytest.fixture
async def provider(shop: Door) -> AsyncIterator[Provider]:
    async with _running_provider(shop) as running:
        yield running


async def test_provider_is_set_read_changed_and_removed(shop: Door) -> None:
    none = await shop.send("GET", "/v1/identity-provider", status=404)
    first = await shop.send("PUT", "/v1/identity-provider", json=_body(), status=200)
    second = await shop.send("PUT", "/v1/identity-provider", json=_body(audience="other"), status=200)
    stale = await shop.send("PUT", "/v1/identity-provider", json=_body(), headers={"If-Match": '"1"'}, status=412)
    read = await shop.send("GET", "/v1/identity-provider", status=200)
    await shop.send("DELETE", "/v1/identity-provider", status=204)

    assert (none["code"], stale["code"]) == ("not_found", "version_conflict")
    assert (first["version"], second["version"], second["audience"]) == (1, 2, "other")
    assert read == second
    assert first["claims"] == _CLAIMS
    await shop.send("GET", "/v1/identity-provider", status=404)


@pytest.mark.parametrize(
    ("more", "pointer"),
    [
        ({"public_keys": None}, "jwks_url"),
        ({"jwks_url": "https://id.example/jwks"}, "jwks_url"),
        ({"jwks_url": "http://id.example/jwks", "public_keys": None}, "jwks_url"),
        ({"jwks_url": "ftp://id.example/jwks", "public_keys": None}, "jwks_url"),
        ({"jwks_url": "https://127.0.0.1:1/jwks", "public_keys": None}, "jwks_url"),
        ({"jwks_url": "https://10.0.0.1/jwks", "public_keys": None}, "jwks_url"),
        ({"issuer": "holdfast"}, "issuer"),
        ({"issuer": ""}, "issuer"),
        ({"claims": {}}, "claims"),
        ({"public_keys": []}, "public_keys"),
        ({"public_keys": [{"kty": "oct", "k": "AAAA"}]}, "public_keys[0]"),
        ({"public_keys": [{"kty": "RSA"}]}, "public_keys[0]"),
        ({"public_keys": [{**_jwk("ES256"), "d": "AAAA"}]}, "public_keys[0]"),
        ({"public_keys": [{**_jwk("ES256"), "use": "enc"}]}, "public_keys[0]"),
        ({"public_keys": [{**_jwk("ES256"), "key_ops": 5}]}, "public_keys[0]"),
        ({"public_keys": [{**_jwk("ES256"), "key_ops": None}]}, "public_keys[0]"),
        ({"public_keys": [{**_jwk("ES256"), "x5c": ["\0"]}]}, "public_keys[0]"),
        ({"public_keys": [{**_jwk("ES256"), "\0": 1}]}, "public_keys[0]"),
        ({"public_keys": [{**_jwk("ES256"), "more": 10**30}]}, "public_keys[0]"),
        ({"public_keys": [{**_jwk("ES256"), "alg": "HS256"}]}, "public_keys[0]"),
        ({"public_keys": [{**_jwk("RS256"), "alg": "PS256"}]}, "public_keys[0]"),
        ({"public_keys": [_jwk("ES256", "1"), _jwk("RS256", "1")]}, "public_keys[1].kid"),
    ],
)
async def test_provider_that_makes_no_sense_is_refused(shop: Door, more: dict[str, Any], pointer: str) -> None:
    refused = await shop.send("PUT", "/v1/identity-provider", json=_body(**more), status=422)

    assert [error["pointer"] for error in refused["errors"]] == [pointer]


@pytest.mark.parametrize(
    "more", [{"kid": "\0"}, {"x5c": ["\0"]}, {"\0": 1}, {"key_ops": 5}, {"key_ops": None}, {"kid": 5}], ids=str
)
async def test_key_that_cannot_be_used_is_passed_over(provider: Provider, more: dict[str, Any]) -> None:
    provider.keys = [{**_jwk("RS256"), **more}, _jwk("ES256", "1")]

    await provider.set_up()

    assert await provider.subject(_token()) is not None


@pytest.mark.parametrize("more", [{"iss": "\0"}, {"aud": ["shop", "\0"]}, {"sub": "\ud800"}, {"nbf": 10**400}], ids=str)
async def test_claims_that_no_store_can_hold_are_refused(shop: Door, more: dict[str, Any]) -> None:
    await shop.send("PUT", "/v1/identity-provider", json=_body(), status=200)

    refused = await shop.http.get("/v1/me", headers=bearer(_token(key_id="ES256", **more)))

    assert (refused.status_code, refused.json()["code"]) == (401, "unauthorized")


async def test_short_keys_and_other_curves_are_refused(shop: Door) -> None:
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - it is refused
    curve = ec.generate_private_key(ec.SECP384R1())
    for key in (_jwk("RS256", key=short), _jwk("ES256", key=curve)):
        refused = await shop.send("PUT", "/v1/identity-provider", json=_body(public_keys=[key]), status=422)
        assert refused["errors"][0]["pointer"] == "public_keys[0]"


@pytest.mark.parametrize("algorithm", list(_KEYS))
async def test_token_of_each_algorithm_opens_the_business(shop: Door, algorithm: str) -> None:
    await shop.send("PUT", "/v1/identity-provider", json=_body(), status=200)

    answered = await shop.http.get("/v1/business", headers=bearer(_token(algorithm, key_id=algorithm)))

    assert answered.status_code == 200


async def test_every_bad_token_is_answered_alike_and_like_one_of_nobody(shop: Door) -> None:
    await shop.set_up("barbershop")
    await shop.send("PUT", "/v1/identity-provider", json=_body(), status=200)
    now, other = datetime.now(UTC), ec.generate_private_key(ec.SECP256R1())
    bad = [
        _token(key_id="unknown"),
        _token(key_id="RS256"),
        _token(key_id=None),
        _token(key_id="ES256", key=other),
        _token(key_id="ES256", aud="other"),
        _token(key_id="ES256", aud=["other", "another"]),
        _token(key_id="ES256", iss="https://id.example"),
        _token(key_id="ES256", iss="holdfast"),
        _token(key_id="ES256", exp=now - timedelta(seconds=61)),
        _token(key_id="ES256", nbf=now + timedelta(seconds=90)),
        _token(key_id="ES256", role="boss"),
        _token(key_id="ES256", role="holder"),
        _token(key_id="ES256", role="visitor"),
        _token(key_id="ES256", role=["owner", "staff"]),
        _token(key_id="ES256", role=None),
        _token(key_id="ES256", role="staff"),
        _token(key_id="ES256", role="staff", resource="nobody"),
        _token(key_id="ES256", role="customer"),
        _token(key_id="ES256", role="customer", customer="res_01kbc9x3v4h5m6n7p8q9r0s1t2"),
        _token(key_id="ES256", sub=""),
        jwt.encode(
            {"iss": _ISSUER, "aud": "shop", "sub": "1", "exp": now + timedelta(hours=1), "role": "owner"},
            "k" * 64,
            algorithm="HS256",
            headers={"kid": "ES256"},
        ),
    ]

    answers = [await shop.http.get("/v1/business", headers=bearer(raw)) for raw in bad]

    assert {answer.status_code for answer in answers} == {401}
    assert {answer.json()["detail"] for answer in answers} == {"This token is not valid, or no longer."}


async def test_token_says_role_resource_customer_and_nothing_personal(shop: Door, provider: Provider) -> None:
    await shop.set_up("barbershop")
    await provider.set_up()

    owner = await provider.subject(_token())
    again = await provider.subject(_token(role="manager"))
    staff = await provider.subject(_token(role=["user", "staff"], resource="noa"))
    customer = await provider.subject(_token(role="customer", customer=_CUSTOMER, resource="noa"))

    assert owner is not None
    assert again is not None
    assert staff is not None
    assert customer is not None
    assert (owner.role, again.role, staff.role, customer.role) == (Role.OWNER, Role.MANAGER, Role.STAFF, Role.CUSTOMER)
    assert owner.actor_id == again.actor_id
    assert is_id(owner.actor_id)
    assert owner.actor_id.startswith("ext_")
    assert (owner.resource_id, staff.resource_id is not None, customer.resource_id) == (None, True, None)
    assert customer.actor_id == _CUSTOMER
    assert owner.tenant_id == shop.tenant_id


async def test_same_person_is_another_one_in_another_business(shop: Door, database_url: str, redis_url: str) -> None:
    async with (
        open_door(database_url, redis_url) as other,
        _running_provider(shop) as here,
        _running_provider(other) as there,
    ):
        await here.set_up()
        body = _body(public_keys=[_jwk("ES256", "1")], audience="elsewhere")
        await other.send("PUT", "/v1/identity-provider", json=body, status=200)

        one, two = await here.subject(_token()), await there.subject(_token(aud="elsewhere"))

    assert one is not None
    assert two is not None
    assert one.actor_id != two.actor_id


async def test_issuer_and_audience_belong_to_one_business_alone(shop: Door, database_url: str, redis_url: str) -> None:
    async with open_door(database_url, redis_url) as other:
        await shop.send("PUT", "/v1/identity-provider", json=_body(), status=200)

        taken = await other.send("PUT", "/v1/identity-provider", json=_body(), status=409)
        await other.send("PUT", "/v1/identity-provider", json=_body(audience="elsewhere"), status=200)
        both = await shop.http.get("/v1/business", headers=bearer(_token(key_id="ES256", aud=["shop", "elsewhere"])))
        await shop.send("DELETE", "/v1/identity-provider", status=204)
        await other.send("PUT", "/v1/identity-provider", json=_body(), status=200)

    assert taken["code"] == "identity_provider_taken"
    # A token for two businesses says of neither that it is meant.
    assert both.status_code == 401


async def test_removed_provider_opens_nothing_within_a_second(shop: Door, provider: Provider) -> None:
    await provider.set_up()
    known = provider.verifier()
    assert await provider.subject(_token(), known) is not None

    await shop.send("DELETE", "/v1/identity-provider", status=204)

    assert await provider.subject(_token(), known) is None


async def test_thousand_unknown_keys_fetch_once_a_minute_and_known_ones_go_on(provider: Provider) -> None:
    await provider.set_up()
    processes = [provider.verifier() for _ in range(2)]
    provider.clock.instant += FETCH_PAUSE

    for number in range(1000):
        assert await provider.subject(_token(key_id=f"unknown {number}"), processes[number % 2]) is None
        if number % 100 == 0:
            assert await provider.subject(_token(), processes[number % 2]) is not None
    within_the_minute = provider.fetches
    provider.clock.instant += FETCH_PAUSE
    await provider.subject(_token(key_id="unknown"), processes[0])

    assert (within_the_minute, provider.fetches) == (1, 2)


async def test_new_key_of_the_provider_is_good_at_its_first_use(provider: Provider) -> None:
    await provider.set_up()
    new = ec.generate_private_key(ec.SECP256R1())
    provider.keys = [_jwk("ES256", "2", key=new)]
    provider.clock.instant += FETCH_PAUSE
    processes = [provider.verifier() for _ in range(2)]

    first = await provider.subject(_token(key_id="2", key=new), processes[0])
    second = await provider.subject(_token(key_id="2", key=new), processes[1])
    old = await provider.subject(_token(), processes[0])

    assert first is not None
    assert second is not None
    assert old is None
    assert provider.fetches == 1


async def test_known_keys_last_a_day_while_they_cannot_be_fetched(provider: Provider) -> None:
    await provider.set_up()
    process, provider.status = provider.verifier(), 503
    end = datetime.now(UTC) + timedelta(days=3)

    provider.clock.instant += KEYS_LAST - timedelta(minutes=1)
    before = await provider.subject(_token(exp=end), process)
    await _fetched(provider, process)
    provider.clock.instant += timedelta(minutes=2)
    after = await provider.subject(_token(exp=end), process)
    provider.status = 200
    provider.clock.instant += FETCH_PAUSE
    back = await provider.subject(_token(exp=end), process)

    assert before is not None
    assert after is None
    assert back is not None


async def test_key_that_was_taken_back_is_forgotten_within_an_hour_or_so(provider: Provider) -> None:
    await provider.set_up()
    process, provider.keys = provider.verifier(), [_jwk("RS256", "2")]
    end = datetime.now(UTC) + timedelta(days=1)

    provider.clock.instant += FETCH_AGAIN + timedelta(seconds=1)
    first = await provider.subject(_token(exp=end), process)
    await _fetched(provider, process)

    assert first is not None
    assert await provider.subject(_token(exp=end), process) is None


async def _fetched(provider: Provider, process: ProviderTokenVerifier) -> None:
    """Wait until what fetches keys beside requests has done so."""
    await process.fetched()
    assert provider.fetches == 1


@pytest.mark.parametrize("body", [b"", b"[]", b'{"keys": 1}', b'{"keys": []}', b'{"keys": [1, {}]}', b"x" * 200_000])
async def test_document_without_keys_is_refused_and_keeps_the_known_ones(
    shop: Door, provider: Provider, body: bytes
) -> None:
    await provider.set_up()
    async with running_peer(answering(200, body)) as peer:
        sent = _body(public_keys=None, jwks_url=f"http://127.0.0.1:{peer.port}/jwks")
        refused = await shop.send("PUT", "/v1/identity-provider", json=sent, status=422)

    assert refused["errors"][0]["pointer"] == "jwks_url"
    assert await provider.subject(_token()) is not None


async def test_subject_of_a_token_is_kept_nowhere(
    shop: Door, provider: Provider, outside: "asyncpg.Connection[Any]"
) -> None:
    await provider.set_up()
    await shop.http.put(
        "/v1/sandbox/clock", json={"now": "2026-03-29T00:00:00Z"}, headers=bearer(_token(sub="marker-zq@fade.example"))
    )
    answered = await shop.http.put(
        "/v1/business",
        content=json.dumps({"business": {"name": "New", "timezone": "UTC", "currency": "USD"}}),
        headers=bearer(_token(sub="marker-zq@fade.example")),
    )
    assert answered.status_code == 200, answered.text

    tables = await outside.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    rows = [
        str(row["row"])
        for table in tables
        for row in await outside.fetch(f"SELECT t::text AS row FROM {table['tablename']} AS t")  # noqa: S608
    ]

    assert [row for row in rows if "marker-zq" in row] == []
