"""Telephone numbers: whether one is possible, and the form in which two are compared."""

from functools import lru_cache
from typing import Final

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat

from bookings.model import Appointment
from catalogue.model.catalogue import Catalogue
from catalogue.model.resources import Resource
from catalogue.model.services import Service
from kernel.ids import LocationId
from kernel.zones import country_of

_REMEMBERED: Final = 4096
"""Numbers of a busy minute: each booking asks about its own more than once."""


def country_for(catalogue: Catalogue, lead: Resource, location_id: LocationId | None) -> str | None:
    """The country whose numbers need no country code at the location of a visit; None: there is none.

    A visit that names no location is at that of the resource that leads it.
    """
    location = catalogue.location_by_id[lead.location_id if location_id is None else location_id]
    return location.country or country_of(location.timezone)


def countries_for(catalogue: Catalogue, service: Service) -> set[str | None]:
    """The same of each location at which a visit of the service may be."""
    leads = catalogue.pool(service.requires[0])
    return {country_for(catalogue, lead, place) for lead in leads for place in lead.work_location_ids}


def country_of_visit(catalogue: Catalogue, appointment: Appointment) -> str | None:
    """The same of a visit that is booked, by its zone where the resource that leads it is gone, or its location."""
    lead = catalogue.resource_by_id.get(appointment.parts[0].resource_id)
    place = appointment.location_id
    if lead is None or (place is not None and place not in catalogue.location_by_id):
        return country_of(appointment.timezone)
    return country_for(catalogue, lead, place)


def fault_of(typed: str, country: str | None) -> str | None:
    """Say what is wrong with a number, as a sentence about it; None if it may be one.

    A number without a country code cannot be judged where there is no country.
    """
    if _parsed(typed, country) is not None or (country is None and not _is_international(typed)):
        return None
    where = "" if _is_international(typed) else f" in {country}; give the country code, as in +44, for another country"
    return f"is no possible telephone number{where}"


def e164(typed: str, country: str | None) -> str | None:
    """The number in E.164; None where it is no possible number, or where its country is unknown."""
    number = _parsed(typed, country)
    return None if number is None else phonenumbers.format_number(number, PhoneNumberFormat.E164)


def digits(typed: str) -> str:
    """The digits as typed, with a plus: how numbers were compared before."""
    return "".join(character for character in typed if character.isdigit() or character == "+")


def older_spellings(typed: str, country: str | None) -> tuple[str, ...]:
    """Digits under which a customer with that number may be stored: national, international, then as typed."""
    number = _parsed(typed, country)
    if number is None:
        return (digits(typed),)
    national = digits(phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL))
    code = f"{number.country_code}{phonenumbers.national_significant_number(number)}"
    return tuple(dict.fromkeys((national, code, f"00{code}", digits(typed))))


def _is_international(typed: str) -> bool:
    return typed.lstrip().startswith("+")


@lru_cache(maxsize=_REMEMBERED)
def _parsed(typed: str, country: str | None) -> phonenumbers.PhoneNumber | None:
    if country is None and not _is_international(typed):
        return None
    try:
        number = phonenumbers.parse(typed, country)
    except NumberParseException:
        return None
    return number if phonenumbers.is_possible_number(number) else None
