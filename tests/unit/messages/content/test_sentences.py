"""The sentences that are said are those that are in the catalogues: none lies there unused."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from messages.content.calendar import calendar_part
from messages.content.faults import sample_facts
from messages.content.language import Language, default_language
from messages.content.model import Audience, MessageFacts, MessageKind
from messages.content.write import write
from messages.model import Sender


def _variants(facts: MessageFacts) -> Iterator[MessageFacts]:
    yield facts
    if facts.visit is not None:
        days = replace(facts.visit, end=facts.visit.end.replace(day=3), approve_by=None, cancelled_by="business")
        yield replace(facts, visit=days, due_by=None)
        yield replace(facts, links=replace(facts.links, action=None))


def test_every_sentence_is_said_somewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    said: set[str] = set()
    language = default_language()
    say, count = Language.say, Language.count

    def note_say(self: Language, key: str, **values: str) -> str:
        said.add(key)
        return say(self, key, **values)

    def note_count(self: Language, key: str, number: int, **values: str) -> str:
        said.add(key)
        return count(self, key, number, **values)

    monkeypatch.setattr(Language, "say", note_say)
    monkeypatch.setattr(Language, "count", note_count)
    for kind in MessageKind:
        for audience in Audience:
            for facts in _variants(sample_facts(kind, audience)):
                write(facts, languages=["en"], templates={})
                if facts.visit is not None:
                    sender = Sender(address="hello@fade.example")
                    now = facts.visit.start
                    calendar_part(facts, locale="en", sender=sender, to="a@b.c", name=None, cancelled=False, now=now)

    assert said == set(language.sentences)
