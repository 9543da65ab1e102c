"""The set-ups in which time off decides which dates can be booked."""

from collections.abc import Iterable

from catalogue.model.business import Business
from catalogue.model.resources import Resource
from catalogue.model.rules.window import BusinessDaysWindow
from catalogue.model.services import Service


def count_business_days(business: Business, resources: Iterable[Resource], services: Iterable[Service]) -> bool:
    """True if a booking window of one of them counts business days."""
    rules = [business.rules, *(one.rules for one in resources), *(one.rules for one in services)]
    return any(isinstance(one.window, BusinessDaysWindow) for one in rules)
