from typing import Any

import pytest
from pydantic import ValidationError

from api.schemas.appointment_requests import AnnotateAppointment, CancelAppointment, ConfirmHold
from bookings.customers import identity


def _details(**customer: str) -> Any:
    return ConfirmHold.model_validate({"customer": {"name": "Dana", **customer}}).details().customer


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("dana@example.com", "dana@example.com"),
        (" Dana.Levi+bookings@Example.COM ", "Dana.Levi+bookings@example.com"),
        ("o'brien_x@mail.example.co.uk", "o'brien_x@mail.example.co.uk"),
        ("דנה@example.com", "דנה@example.com"),
        ("dana@bücher.example", "dana@bücher.example"),
        ("dana@BÜCHER.example", "dana@bücher.example"),
        # As it was spelled before, so that the customer is found.
        ("dana@xn--Bcher-kva.example", "dana@xn--bcher-kva.example"),
        ("δοκιμή@παράδειγμα.δοκιμή", "δοκιμή@παράδειγμα.δοκιμή"),
        # For tests (RFC 6761).
        ("dana@shop.test", "dana@shop.test"),
    ],
)
def test_email_is_stored_with_its_domain_in_lower_case(typed: str, stored: str) -> None:
    details = _details(email=typed)

    assert details.email == stored
    assert identity(details, "IL") == f"email:{typed.strip().lower()}"


@pytest.mark.parametrize(
    "typed",
    [
        "dana", "dana@", "@example.com", "dana@@example.com", "dana@example", "dana@localhost", "dana@-example.com",
        "dana@example..com", "da..na@example.com", ".dana@example.com", "da na@example.com", '"da na"@example.com',
        "dana@[127.0.0.1]", "dana@example.com\nBcc: all@example.com", "da\u202ena@example.com",
        "dana@exa\u200bmple.com", "Dana <dana@example.com>", "d" * 65 + "@example.com", "dana@example.invalid",
        "da\x00na@example.com", "dana@" + "a" * 64 + ".com",
    ],
)  # fmt: skip
def test_email_that_no_mail_can_reach_is_refused(typed: str) -> None:
    with pytest.raises(ValidationError) as refused:
        _details(email=typed)

    (error,) = refused.value.errors()
    assert error["loc"] == ("customer", "email")
    assert "must be an e-mail address: " in error["msg"]


@pytest.mark.parametrize(
    "typed", ["\u202a+972 50-123-4567\u202c", "\u202d+972 50-123-4567\u202c", "+972 50-123-4567\u200e"]
)
def test_phone_is_taken_as_address_books_copy_it(typed: str) -> None:
    assert _details(phone=typed).phone == "+972 50-123-4567"


def test_texts_of_customers_are_folded() -> None:
    body = ConfirmHold.model_validate(
        {"customer": {"name": " Zoe\u0308 "}, "notes": "\u2068one\u2069\r\ntwo\n", "metadata": {"crm": " 81\n"}}
    )

    assert body.customer.name == "Zoë"
    assert body.notes == "one\ntwo"
    assert body.metadata == {"crm": " 81\n"}
    assert AnnotateAppointment.model_validate({"notes": "\u200b"}).new_notes == ""
    assert CancelAppointment.model_validate({"reason": "ill\u200e "}).reason == "ill\u200e"


@pytest.mark.parametrize(
    "body",
    [
        {"customer": {"name": "\u3164"}},
        {"customer": {"name": "Dana\u202e"}},
        {"notes": "a\u202eb"},
        {"notes": "a\x07b"},
        {"metadata": {"a\nb": ""}},
        {"metadata": {"\u200b": ""}},
        {"metadata": {"crm": "\u202e81"}},
    ],
)
def test_texts_of_customers_that_mislead_are_refused(body: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ConfirmHold.model_validate({"customer": {"name": "Dana"}, **body})
