"""Digests of requests: equal for the same request sent twice, however its JSON is formatted."""

import hashlib
from contextlib import suppress

import orjson
from fastapi import Request

from api.authentication import Caller


def digest_of(request: Request, caller: Caller, body: bytes) -> bytes:
    """The digest of the method, path, query, credential and body."""
    digest = hashlib.sha256()
    for part in (
        request.method.encode(),
        request.url.path.encode(),
        request.url.query.encode(),
        caller.kind.encode(),
        (caller.appointment_id or "").encode(),
        _canonical(body),
    ):
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.digest()


def _canonical(body: bytes) -> bytes:
    with suppress(orjson.JSONDecodeError):
        return orjson.dumps(orjson.loads(body), option=orjson.OPT_SORT_KEYS)
    return body
