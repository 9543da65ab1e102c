"""Digests of requests and of their keys: equal for the same request sent twice, however its JSON is formatted."""

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import orjson
from fastapi import Request

from api.authentication import Caller
from persistence.sealing import MasterKeys

_PURPOSE: Final = "request_digest"


def digests_of(request: Request, caller: Caller, body: bytes, keys: MasterKeys) -> Sequence[bytes]:
    """The digests of the method, path, query, credential and body: the one to keep, then those of rows kept before.

    With a master key the first is keyed: without it nobody can try out whether a body had somebody's name and address.
    Older keys, and programs that had none, have left the others.
    """
    plain = _digest(
        request.method.encode(),
        request.url.path.encode(),
        request.url.query.encode(),
        caller.kind.encode(),
        (caller.appointment_id or "").encode(),
        _canonical(body),
    )
    if not keys:
        return (plain,)
    return (*keys.digests(caller.operation.tenant_id.bytes + plain, _PURPOSE).values(), plain)


def key_of(caller: Caller, sent: str) -> str:
    """The idempotency key as it is stored: each credential has keys of its own, and all are of one length."""
    return _digest(caller.kind.encode(), caller.operation.actor.id.encode(), sent.encode()).hex()


def _digest(*parts: bytes) -> bytes:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.digest()


def _canonical(body: bytes) -> bytes:
    with suppress(orjson.JSONDecodeError):
        return orjson.dumps(orjson.loads(body), option=orjson.OPT_SORT_KEYS)
    return body
