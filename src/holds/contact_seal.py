"""Seal of the contact that a hold's visitor is to prove, in its record in Redis, and the digests of codes."""

import base64
import hmac
import os
from dataclasses import dataclass
from typing import Final

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from catalogue.model.rules.verification import Verification
from kernel.ids import HoldId

_NONCE_BYTES: Final = 12
_PURPOSE: Final = b"contacts of holds"
_CODES: Final = b"codes of holds|"


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldContact:
    """An address that a code is sent to."""

    verification: Verification
    address: str
    """An e-mail address as it was given, or a telephone number in E.164."""


def seal_contact(contact: HoldContact, hold_id: HoldId, secret: bytes) -> str:
    """The contact, sealed for the record of that hold, as text."""
    nonce = os.urandom(_NONCE_BYTES)
    content = orjson.dumps([contact.verification.value, contact.address])
    return base64.b64encode(nonce + _cipher(secret).encrypt(nonce, content, hold_id.encode())).decode()


def opened_contact(sealed: str, hold_id: HoldId, secret: bytes) -> HoldContact | None:
    """The contact of a record; None where the record was changed past the engine, or the secret is another one."""
    content = base64.b64decode(sealed)
    try:
        opened = _cipher(secret).decrypt(content[:_NONCE_BYTES], content[_NONCE_BYTES:], hold_id.encode())
    except InvalidTag:
        return None
    verification, address = orjson.loads(opened)
    return HoldContact(verification=Verification(verification), address=address)


def code_digest(code: str, hold_id: HoldId, secret: bytes) -> str:
    """The digest of a code of that hold: of the few codes that there are, nobody without the secret can try each."""
    return hmac.digest(secret, _CODES + f"{hold_id}|{code}".encode(), "sha256").hex()


def _cipher(secret: bytes) -> AESGCM:
    return AESGCM(hmac.digest(secret, _PURPOSE, "sha256"))
