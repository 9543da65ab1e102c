"""Letters: the built-in words of a message, of which its text and its HTML are made alike."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from kernel.money import Money
from messages.content.language import Language
from messages.content.model import Audience, MessageFacts, MessageKind, VisitFacts

_K = MessageKind
# What became of these is decided: there is nothing to change in them.
_OVER: Final = frozenset({_K.DECLINED, _K.EXPIRED, _K.CANCELLED, _K.PAYMENT_REFUNDED, _K.FOLLOW_UP})
_ACTIONS: Final[Mapping[MessageKind, str]] = {
    _K.DECLINED: "button.again",
    _K.EXPIRED: "button.again",
    _K.CANCELLED: "button.again",
    _K.PAYMENT_DUE: "button.pay",
    _K.PAYMENT_FAILED: "button.retry",
    _K.WAITLIST_OFFER: "button.accept",
    _K.SIGN_IN_LINK: "button.sign_in",
    _K.FOLLOW_UP: "button.return",
}
_MONEY_KINDS: Final = frozenset({_K.PAYMENT_DUE, _K.PAYMENT_FAILED, _K.PAYMENT_REFUNDED})
_MOST_CHARACTERS: Final = 60
"""The part of a name in a subject, a text message or a push, which are read at a glance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterRow:
    """One fact of a letter, with its label."""

    label: str
    value: str
    text: str
    """Both, as one line of text."""
    is_old: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterLink:
    """A page that a letter leads to."""

    label: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """Everything that a mail says, in its order."""

    subject: str
    preview: str
    """The line that programs show beside the subject."""
    headline: str
    paragraphs: tuple[str, ...]
    code: str | None = None
    rows: tuple[LetterRow, ...] = ()
    links: tuple[LetterLink, ...] = ()
    notes: tuple[str, ...] = ()
    foot: tuple[str, ...] = ()
    preferences: LetterLink | None = None


def letter(facts: MessageFacts, language: Language) -> Letter:
    """The letter that tells of the facts."""
    if facts.visit is None:
        return _letter_without_visit(facts, language)
    visit = facts.visit
    what = visit_words(facts, visit, language)
    return Letter(
        subject=subject(facts, language),
        preview=what,
        headline=_say(facts, language, "headline"),
        paragraphs=(_lead(facts, visit, language),),
        rows=tuple(_rows(facts, visit, language)),
        links=tuple(_links(facts, language)),
        notes=tuple(_notes(facts, visit, language)),
        foot=foot(facts, language),
        preferences=preferences(facts, language),
    )


def subject(facts: MessageFacts, language: Language) -> str:
    """The line that tells who, what and when; it names no customer (N8)."""
    business = short(facts.business.name)
    if facts.kind is MessageKind.SIGN_IN_LINK:
        return language.say("sign_in_link.subject", business=business)
    if facts.kind is MessageKind.CODE:
        return language.say("code.subject", business=business, code=language.number(_code(facts)))
    assert facts.visit is not None, "only sign-in links and codes are about no visit"
    return language.say(
        "subject",
        word=_say(facts, language, "word"),
        visit=visit_name(facts.visit, language),
        when=language.moment(facts.visit.start, facts.visit.timezone),
        business=business,
    )


def short_words(facts: MessageFacts, language: Language) -> str:
    """A text message's words, without the link."""
    if facts.kind is MessageKind.CODE:
        assert facts.minutes is not None, "a code has its time"
        name = short(facts.business.name)
        return language.count("code.sms", facts.minutes, business=name, code=_code(facts))
    return subject(facts, language)


def push_words(facts: MessageFacts, language: Language) -> tuple[str, str]:
    """The title and the body of a push."""
    if facts.visit is None:
        return subject(facts, language), short_words(facts, language)
    return _say(facts, language, "headline"), visit_words(facts, facts.visit, language)


def main_link(facts: MessageFacts) -> str | None:
    """The page of the step that is asked for, else the visit's; for the team the other way about."""
    first, second = facts.links.action, facts.links.manage
    return first or second if facts.audience is Audience.CUSTOMER else second or first


def visit_name(visit: VisitFacts, language: Language) -> str:
    """The service, and who serves."""
    service = short(visit.service)
    if not visit.resources:
        return service
    return language.say("visit.with", service=service, names=short(language.listed(list(map(line, visit.resources)))))


def visit_words(facts: MessageFacts, visit: VisitFacts, language: Language) -> str:
    """The service with its start and the business."""
    name, when = visit_name(visit, language), language.moment(visit.start, visit.timezone)
    both = language.say("when.short", day=name, time=when)
    return language.say("event", visit=both, business=short(facts.business.name))


def foot(facts: MessageFacts, language: Language) -> tuple[str, ...]:
    """The lines below a letter: who sends it, and whom to call."""
    sender = language.say("foot.sender", business=line(facts.business.name))
    if facts.business.phone is None or facts.audience is not Audience.CUSTOMER:
        return (sender,)
    return sender, language.say("foot.phone", phone=language.number(line(facts.business.phone)))


