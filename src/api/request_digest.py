"""Digests of requests and of their keys: equal for the same request sent twice, however its JSON is formatted."""

import hashlib
from contextlib import suppress

import orjson
from fastapi import Request

from api.authentication import Caller


def digest_of(request: Request, caller: Caller, body: bytes) -> bytes:
    """The digest of the method, path, query, credential and body."""
    return _digest(
        request.method.encode(),
        request.url.path.encode(),
        request.url.query.encode(),
        caller.kind.encode(),
        (caller.appointment_id or "").encode(),
        _canonical(body),
    )


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
