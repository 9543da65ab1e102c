"""What is sealed opens with its key and in its place only; the layout is fixed, because rows have it."""

import base64
from dataclasses import replace
from typing import Final
from uuid import UUID

import pytest

from kernel.ids import TenantId
from persistence.sealing import (
    MasterKeyMissing,
    MasterKeys,
    SecretPlace,
    SecretUnreadable,
    key_id_of,
    new_master_key,
)

_OLD: Final = bytes(range(32))
_NEW: Final = bytes(range(32, 64))
_PLACE: Final = SecretPlace(tenant_id=TenantId(UUID(int=1)), purpose="webhook_endpoint", row="sec_1")
# "secret" sealed by _OLD for _PLACE, with a nonce of zeros: rows that are stored have this layout.
_KNOWN: Final = "01630dcd290000000000000000000000007dd9d6acd058783c83eb489b515df955e9d00874d1f9"
_OTHERS: Final = (
    replace(_PLACE, tenant_id=TenantId(UUID(int=2))),
    replace(_PLACE, purpose="payment_provider"),
    replace(_PLACE, row="sec_2"),
)


def test_layout_is_version_key_nonce_ciphertext_and_tag() -> None:
    sealed = MasterKeys([_OLD]).seal_with_nonce(b"secret", _PLACE, bytes(12))

    assert sealed.hex() == _KNOWN
    assert MasterKeys([_OLD]).open(bytes.fromhex(_KNOWN), _PLACE) == b"secret"


def test_first_key_seals_and_all_open() -> None:
    sealed_before = MasterKeys([_OLD]).seal(b"secret", _PLACE)

    keys = MasterKeys([_NEW, _OLD])

    assert keys.open(sealed_before, _PLACE) == b"secret"
    assert keys.current_key_id == key_id_of(_NEW)
    assert MasterKeys([_NEW]).open(keys.seal(b"secret", _PLACE), _PLACE) == b"secret"


@pytest.mark.parametrize("place", _OTHERS)
def test_sealed_secret_opens_in_no_other_place(place: SecretPlace) -> None:
    sealed = MasterKeys([_OLD]).seal(b"secret", _PLACE)

    with pytest.raises(SecretUnreadable):
        MasterKeys([_OLD]).open(sealed, place)


def test_no_changed_byte_goes_unnoticed() -> None:
    keys = MasterKeys([_OLD])
    sealed = keys.seal(b"secret", _PLACE)

    for number in range(len(sealed)):
        changed = bytearray(sealed)
        changed[number] ^= 1
        with pytest.raises(SecretUnreadable):
            keys.open(bytes(changed), _PLACE)
    for length in range(len(sealed)):
        with pytest.raises(SecretUnreadable):
            keys.open(sealed[:length], _PLACE)


def test_missing_key_is_named_by_its_id() -> None:
    sealed = MasterKeys([_OLD]).seal(b"secret", _PLACE)

    with pytest.raises(SecretUnreadable, match=key_id_of(_OLD)):
        MasterKeys([_NEW]).open(sealed, _PLACE)


def test_same_secret_is_sealed_to_other_bytes_each_time() -> None:
    keys = MasterKeys([_OLD])

    assert keys.seal(b"secret", _PLACE) != keys.seal(b"secret", _PLACE)


def test_nothing_is_sealed_without_a_key() -> None:
    with pytest.raises(MasterKeyMissing):
        MasterKeys([]).seal(b"secret", _PLACE)


def test_keys_are_read_from_text() -> None:
    text = f"{base64.b64encode(_NEW).decode()}, {base64.b64encode(_OLD).decode()}"

    assert MasterKeys.parse(text).current_key_id == key_id_of(_NEW)
    assert MasterKeys.parse(new_master_key()).current_key_id != key_id_of(_NEW)


@pytest.mark.parametrize("text", ["c2hvcnQ=", "not base64!", f"{base64.b64encode(_OLD).decode()}," * 2])
def test_keys_that_are_none_are_refused_without_repeating_them(text: str) -> None:
    with pytest.raises(ValueError, match="must") as refusal:
        MasterKeys.parse(text)

    assert text not in str(refusal.value)
