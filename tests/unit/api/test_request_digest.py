"""Digests of requests: keyed, so that nobody without a key can try out what was sent."""

import hashlib
from typing import Final
from uuid import UUID

import pytest
from starlette.requests import Request

from access.roles import Role
from api.authentication import Caller, CallerKind
from api.request_digest import digests_of
from kernel.ids import TenantId
from kernel.operation import Actor, ActorKind, Operation
from persistence.sealing import MasterKeys, new_master_key
from tests.support.application import TENANT

_OLD: Final = new_master_key()
_NEW: Final = new_master_key()
_BODY: Final = b'{"customer": {"name": "Dana", "email": "dana@example.com"}}'


def _digests(keys: str, body: bytes = _BODY, tenant_id: TenantId = TENANT) -> list[bytes]:
    scope = {"type": "http", "method": "POST", "path": "/v1/appointments", "query_string": b"", "headers": []}
    operation = Operation(tenant_id, Actor(ActorKind.BUSINESS, "key_1"))
    caller = Caller(operation=operation, kind=CallerKind.SECRET, role=Role.OWNER)
    return list(digests_of(Request(scope), caller, body, MasterKeys.parse(keys)))


def test_kept_digest_is_not_that_of_the_request_alone() -> None:
    (plain,) = _digests("")

    kept, *others = _digests(_NEW)

    assert kept != plain
    assert others == [plain]
    assert len(kept) == len(hashlib.sha256().digest())


def test_request_has_the_digests_that_older_keys_have_left() -> None:
    old, plain = _digests(_OLD)

    new, *others = _digests(f"{_NEW},{_OLD}")

    assert others == [old, plain]
    assert new == _digests(_NEW)[0]


@pytest.mark.parametrize("tenant_id", [TENANT, TenantId(UUID(int=2))])
def test_businesses_and_bodies_have_digests_of_their_own(tenant_id: TenantId) -> None:
    body = _BODY if tenant_id != TENANT else _BODY.replace(b"Dana", b"Noa")

    assert _digests(_NEW, body, tenant_id)[0] != _digests(_NEW)[0]
    assert _digests(_NEW, b" " + _BODY.replace(b": ", b":"))[0] == _digests(_NEW)[0]
