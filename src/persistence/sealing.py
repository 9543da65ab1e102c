"""Sealing of secrets: encryption by a master key that binds the result to the place where it is kept."""

import base64
import binascii
import hashlib
import hmac
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kernel.errors import DomainError
from kernel.ids import TenantId

KEY_BYTES: Final = 32
"""AES-256."""
_VERSION: Final = b"\x01"
_KEY_ID_BYTES: Final = 4
# As NIST SP 800-38D asks for; chosen at random, a key may seal four thousand million values.
_NONCE_BYTES: Final = 12
_HEADER_BYTES: Final = len(_VERSION) + _KEY_ID_BYTES
_TAG_BYTES: Final = 16
# What a key of digests is derived for, so that no value is ever both such a key and one that seals.
_DIGESTS: Final = b"holdfast digests"


class MasterKeyMissing(DomainError):
    """No master key is set, so no secret can be kept."""

    code = "master_key_missing"

    def __init__(self) -> None:
        super().__init__("The operator of this engine has set no HOLDFAST_MASTER_KEY, so it cannot keep secrets.")


class SecretUnreadable(Exception):
    """No master key of this process opens a sealed secret, or the secret belongs to another place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretPlace:
    """The place where a secret is kept; moved to another one, it cannot be opened."""

    tenant_id: TenantId
    purpose: str
    row: str
    """The id of the row."""

    @property
    def bound_data(self) -> bytes:
        """The bytes that a seal authenticates besides the secret. No part of them can have a bar in it."""
        return f"\x01|{self.tenant_id}|{self.purpose}|{self.row}".encode()


class MasterKeys:
    """The master keys of the engine: the first seals, and all of them open.

    A sealed secret is a byte for the version of this layout, four bytes that identify the key, twelve of a random
    nonce, and the ciphertext of AES-256-GCM with its tag.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        """`keys` of 32 bytes each; none at all where nothing has to be kept secret. Raises ValueError."""
        if any(len(key) != KEY_BYTES for key in keys):
            message = f"each key must have {KEY_BYTES} bytes"
            raise ValueError(message)
        self._ciphers = {key_id_of(key): AESGCM(key) for key in keys}
        self._digest_keys = {key_id_of(key): hmac.digest(key, _DIGESTS, "sha256") for key in keys}
        if len(self._ciphers) != len(keys):
            message = "must not name a key twice"
            raise ValueError(message)

    @classmethod
    def parse(cls, text: str) -> "MasterKeys":
        """Read keys in base64, separated by commas. Raises ValueError, which repeats no part of a key."""
        try:
            keys = [base64.b64decode(part.strip(), validate=True) for part in text.split(",") if part.strip()]
        except (binascii.Error, ValueError):
            message = "must be keys in base64, separated by commas"
            raise ValueError(message) from None
        return cls(keys)

    def __bool__(self) -> bool:
        """True if there are any."""
        return bool(self._ciphers)

    @property
    def ids(self) -> frozenset[str]:
        """The ids of all of them."""
        return frozenset(self._ciphers)

    @property
    def current_key_id(self) -> str:
        """The id of the key that seals. Raises MasterKeyMissing."""
        for key_id in self._ciphers:
            return key_id
        raise MasterKeyMissing

    def seal(self, secret: bytes, place: SecretPlace) -> bytes:
        """Seal the secret for that place. Raises MasterKeyMissing."""
        return self.seal_with_nonce(secret, place, os.urandom(_NONCE_BYTES))

    def seal_with_nonce(self, secret: bytes, place: SecretPlace, nonce: bytes) -> bytes:
        """Seal with a nonce that was never used with the key before: only a test chooses it."""
        key_id = self.current_key_id
        return _VERSION + bytes.fromhex(key_id) + nonce + self._ciphers[key_id].encrypt(nonce, secret, place.bound_data)

    def open(self, sealed: bytes, place: SecretPlace) -> bytes:
        """Open what was sealed for that place. Raises SecretUnreadable."""
        if len(sealed) < _HEADER_BYTES + _NONCE_BYTES + _TAG_BYTES or not sealed.startswith(_VERSION):
            message = "This is no sealed secret."
            raise SecretUnreadable(message)
        key_id = sealed[len(_VERSION) : _HEADER_BYTES].hex()
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            message = f"HOLDFAST_MASTER_KEY has no key with the id {key_id}."
            raise SecretUnreadable(message)
        nonce, ciphertext = sealed[_HEADER_BYTES : _HEADER_BYTES + _NONCE_BYTES], sealed[_HEADER_BYTES + _NONCE_BYTES :]
        try:
            return cipher.decrypt(nonce, ciphertext, place.bound_data)
        except InvalidTag:
            message = "The sealed secret was changed, or belongs to another place."
            raise SecretUnreadable(message) from None

    def digests(self, text: bytes, purpose: str) -> Mapping[str, bytes]:
        """A digest of the text by each key, by the id of the key, that of the key that seals first.

        Rows are found by them, and nobody without a key can tell what they are of. Raises MasterKeyMissing.
        """
        assert self.current_key_id
        return {
            key_id: hmac.digest(hmac.digest(key, purpose.encode(), "sha256"), text, "sha256")
            for key_id, key in self._digest_keys.items()
        }


def key_id_of(key: bytes) -> str:
    """The id of a master key: the first four bytes of its SHA-256, in hexadecimal. It tells nothing of the key."""
    return hashlib.sha256(key).digest()[:_KEY_ID_BYTES].hex()


def new_master_key() -> str:
    """A fresh master key, in base64."""
    return base64.b64encode(os.urandom(KEY_BYTES)).decode()
