"""Seal of what a visitor answers while placing a hold, in its record in Redis."""

import base64
import hmac
import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from holds.model import Hold
from kernel.ids import HoldId

_NONCE_BYTES: Final = 12
_PURPOSE: Final = b"answers of holds"
"""Holds work while Postgres is away, so the key follows from the business's secret, which Redis does not have."""


def seal_answers(answers: Mapping[str, str], hold_id: HoldId, secret: bytes) -> str:
    """The answers, sealed for the record of that hold, as text."""
    nonce = os.urandom(_NONCE_BYTES)
    sealed = _cipher(secret).encrypt(nonce, orjson.dumps(dict(answers)), hold_id.encode())
    return base64.b64encode(nonce + sealed).decode()


def with_answers(hold: Hold, secret: bytes) -> Hold:
    """The hold with its answers opened. One whose record was changed past the engine has none."""
    if hold.sealed_answers is None:
        return hold
    sealed = base64.b64decode(hold.sealed_answers)
    try:
        opened = _cipher(secret).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], hold.id.encode())
    except InvalidTag:
        return hold
    return replace(hold, answers=orjson.loads(opened), sealed_answers=None)


def digest_of_answers(answers: Mapping[str, str], secret: bytes) -> str:
    """A digest that is the same for the same answers, and that nobody without the secret can guess them by."""
    return hmac.digest(secret, _PURPOSE + orjson.dumps(dict(answers), option=orjson.OPT_SORT_KEYS), "sha256").hex()


def client_name(client: str | None, secret: bytes) -> str | None:
    """The name of a client as Redis knows it, which may be an address: nobody without the secret can guess it."""
    return client and hmac.digest(secret, f"client:{client}".encode(), "sha256").hex()


def _cipher(secret: bytes) -> AESGCM:
    return AESGCM(hmac.digest(secret, _PURPOSE, "sha256"))
