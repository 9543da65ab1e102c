"""Origins that a business allows: their form, and which pages each stands for."""

from typing import Any

import pytest
from pydantic import ValidationError

from catalogue.limits import MAX_ALLOWED_ORIGINS
from catalogue.model.allowed_origins import ANY_ORIGIN, allowed_origins_document, allows, desired_origins
from catalogue.model.business import BusinessSection


def _section(origins: list[Any]) -> BusinessSection:
    fields = {"name": "Fade & Co", "timezone": "UTC", "currency": "EUR", "allowed_origins": origins}
    return BusinessSection.model_validate(fields)


@pytest.mark.parametrize(
    ("entry", "origin", "expected"),
    [
        ("*", "https://fade.example", True),
        ("*", "null", True),
        ("https://fade.example", "https://fade.example", True),
        ("https://fade.example", "https://fade.example:8443", False),
        ("https://fade.example", "http://fade.example", False),
        ("https://fade.example", "https://fade.example.evil.example", False),
        ("https://fade.example", "https://evilfade.example", False),
        ("https://fade.example", "null", False),
        ("https://*.fade.example", "https://www.fade.example", True),
        ("https://*.fade.example", "https://a.b.fade.example", True),
        ("https://*.fade.example", "https://fade.example", False),
        ("https://*.fade.example", "https://evilfade.example", False),
        ("https://*.fade.example", "http://www.fade.example", False),
        ("https://*.fade.example", "https://www.fade.example:8443", False),
        ("https://*.fade.example:8443", "https://www.fade.example:8443", True),
    ],
)
def test_origin_is_allowed_by_what_stands_for_it(entry: str, origin: str, expected: bool) -> None:  # noqa: FBT001
    assert allows(["https://other.example", entry], origin) is expected
    assert not allows([], origin)


@pytest.mark.parametrize(
    "origins",
    [
        [],
        ["*"],
        ["https://fade.example", "http://localhost:5173", "http://127.0.0.1:8080", "http://[::1]:3000"],
        ["https://*.fade.example", "https://xn--bcher-kva.example"],
    ],
)
def test_well_formed_origins_are_kept(origins: list[str]) -> None:
    kept = desired_origins(_section(origins).allowed_origins)

    assert list(kept) == origins
    assert allowed_origins_document(kept) == (None if kept == ANY_ORIGIN else origins)


@pytest.mark.parametrize(
    ("origins", "fault"),
    [
        (["fade.example"], "must be an origin"),
        (["https://fade.example/"], "must be an origin"),
        (["https://fade.example/book"], "must be an origin"),
        (["https://Fade.example"], "must be an origin"),
        (["https://bücher.example"], "must be an origin"),
        (["https://fade.example:443"], "must be an origin"),
        (["http://fade.example:80"], "must be an origin"),
        (["https://*.com"], "must be an origin"),
        (["https://*"], "must be an origin"),
        (["https://a.*.example"], "must be an origin"),
        (["https://user@fade.example"], "must be an origin"),
        (["ftp://fade.example"], "must be an origin"),
        (["null"], "must be an origin"),
        (["https://fade.example\n"], "must be an origin"),
        (["https://fade.example", "https://fade.example"], "each origin once"),
        (["*", "https://fade.example"], "no other entry"),
        ([f"https://s{number}.example" for number in range(MAX_ALLOWED_ORIGINS + 1)], "at most"),
    ],
)
def test_other_texts_are_refused(origins: list[str], fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        _section(origins)
