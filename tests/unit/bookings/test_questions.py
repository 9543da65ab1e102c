"""Digests of what a visitor sends."""

import hashlib

import orjson

from bookings.model import CustomerDetails, Details

_DANA = CustomerDetails(name="Dana", email="dana@example.com")


def test_details_without_answers_are_told_apart_as_before_there_were_any() -> None:
    details = Details(customer=_DANA, notes="First visit", metadata={"crm": "81"})

    before = {"customer": _DANA, "notes": "First visit", "metadata": {"crm": "81"}}
    assert details.digest == hashlib.sha256(orjson.dumps(before, option=orjson.OPT_SORT_KEYS)).hexdigest()
    assert details.fingerprint == f"Details(customer={_DANA!r}, notes='First visit', metadata={{'crm': '81'}})"


def test_answers_tell_details_apart() -> None:
    one, other = (Details(customer=_DANA, answers={"hair": answer}) for answer in ("Short", "Long"))

    assert one.digest != other.digest
    assert one.fingerprint != other.fingerprint
