"""What a business's key or a personal key seals opens with it alone, and in its place only."""

from dataclasses import replace
from typing import Final
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kernel.ids import TenantId
from persistence.key_ring import KeyRing, PersonalKey
from persistence.sealing import SecretPlace, SecretUnreadable

_TENANT: Final = TenantId(UUID(int=1))
_RING: Final = KeyRing(tenant_id=_TENANT, keys={1: AESGCM(bytes(32))}, index_key=bytes(range(32)))
_BOTH: Final = replace(_RING, keys={**_RING.keys, 2: AESGCM(bytes(range(32)))})
_PLACE: Final = SecretPlace(tenant_id=_TENANT, purpose="appointments.personal", row="apt_1")
_OTHERS: Final = (
    replace(_PLACE, tenant_id=TenantId(UUID(int=2))),
    replace(_PLACE, purpose="customers.personal"),
    replace(_PLACE, row="apt_2"),
)


def test_highest_key_seals_and_all_open() -> None:
    before = _RING.seal(b"data", _PLACE)

    after = _BOTH.seal(b"data", _PLACE)

    assert _BOTH.open(before, _PLACE) == _BOTH.open(after, _PLACE) == b"data"
    assert (_RING.knows(before), _RING.knows(after)) == (True, False)
    with pytest.raises(SecretUnreadable, match="number 2"):
        _RING.open(after, _PLACE)


@pytest.mark.parametrize("place", _OTHERS)
def test_nothing_opens_in_another_place(place: SecretPlace) -> None:
    key = _RING.new_personal_key("apt_1")

    with pytest.raises(SecretUnreadable):
        _RING.open(_RING.seal(b"data", _PLACE), place)
    with pytest.raises(SecretUnreadable):
        key.open(key.seal(b"data", _PLACE), place)


def test_personal_key_opens_what_it_sealed_and_is_that_of_its_row() -> None:
    key = _RING.new_personal_key("apt_1")
    sealed = key.seal(b"data", _PLACE)

    assert _RING.open_personal_key(key.sealed, "apt_1").open(sealed, _PLACE) == b"data"
    with pytest.raises(SecretUnreadable):
        _RING.open_personal_key(key.sealed, "apt_2")
    with pytest.raises(SecretUnreadable):
        _RING.new_personal_key("apt_1").open(sealed, _PLACE)


def test_personal_key_that_is_sealed_anew_is_the_same() -> None:
    key = _RING.new_personal_key("apt_1")
    sealed = key.seal(b"data", _PLACE)

    anew = _BOTH.open_personal_key(_BOTH.seal_anew(key.sealed, "apt_1"), "apt_1")

    assert (key.number, anew.number) == (1, 2)
    assert anew.open(sealed, _PLACE) == b"data"


@pytest.mark.parametrize("at", [0, 1, 5, 17, -1])
def test_no_changed_byte_goes_unnoticed(at: int) -> None:
    key = _RING.new_personal_key("apt_1")

    openers: tuple[KeyRing | PersonalKey, ...] = (_RING, key)
    for opener in openers:
        sealed = opener.seal(b"data", _PLACE)
        changed = bytearray(sealed)
        changed[at] ^= 1
        with pytest.raises(SecretUnreadable):
            opener.open(bytes(changed), _PLACE)
        with pytest.raises(SecretUnreadable):
            opener.open(sealed[:12], _PLACE)


def test_blind_index_is_the_same_for_a_business_and_another_for_others() -> None:
    other = replace(_RING, index_key=bytes(32))

    assert _RING.blind_index("email:dana@example.com") == _BOTH.blind_index("email:dana@example.com")
    assert _RING.blind_index("email:dana@example.com") != _RING.blind_index("email:dan@example.com")
    assert _RING.blind_index("email:dana@example.com") != other.blind_index("email:dana@example.com")
    assert len(_RING.blind_index("email:dana@example.com")) == len("blind:") + 32


def test_keys_stand_in_no_text() -> None:
    assert "AESGCM" not in repr(_RING)
    assert "cipher" not in repr(_RING.new_personal_key("apt_1"))
