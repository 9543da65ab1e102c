"""Faults of a business's templates, in plain words."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Final

from jinja2 import nodes

from kernel.money import Money
from messages.content.language import find_language
from messages.content.model import (
    LANGUAGES,
    Audience,
    BusinessFacts,
    Links,
    MessageFacts,
    MessageKind,
    TemplateText,
    VisitFacts,
)
from messages.content.templates import TemplateRefused, own_text, parsed
from messages.content.variables import variables
from messages.model import ChannelName

_CHANNELS: Final = (ChannelName.EMAIL, ChannelName.SMS, ChannelName.PUSH)
_WITHOUT_ACTION: Final = frozenset(
    {
        MessageKind.CONFIRMED,
        MessageKind.PENDING,
        MessageKind.APPROVED,
        MessageKind.RESCHEDULED,
        MessageKind.REMINDER,
        MessageKind.PAYMENT_REFUNDED,
        MessageKind.CODE,
    }
)
_CUSTOMER_IN_SUBJECT: Final = "must not name the customer: subjects are shown where others can read them"


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateFault:
    """A reason why a template cannot be used."""

    part: str
    """`subject`, `text` or `html`; `channel` or `language` where that is at fault."""
    line: int
    message: str


def check_template(kind: str, channel: str, language: str, text: TemplateText) -> tuple[TemplateFault, ...]:
    """The faults of a template, found by reading it and by rendering it with a sample; none if it is good.

    `kind` may be a name of the business's own.
    """
    if channel not in _CHANNELS:
        detail = f"has no templates: those of {', '.join(_CHANNELS)} can be replaced"
        return (TemplateFault(part="channel", line=1, message=detail),)
    found = find_language(language)
    if found is None:
        detail = f"is none that messages are written in: they are {', '.join(LANGUAGES)}, also with a country"
        return (TemplateFault(part="language", line=1, message=detail),)
    occasion = MessageKind(kind) if kind in set(MessageKind) else MessageKind.FOLLOW_UP
    values = variables(sample_facts(occasion), found)
    # Every variable is known in every template: a sign-in link leaves those of a visit empty.
    known = _known_names(variables(sample_facts(MessageKind.CONFIRMED), found))
    return tuple(fault for part, source in _parts(channel, text) for fault in _faults(part, source, values, known))


def sample_facts(kind: MessageKind, audience: Audience = Audience.CUSTOMER) -> MessageFacts:
    """Facts of a visit in which nothing is missing, for samples and previews."""
    has_visit = kind not in {MessageKind.SIGN_IN_LINK, MessageKind.CODE}
    amount = Money(amount_minor=12_000, currency="EUR")
    visit = VisitFacts(
        appointment_id="apt_01KDSAMPLE",
        version=2,
        service="Haircut",
        resources=("Noa",),
        location="Fade & Co",
        address="1 Market Street",
        start=datetime(2026, 12, 1, 9, 0, tzinfo=UTC),
        end=datetime(2026, 12, 1, 9, 45, tzinfo=UTC),
        timezone="Europe/London",
        price=amount,
        party=2,
        add_ons=("Beard trim",),
        customer_name="Dana Levi",
        previous_start=datetime(2026, 11, 30, 14, 0, tzinfo=UTC),
        fee=Money(amount_minor=2_000, currency="EUR"),
        cancelled_by="customer",
        approve_by=datetime(2026, 11, 29, 18, 0, tzinfo=UTC),
    )
    return MessageFacts(
        kind=kind,
        audience=audience,
        business=BusinessFacts(name="Fade & Co", phone="+44 20 7946 0000"),
        visit=visit if has_visit else None,
        links=Links(
            manage="https://book.example/a/sample" if has_visit else None,
            preferences="https://book.example/u/sample" if has_visit else None,
            action=None if kind in _WITHOUT_ACTION else "https://book.example/step/sample",
        ),
        code="123456" if kind is MessageKind.CODE else None,
        minutes=None if has_visit else 10,
        amount=amount if has_visit else None,
        due_by=datetime(2026, 11, 30, 18, 0, tzinfo=UTC),
        minutes_before=1_440,
    )


def _parts(channel: str, text: TemplateText) -> Iterator[tuple[str, str]]:
    if text.subject is not None:
        yield "subject", text.subject
    yield "text", text.text
    if text.html is not None and channel == ChannelName.EMAIL:
        yield "html", text.html


def _faults(part: str, source: str, values: Mapping[str, object], known: frozenset[str]) -> Iterator[TemplateFault]:
    try:
        unknown = list(_unknown_variables(parsed(source, part), part, known))
        rendered = own_text(source, part, values)
    except TemplateRefused as refused:
        yield TemplateFault(part=part, line=refused.line_number, message=refused.message)
        return
    yield from unknown
    if not unknown and not rendered.strip():
        yield TemplateFault(part=part, line=1, message="says nothing when it is filled with a sample")
    if "<script" in rendered.lower() and part == "html":
        yield TemplateFault(part=part, line=1, message="must not have a script: no reader of mails runs it")


def _unknown_variables(tree: nodes.Template, part: str, known: frozenset[str]) -> Iterator[TemplateFault]:
    """The variables that no message has; the longest form of each, such as `visit.servise`."""
    groups = {name.partition(".")[0] for name in known if "." in name}
    within: set[int] = set()
    for node in (*tree.find_all(nodes.Getattr), *tree.find_all(nodes.Name)):
        if id(node) in within:
            continue
        within.update(map(id, (*node.find_all(nodes.Getattr), *node.find_all(nodes.Name))))
        name = _dotted(node)
        if part == "subject" and name.partition(".")[0] == "customer":
            yield TemplateFault(part=part, line=node.lineno, message=_CUSTOMER_IN_SUBJECT)
        elif name in groups:
            members = ", ".join(sorted(one for one in known if one.startswith(f"{name}.")))
            detail = f"{name} is a group: name one of {members}"
            yield TemplateFault(part=part, line=node.lineno, message=detail)
        elif name not in known:
            yield TemplateFault(part=part, line=node.lineno, message=_unknown(name, known))


def _unknown(name: str, known: frozenset[str]) -> str:
    close = get_close_matches(name, sorted(known), n=1, cutoff=0.5)
    advice = f"did you mean {close[0]}?" if close else f"there are {', '.join(sorted(known))}"
    return f"unknown variable {name}: {advice}"


def _known_names(values: Mapping[str, object]) -> frozenset[str]:
    names: set[str] = set()
    for name, value in values.items():
        names.update([f"{name}.{part}" for part in value] if isinstance(value, Mapping) else [name])
    return frozenset(names)


def _dotted(node: nodes.Node) -> str:
    match node:
        case nodes.Getattr():
            return f"{_dotted(node.node)}.{node.attr}"
        case nodes.Name():
            return node.name
        case _:
            return "…"
