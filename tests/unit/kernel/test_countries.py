"""Countries of zones."""

import pytest

from kernel.zones import countries, country_of


@pytest.mark.parametrize(
    ("name", "country"),
    [
        ("Asia/Jerusalem", "IL"),
        ("Asia/Tel_Aviv", "IL"),
        ("US/Eastern", "US"),
        ("Europe/Oslo", "NO"),
        ("Asia/Calcutta", "IN"),
        ("UTC", None),
        ("Etc/GMT-2", None),
    ],
)
def test_country_is_that_of_the_zone_by_any_of_its_names(name: str, country: str | None) -> None:
    assert country_of(name) == country


def test_countries_are_those_of_the_standard() -> None:
    assert len(countries()) > 240
    assert {"FR", "GB", "IL"} <= countries()
    assert "UK" not in countries()
