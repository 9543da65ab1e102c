"""Telephone numbers: judged and compared by the country of the location."""

import pytest

from bookings.customers import identity
from bookings.model import CustomerDetails
from bookings.phone_numbers import e164, fault_of, older_spellings


@pytest.mark.parametrize(
    "typed",
    ["054 123 4567", "0541234567", "+972 54-123-4567", "+972 (0)54 123 4567", "00972541234567", "972 54 123 4567"],
)
def test_spellings_of_one_number_are_one(typed: str) -> None:
    assert e164(typed, "IL") == "+972541234567"
    assert fault_of(typed, "IL") is None
    assert identity(CustomerDetails(name="Dana", phone=typed), "IL") == "phone:+972541234567"


def test_number_without_a_country_code_is_of_the_country() -> None:
    assert [e164("020 7946 0018", country) for country in ("GB", "ZA", None)] == [
        "+442079460018",
        "+272079460018",
        None,
    ]


@pytest.mark.parametrize(
    ("typed", "country", "fault"),
    [
        ("123", "IL", "is no possible telephone number in IL; give the country code, as in +44, for another country"),
        ("+999 1234567", None, "is no possible telephone number"),
        ("+972 54 123 4567 890 123", "IL", "is no possible telephone number"),
    ],
)
def test_impossible_number_is_told(typed: str, country: str | None, fault: str) -> None:
    assert fault_of(typed, country) == fault
    assert e164(typed, country) is None


def test_number_of_no_known_country_is_compared_by_its_digits() -> None:
    assert fault_of("054 123 4567", None) is None
    assert identity(CustomerDetails(name="Dana", phone="054 123 4567"), None) == "phone:0541234567"
    assert older_spellings("054 123 4567", None) == ("0541234567",)


def test_older_spellings_are_the_same_however_the_number_is_typed() -> None:
    spellings = ("0541234567", "972541234567", "00972541234567")

    assert older_spellings("054 123 4567", "IL") == spellings
    assert older_spellings("+972 54-123-4567", "IL") == (*spellings, "+972541234567")
