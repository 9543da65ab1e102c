"""Grants of open streams end with the session, the role or the identity provider that they rest on."""

from dataclasses import replace
from typing import Any
from uuid import uuid4

import asyncpg
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from access.roles import Role
from access.stream_grants import StreamGrants
from access.subject import provider_id_of
from events.open_streams import StreamGrant
from kernel.ids import TenantId
from persistence.unit_of_work import UnitOfWork
from tests.support.door import Door
from tests.support.users import Users, bearer

_ISSUER = "https://id.example/"


@pytest.fixture
def users(shop: Door, outside: "asyncpg.Connection[Any]") -> Users:
    return Users(shop, outside)


async def _grant(users: Users, token: str) -> StreamGrant:
    subject = await users.services.web_tokens.verify(token)
    assert subject is not None
    return StreamGrant(subject.tenant_id, subject.grant_id, subject.role)


async def _user_id(users: Users, token: str) -> str:
    subject = await users.services.web_tokens.verify(token)
    assert subject is not None
    return subject.actor_id


async def _ended(users: Users, *grants: StreamGrant) -> set[StreamGrant]:
    found = StreamGrants(unit_of_work=UnitOfWork(users.door.context.engine), clock=users.clock)
    return set(await found.find_ended(grants))


async def test_grant_ends_when_its_user_signs_out_and_those_of_others_do_not(users: Users) -> None:
    own_token, other_token = await users.token(), await users.token()
    own, other = await _grant(users, own_token), await _grant(users, other_token)
    before = await _ended(users, own, other)

    await users.door.send("DELETE", "/v1/sessions/current", headers=bearer(own_token), status=204)

    assert before == set()
    assert await _ended(users, own, other) == {own}


async def test_grant_ends_when_its_user_is_removed(users: Users) -> None:
    await users.token()
    token = await users.token(Role.MANAGER)
    grant = await _grant(users, token)
    user_id = await _user_id(users, token)

    await users.door.send("DELETE", f"/v1/users/{user_id}", status=204)

    assert await _ended(users, grant) == {grant}


async def test_grant_ends_when_its_user_gets_another_role(users: Users) -> None:
    await users.token()
    token = await users.token(Role.OWNER)
    grant = await _grant(users, token)
    user_id = await _user_id(users, token)

    await users.door.send("PATCH", f"/v1/users/{user_id}", json={"name": "Dana Levi"}, status=200)
    renamed = await _ended(users, grant)
    await users.door.send("PATCH", f"/v1/users/{user_id}", json={"role": "manager"}, status=200)

    assert renamed == set()
    assert await _ended(users, grant) == {grant}


async def test_grant_lasts_while_its_session_is_refreshed_and_ends_with_it(users: Users) -> None:
    tokens = await users.sessions.open(await users.code(await users.add("dana@fade.example")))
    grant = await _grant(users, tokens.access_token)

    await users.sessions.refresh(tokens.refresh_token)
    refreshed = await _ended(users, grant)
    await users.outside.execute("UPDATE user_sessions SET expires_at = $1", users.clock.now())

    assert refreshed == set()
    assert await _ended(users, grant) == {grant}


async def test_session_of_another_business_is_no_ground(users: Users) -> None:
    grant = await _grant(users, await users.token())
    elsewhere = replace(grant, tenant_id=TenantId(uuid4()))

    assert await _ended(users, grant, elsewhere) == {elsewhere}


@pytest.mark.parametrize("other", [{"issuer": "https://other.example/"}, {"audience": "another shop"}])
async def test_grant_of_an_identity_provider_ends_when_the_business_names_another_or_none(
    users: Users, other: dict[str, str]
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    body = {
        "issuer": _ISSUER,
        "audience": "shop",
        "public_keys": [{**ECAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": "1"}],
        "claims": {"role": "role"},
    }
    await users.door.send("PUT", "/v1/identity-provider", json=body, status=200)
    claims = {
        "iss": _ISSUER,
        "aud": "shop",
        "sub": "noa",
        "role": "manager",
        "exp": users.clock.now().timestamp() + 900,
    }
    grant = await _grant(users, jwt.encode(claims, key, algorithm="ES256", headers={"kid": "1"}))
    own = await _grant(users, await users.token())
    while_named = await _ended(users, grant, own)

    await users.door.send("PUT", "/v1/identity-provider", json={**body, **other}, status=200)
    with_another = await _ended(users, grant, own)
    await users.door.send("DELETE", "/v1/identity-provider", status=204)

    assert grant.id == provider_id_of(_ISSUER, "shop")
    assert while_named == set()
    assert with_another == await _ended(users, grant, own) == {grant}
