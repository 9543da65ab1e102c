"""Messages of every kind, for everybody, in every language."""

from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any, Final

import pytest

from kernel.money import Money
from messages.content.faults import sample_facts
from messages.content.language import find_language
from messages.content.model import (
    LANGUAGES,
    Audience,
    MessageFacts,
    MessageKind,
    TemplateText,
    VisitFacts,
    Written,
)
from messages.content.text_length import parts_of_text_message
from messages.content.write import write

_OF_VISITS: Final = [kind for kind in MessageKind if kind not in {MessageKind.SIGN_IN_LINK, MessageKind.CODE}]
_CUSTOMER: Final = "Zebulon"
_ISOLATES: Final = dict.fromkeys(map(ord, "\u2066\u2068\u2069\u2060"))


class _Page(HTMLParser):
    """The words and the links of a page, and what it would load."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.links: list[str] = []
        self.tags: list[str] = []
        self._within: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag in {"style", "title"}:
            self._within.append(tag)
        self.links += [value or "" for name, value in attrs if tag == "a" and name == "href"]

    def handle_endtag(self, tag: str) -> None:
        if tag in self._within:
            self._within.remove(tag)

    def handle_data(self, data: str) -> None:
        if data.strip() and not self._within:
            self.words.append(data.strip())


def _visit(facts: MessageFacts, **changes: Any) -> MessageFacts:
    assert facts.visit is not None
    return replace(facts, visit=replace(facts.visit, **changes))


def _written(
    kind: MessageKind, language: str = "en", audience: Audience = Audience.CUSTOMER, **changes: Any
) -> Written:
    facts = sample_facts(kind, audience)
    if facts.visit is not None:
        facts = _visit(facts, **{"customer_name": _CUSTOMER, **changes})
    return write(facts, languages=[language], templates={})


def _plain(text: str) -> str:
    return " ".join(text.translate(_ISOLATES).split())


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("audience", Audience)
@pytest.mark.parametrize("kind", MessageKind)
def test_text_says_everything_that_the_html_says(kind: MessageKind, audience: Audience, language: str) -> None:
    written = _written(kind, language, audience)

    page, text = _Page(written.html), _plain(written.text)
    # The preview repeats what the rows say.
    for words in page.words[1:]:
        assert _plain(words) in text or _plain(words) == "Fade & Co", words
    for link in page.links:
        assert link in text
    assert written.locale == language
    assert (written.missing, written.refused) == ((), ())


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", MessageKind)
def test_html_asks_nothing_of_the_network_and_names_its_language(kind: MessageKind, language: str) -> None:
    html = _written(kind, language).html

    page = _Page(html)
    assert {"img", "script", "link", "iframe", "object", "video"}.isdisjoint(page.tags)
    assert "url(" not in html
    assert "@import" not in html
    assert page.tags.count("h1") == 1
    direction = "rtl" if language in {"he", "ar"} else "ltr"
    assert f'<html lang="{language}" dir="{direction}">' in html
    # Some readers take the element html away.
    assert f'<div class="page" lang="{language}" dir="{direction}"' in html
    assert ("name", "color-scheme") in page.attributes
    assert "prefers-color-scheme: dark" in html


@pytest.mark.parametrize("kind", MessageKind)
@pytest.mark.parametrize("language", LANGUAGES)
def test_customer_reads_no_words_of_a_customer(kind: MessageKind, language: str) -> None:
    written = _written(kind, language)

    everything = (written.subject, written.text, written.html, written.sms, written.push_title, written.push_body)
    assert not any(_CUSTOMER in part for part in everything)


@pytest.mark.parametrize("audience", [Audience.STAFF, Audience.OWNER])
@pytest.mark.parametrize("kind", _OF_VISITS)
def test_team_reads_who_comes_but_not_in_what_screens_show(kind: MessageKind, audience: Audience) -> None:
    written = _written(kind, "en", audience)

    assert _CUSTOMER in written.text
    assert _CUSTOMER not in written.subject + written.sms + written.push_title + written.push_body


def test_subject_tells_who_what_and_when() -> None:
    assert _written(MessageKind.CONFIRMED).subject == "Confirmed: Haircut with Noa, Tue 1 Dec, 09:00 \u2013 Fade & Co"
    assert _written(MessageKind.CANCELLED, "de").subject == (
        "Storniert: Haircut bei Noa, Di., 1. Dez., 09:00 \u2013 Fade & Co"
    )


def test_subject_is_one_line_of_bounded_length() -> None:
    subject = _written(
        MessageKind.CONFIRMED, service="Hair\r\nBcc: all@example.com " * 40, resources=("N" * 500,)
    ).subject

    assert "\n" not in subject
    assert "\r" not in subject
    assert len(subject) <= 250


def test_country_of_a_tag_decides_how_times_are_written() -> None:
    assert "9:00\u202fAM" in _written(MessageKind.CONFIRMED, "en-US").text
    assert "09:00" in _written(MessageKind.CONFIRMED, "en").text


def test_move_tells_both_times() -> None:
    text = _written(MessageKind.RESCHEDULED).text

    assert "When: Tuesday, 1 December 2026, 09:00\u201309:45" in text
    assert "Previously: Mon 30 Nov, 14:00" in text


def test_stay_tells_both_days() -> None:
    end = datetime(2026, 12, 3, 11, 0, tzinfo=UTC)

    assert "Tuesday, 1 December 2026, 09:00 \u2013 Thursday, 3 December 2026, 11:00" in (
        _written(MessageKind.CONFIRMED, end=end).text
    )


def test_times_are_those_of_the_zone_of_the_visit() -> None:
    written = _written(MessageKind.CONFIRMED, timezone="America/New_York")

    assert "04:00\u201304:45" in written.text
    assert "Eastern Time" in written.text


def test_cancellation_tells_the_fee_and_who_cancelled() -> None:
    by_customer = _written(MessageKind.CANCELLED).text
    by_business = _written(MessageKind.CANCELLED, cancelled_by="business", fee=None).text

    assert "as you asked" in by_customer
    assert "The cancellation fee is €20.00." in by_customer
    assert "We are sorry" in by_business
    assert "fee" not in by_business


@pytest.mark.parametrize(
    ("language", "party", "words"),
    [
        ("ar", 2, "شخصان"),
        ("ar", 3, "3 أشخاص"),
        ("ar", 11, "11 شخصًا"),
        ("ar", 100, "100 شخص"),
        ("he", 2, "שני אנשים"),
        ("he", 5, "5 אנשים"),
        ("de", 2, "2 Personen"),
        ("fr", 2, "2 personnes"),
        ("es", 2, "2 personas"),
    ],
)
def test_numbers_choose_the_form_of_the_noun(language: str, party: int, words: str) -> None:
    assert words in _written(MessageKind.CONFIRMED, language, party=party).text


def test_prices_have_the_digits_of_their_currency() -> None:
    language = find_language("en")
    assert language is not None

    assert language.price(Money(amount_minor=1500, currency="JPY")) == "JP¥1,500"
    assert language.price(Money(amount_minor=1500, currency="KWD")) == "KWD1.500"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", MessageKind)
def test_text_message_is_short(kind: MessageKind, language: str) -> None:
    facts = sample_facts(kind)
    link = f"https://book.fade.example/a/{'x' * 30}"
    has_visit = facts.visit is not None
    links = replace(facts.links, manage=link if has_visit else None, action=None if has_visit else facts.links.action)

    sms = write(replace(facts, links=links), languages=[language], templates={}).sms

    assert parts_of_text_message(sms) <= (2 if language in {"he", "ar"} else 1), sms
    assert kind is MessageKind.CODE or "https://" in sms


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("א" * 70, 1),
        ("א" * 71, 2),
        ("א" * 134, 2),
        ("א" * 135, 3),
    ],
)
def test_parts_of_a_text_message_are_those_that_are_charged(text: str, parts: int) -> None:
    assert parts_of_text_message(text) == parts


def test_text_message_drops_accents_that_double_its_cost_and_keeps_other_letters() -> None:
    assert "Tete a tete" in _written(MessageKind.CONFIRMED, "fr", service="Tête â tête").sms
    assert "Größe" in _written(MessageKind.CONFIRMED, "de", service="Größe").sms
    assert "תספורת" in _written(MessageKind.CONFIRMED, "en", service="תספורת").sms


def test_language_without_words_falls_back_and_says_so() -> None:
    written = write(sample_facts(MessageKind.CONFIRMED), languages=["pt-BR", "tlh", "he"], templates={})

    assert (written.locale, written.missing) == ("he", ("pt-BR", "tlh"))


@pytest.mark.parametrize("languages", [[], ["pt"], ["x" * 5000], ["../../etc"], ["en\r\nX"]])
def test_english_is_left_where_no_language_has_words(languages: list[str]) -> None:
    written = write(sample_facts(MessageKind.CONFIRMED), languages=languages, templates={})

    assert written.locale == "en"
    assert written.missing == tuple(languages)


@pytest.mark.parametrize("kind", MessageKind)
def test_names_are_escaped_in_html(kind: MessageKind) -> None:
    facts = sample_facts(kind)
    facts = replace(facts, business=replace(facts.business, name="<b>Fade</b>"))
    if facts.visit is not None:
        facts = _visit(facts, service="<script>alert(1)</script>", add_ons=("<i>x</i>",))

    html = write(facts, languages=["en"], templates={}).html

    assert "<b>" not in html
    assert "<i>" not in html
    assert "<script" not in html
    assert "&lt;b&gt;Fade" in html


def _own(text: str, **parts: str) -> dict[str, dict[str, dict[str, TemplateText]]]:
    return {"confirmed": {"email": {"en": TemplateText(text=text, **parts)}}}


def test_template_of_the_business_replaces_the_built_in_text() -> None:
    own = _own("Dear {{ customer.name }},\n\nsee you on {{ visit.date }}.", subject="{{ visit.service }} is yours")

    written = write(sample_facts(MessageKind.CONFIRMED), languages=["en"], templates=own)

    assert written.subject == "Haircut is yours"
    assert written.text.startswith("Dear Dana Levi,\n\nsee you on Tuesday, 1 December 2026.")
    assert "Your booking is confirmed" not in written.text + written.html
    assert "see you on Tuesday, 1 December 2026." in written.html
    assert "https://book.example/u/sample" in written.text
    assert "https://book.example/u/sample" in written.html


def test_html_of_the_business_is_taken_as_it_is_with_values_escaped() -> None:
    own = _own("Hello", html="<p>{{ visit.service }}</p>")

    facts = _visit(sample_facts(MessageKind.CONFIRMED), service="Cut & <b>colour</b>")

    assert write(facts, languages=["en"], templates=own).html == "<p>Cut &amp; &lt;b&gt;colour&lt;/b&gt;</p>"


def test_template_in_another_language_leaves_the_built_in_words_of_ones_own() -> None:
    written = write(sample_facts(MessageKind.CONFIRMED), languages=["he", "en"], templates=_own("Hello"))

    assert written.locale == "he"
    assert "Hello" not in written.text


def test_template_of_a_name_of_its_own_is_found_in_the_first_language_that_has_it() -> None:
    facts = replace(sample_facts(MessageKind.FOLLOW_UP), template="review")
    templates = {"review": {"email": {"de": TemplateText(text="Wie war es?", subject="Ihr Besuch")}}}

    written = write(facts, languages=["he", "de"], templates=templates)

    assert (written.locale, written.subject, written.missing) == ("de", "Ihr Besuch", ("he",))


def test_template_that_fails_gives_way_to_the_built_in_text_and_says_so() -> None:
    written = write(
        sample_facts(MessageKind.CONFIRMED), languages=["en"], templates=_own("{% for a in b %}{% endfor %}")
    )

    assert written.refused == ("email",)
    assert "Your booking is confirmed" in written.text


def test_subject_of_the_business_names_no_customer() -> None:
    own = _own("Hello", subject="Hello {{ customer.name }}!")

    assert write(sample_facts(MessageKind.CONFIRMED), languages=["en"], templates=own).subject == "Hello !"


def test_values_of_a_template_cannot_hold_a_template() -> None:
    facts = _visit(sample_facts(MessageKind.CONFIRMED), service="{{ customer.name }}")

    written = write(facts, languages=["en"], templates=_own("{{ visit.service }}"))

    assert written.text.startswith("{{ customer.name }}")


def test_visit_facts_need_no_more_than_a_service_and_its_times() -> None:
    at = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
    visit = VisitFacts(appointment_id="apt_1", version=1, service="Haircut", start=at, end=at, timezone="UTC")
    facts = replace(
        sample_facts(MessageKind.CONFIRMED), visit=visit, links=replace(sample_facts(MessageKind.CODE).links)
    )

    assert write(facts, languages=["en"], templates={}).sms == "Confirmed: Haircut, Tue 1 Dec, 09:00 - Fade & Co"
