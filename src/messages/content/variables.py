"""Variables: what a business's template may put into its words (docs/reference/message-templates.md)."""

from collections.abc import Mapping
from datetime import datetime

from kernel.money import Money
from messages.content.language import Language, without_isolates
from messages.content.letters import amount_of, letter, line
from messages.content.model import MessageFacts, VisitFacts


def variables(facts: MessageFacts, language: Language) -> dict[str, object]:
    """All variables, as words in the language; None for what there is not."""
    built_in = letter(facts, language)
    amount = amount_of(facts)
    timezone = "UTC" if facts.visit is None else facts.visit.timezone
    return {
        "business": {"name": line(facts.business.name), "phone": _line(facts.business.phone)},
        "visit": {} if facts.visit is None else _visit(facts.visit, language),
        "customer": {"name": None if facts.visit is None else _line(facts.visit.customer_name)},
        "links": {
            "manage": facts.links.manage,
            "preferences": facts.links.preferences,
            "action": facts.links.action,
        },
        "message": {
            "subject": without_isolates(built_in.subject),
            "headline": built_in.headline,
            "lead": built_in.paragraphs[0],
        },
        "code": facts.code,
        "minutes": facts.minutes,
        "amount": _price(amount, language),
        "due_by": _moment(facts.due_by, timezone, language),
        "before": None if facts.minutes_before is None else language.distance(facts.minutes_before),
    }


def _visit(visit: VisitFacts, language: Language) -> Mapping[str, object]:
    zone = visit.timezone
    return {
        "id": visit.appointment_id,
        "service": line(visit.service),
        "with": language.listed(list(map(line, visit.resources))) or None,
        "location": _line(visit.location),
        "address": _line(visit.address),
        "date": language.full_day(visit.start, zone),
        "day": language.day(visit.start, zone),
        "time": language.time(visit.start, zone),
        "end_time": language.time(visit.end, zone),
        "period": language.period(visit.start, visit.end, zone),
        "previous": _moment(visit.previous_start, zone, language),
        "timezone": language.zone_name(zone),
        "price": _price(visit.price, language),
        "people": language.count("people", visit.party),
        "party": visit.party,
        "add_ons": language.listed(list(map(line, visit.add_ons))) or None,
        "fee": _price(visit.fee, language),
        "approve_by": _moment(visit.approve_by, zone, language),
        "cancelled_by_customer": visit.cancelled_by == "customer",
    }


def _line(value: str | None) -> str | None:
    return None if value is None else line(value) or None


def _price(money: Money | None, language: Language) -> str | None:
    return None if money is None else language.price(money)


def _moment(at: datetime | None, timezone: str, language: Language) -> str | None:
    return None if at is None else language.moment(at, timezone)