def preferences(facts: MessageFacts, language: Language) -> LetterLink | None:
    """The page on which one chooses what one is told."""
    url = facts.links.preferences
    return None if url is None else LetterLink(label=language.say("foot.preferences"), url=url)


def amount_of(facts: MessageFacts) -> Money | None:
    """The amount that a message tells of."""
    return facts.amount or (None if facts.visit is None else facts.visit.price)


def line(value: str) -> str:
    """A value as one line."""
    return " ".join(value.split())


def short(value: str) -> str:
    """A value as one line that is short enough to be read at a glance."""
    value = line(value)
    return value if len(value) <= _MOST_CHARACTERS else f"{value[: _MOST_CHARACTERS - 1].rstrip()}…"


def _say(facts: MessageFacts, language: Language, part: str, **values: str) -> str:
    side = "customer" if facts.audience is Audience.CUSTOMER else "team"
    return language.say(f"{facts.kind}.{side}.{part}", **values)


def _lead(facts: MessageFacts, visit: VisitFacts, language: Language) -> str:
    values = {"business": line(facts.business.name)}
    if facts.kind in _MONEY_KINDS:
        amount = amount_of(facts)
        assert amount is not None, "a message about a payment has an amount"
        values["amount"] = language.price(amount)
    due_by = visit.approve_by if facts.kind is MessageKind.PENDING else facts.due_by
    if due_by is not None and facts.kind in {_K.PENDING, _K.PAYMENT_DUE, _K.WAITLIST_OFFER}:
        return _say(facts, language, "lead_by", time=language.moment(due_by, visit.timezone), **values)
    by_customer = facts.kind is MessageKind.CANCELLED and visit.cancelled_by == "customer"
    return _say(facts, language, "lead_self" if by_customer else "lead", **values)


def _rows(facts: MessageFacts, visit: VisitFacts, language: Language) -> Iterator[LetterRow]:
    """The facts of the visit. A customer's own words are in none that is for customers."""

    def row(key: str, value: str, *, is_old: bool = False) -> LetterRow:
        label = language.say(f"label.{key}")
        text = language.say("line", label=label, value=value)
        # No line ends between the times of a visit.
        shown = language.isolated(value).replace("\u2013", "\u2060\u2013\u2060")
        return LetterRow(label=label, value=shown, text=text, is_old=is_old)

    yield row("service", line(visit.service))
    yield row("when", language.period(visit.start, visit.end, visit.timezone))
    if visit.previous_start is not None and facts.kind is MessageKind.RESCHEDULED:
        yield row("before", language.moment(visit.previous_start, visit.timezone), is_old=True)
    if visit.customer_name and facts.audience is not Audience.CUSTOMER:
        yield row("customer", line(visit.customer_name))
    if visit.resources:
        yield row("with", language.listed(list(map(line, visit.resources))))
    if place := language.place(line(visit.location or ""), line(visit.address or "")):
        yield row("where", place)
    if visit.party > 1:
        yield row("people", language.count("people", visit.party))
    if visit.add_ons:
        yield row("add_ons", language.listed(list(map(line, visit.add_ons))))
    if visit.price is not None and facts.kind not in _OVER:
        yield row("price", language.price(visit.price))


def _links(facts: MessageFacts, language: Language) -> Iterator[LetterLink]:
    """The pages, the one of the step that is asked for first; the team needs the visit's alone."""
    action, manage = facts.links.action, facts.links.manage
    if facts.audience is not Audience.CUSTOMER and facts.visit is not None:
        if url := manage or action:
            yield LetterLink(label=language.say("button.open"), url=url)
        return
    if action is not None:
        yield LetterLink(label=language.say(_ACTIONS.get(facts.kind, "button.view")), url=action)
    if manage is not None and manage != action:
        key = "button.view" if facts.kind in _OVER else "button.manage"
        yield LetterLink(label=language.say(key), url=manage)


def _notes(facts: MessageFacts, visit: VisitFacts, language: Language) -> Iterator[str]:
    if visit.fee is not None and visit.fee.amount_minor > 0 and facts.kind is MessageKind.CANCELLED:
        yield language.say("fee", fee=language.price(visit.fee))
    yield language.say("zone", zone=language.zone_name(visit.timezone))


def _letter_without_visit(facts: MessageFacts, language: Language) -> Letter:
    """The letter with a sign-in link, or with a code."""
    assert facts.minutes is not None, "a link and a code have their time"
    name, is_link = line(facts.business.name), facts.kind is MessageKind.SIGN_IN_LINK
    life = language.count("sign_in_link.life" if is_link else "code.lead", facts.minutes)
    safety = language.say(f"{facts.kind}.safety")
    return Letter(
        subject=subject(facts, language),
        preview=life,
        headline=subject(facts, language) if is_link else language.say("code.headline", business=name),
        paragraphs=(language.say("sign_in_link.lead") if is_link else life,),
        code=None if is_link else _code(facts),
        links=tuple(_links(facts, language)),
        notes=(life, safety) if is_link else (safety,),
        foot=foot(facts, language),
    )


def _code(facts: MessageFacts) -> str:
    assert facts.code is not None, "a message with a code has one"
    return facts.code
