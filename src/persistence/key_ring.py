"""Keys of one business: what they seal, and the blind index by which something sealed is found."""

import hmac
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kernel.ids import TenantId
from persistence.sealing import KEY_BYTES, SecretPlace, SecretUnreadable

# By a business's key: the version of this layout, the number of the key, the nonce, the ciphertext with its tag.
_BY_BUSINESS: Final = b"\x02"
_NUMBER_BYTES: Final = 4
# By a personal key, of which a row has one: the version, the nonce, the ciphertext with its tag.
_BY_PERSON: Final = b"\x03"
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_INDEX_BYTES: Final = 16
"""Two of a thousand million customers share an index with a probability of one to 10^20."""
_INDEX_PREFIX: Final = "blind:"


@dataclass(frozen=True, slots=True)
class PersonalKey:
    """The key of the personal data in one row. Whoever deletes it from its table erases these data everywhere."""

    sealed: bytes
    """As it is kept, sealed by the business's key."""
    number: int
    """The number of the business's key."""
    _cipher: AESGCM = field(repr=False, compare=False)

    def seal(self, data: bytes, place: SecretPlace) -> bytes:
        """Seal data for that place."""
        nonce = os.urandom(_NONCE_BYTES)
        return _BY_PERSON + nonce + self._cipher.encrypt(nonce, data, place.bound_data)

    def open(self, sealed: bytes, place: SecretPlace) -> bytes:
        """Open what was sealed for that place. Raises SecretUnreadable."""
        if len(sealed) < 1 + _NONCE_BYTES + _TAG_BYTES or not sealed.startswith(_BY_PERSON):
            message = "This is nothing that a personal key has sealed."
            raise SecretUnreadable(message)
        return _decrypt(self._cipher, sealed[1:], place)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRing:
    """The keys of one business, by their numbers: the highest seals, all of them open."""

    tenant_id: TenantId
    keys: Mapping[int, AESGCM] = field(repr=False)
    index_key: bytes = field(repr=False)
    """It opens nothing, and stays: rows are found by what it made of them."""

    @property
    def number(self) -> int:
        """The number of the key that seals."""
        return max(self.keys)

    def has_sealed(self, sealed: bytes) -> bool:
        """True if a key of a business has sealed this, whichever, and not a personal key."""
        return sealed.startswith(_BY_BUSINESS)

    def knows(self, sealed: bytes) -> bool:
        """True if the key that has sealed this is one of these."""
        return _number_of(sealed) in self.keys

    def seal(self, data: bytes, place: SecretPlace) -> bytes:
        """Seal data of the business for that place."""
        number, nonce = self.number, os.urandom(_NONCE_BYTES)
        header = _BY_BUSINESS + number.to_bytes(_NUMBER_BYTES, "big")
        return header + nonce + self.keys[number].encrypt(nonce, data, place.bound_data)

    def open(self, sealed: bytes, place: SecretPlace) -> bytes:
        """Open what was sealed for that place. Raises SecretUnreadable."""
        number = _number_of(sealed)
        key = self.keys.get(number)
        if key is None:
            message = f"The business has no key with the number {number}."
            raise SecretUnreadable(message)
        return _decrypt(key, sealed[1 + _NUMBER_BYTES :], place)

    def new_personal_key(self, subject: str) -> PersonalKey:
        """A fresh key for the row with that id."""
        key = os.urandom(KEY_BYTES)
        return PersonalKey(self.seal(key, self._place_of(subject)), self.number, AESGCM(key))

    def open_personal_key(self, sealed: bytes, subject: str) -> PersonalKey:
        """The key of the row with that id. Raises SecretUnreadable."""
        return PersonalKey(sealed, _number_of(sealed), AESGCM(self.open(sealed, self._place_of(subject))))

    def seal_anew(self, sealed: bytes, subject: str) -> bytes:
        """A personal key, sealed by the key that seals now. Raises SecretUnreadable."""
        place = self._place_of(subject)
        return self.seal(self.open(sealed, place), place)

    def blind_index(self, text: str) -> str:
        """A name for the text that is always the same, tells nothing of it, and differs from business to business."""
        return f"{_INDEX_PREFIX}{hmac.digest(self.index_key, text.encode(), 'sha256')[:_INDEX_BYTES].hex()}"

    def _place_of(self, subject: str) -> SecretPlace:
        return SecretPlace(tenant_id=self.tenant_id, purpose="personal_keys", row=subject)


def _number_of(sealed: bytes) -> int:
    """The number of the key that has sealed this. Raises SecretUnreadable."""
    if len(sealed) < 1 + _NUMBER_BYTES + _NONCE_BYTES + _TAG_BYTES or not sealed.startswith(_BY_BUSINESS):
        message = "This is nothing that a business's key has sealed."
        raise SecretUnreadable(message)
    return int.from_bytes(sealed[1 : 1 + _NUMBER_BYTES], "big")


def _decrypt(cipher: AESGCM, sealed: bytes, place: SecretPlace) -> bytes:
    try:
        return cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], place.bound_data)
    except InvalidTag:
        message = "What was sealed was changed, or belongs to another place."
        raise SecretUnreadable(message) from None
