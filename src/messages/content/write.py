"""Words of a message, in the first language that has them."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from messages.content.language import Language, default_language, find_language, without_isolates
from messages.content.letters import Letter, foot, letter, line, main_link, preferences, push_words, short_words
from messages.content.model import MessageFacts, Templates, TemplateText, Written
from messages.content.templates import TemplateRefused, foot_text, letter_html, letter_text, own_text
from messages.content.text_length import as_text_message
from messages.content.variables import variables
from messages.model import ChannelName

_MOST_TEXT_MESSAGE: Final = 600
"""Characters of a text message: a longer one is cut, as each part of it costs."""
_MOST_PUSH_TITLE: Final = 100
_MOST_PUSH_BODY: Final = 400
"""Characters of a push: with its keys and its address it must fit into 4 kB."""


def write(facts: MessageFacts, *, languages: Sequence[str], templates: Templates) -> Written:
    """The message in the first of these languages that has a text, in English if none has.

    A template of the business takes the place of the built-in text of its channel and language.
    """
    writer = _Writer(facts, languages, templates)
    mail, refused = writer.mail()
    sms, sms_refused = writer.sms()
    push, push_refused = writer.push()
    return Written(
        locale=mail.language.tag,
        subject=mail.subject,
        text=mail.text,
        html=mail.html,
        sms=sms,
        push_title=push[0],
        push_body=push[1],
        missing=mail.missing,
        refused=tuple(str(channel) for channel in (refused, sms_refused, push_refused) if channel),
    )


class _MailWords(NamedTuple):
    language: Language
    missing: tuple[str, ...]
    subject: str
    text: str
    html: str


class _Choice(NamedTuple):
    """The language of one channel, the business's template in it, and the languages that have no text."""

    language: Language
    own: TemplateText | None
    missing: tuple[str, ...]


class _Writer:
    """Writes one message for each channel."""

    def __init__(self, facts: MessageFacts, languages: Sequence[str], templates: Templates) -> None:
        self._facts = facts
        self._languages = languages
        self._templates = templates.get(facts.template or facts.kind, {})

    def mail(self) -> tuple[_MailWords, ChannelName | None]:
        """The mail, and its channel where the business's template of it failed."""
        language, own, missing = self._choice(ChannelName.EMAIL)
        built_in = letter(self._facts, language)
        refused = None
        if own is not None:
            try:
                return _MailWords(language, missing, *self._own_mail(own, built_in, language)), None
            except TemplateRefused:
                refused = ChannelName.EMAIL
        text, html = letter_text(built_in), letter_html(built_in, language, self._facts.business.name)
        return _MailWords(language, missing, without_isolates(built_in.subject), text, html), refused

    def sms(self) -> tuple[str, ChannelName | None]:
        """The text message likewise."""
        language, own, _ = self._choice(ChannelName.SMS)
        if own is not None:
            try:
                words = without_isolates(own_text(own.text, "text", variables(self._facts, language))).strip()
                return as_text_message(words[:_MOST_TEXT_MESSAGE]), None
            except TemplateRefused:
                return self._built_in_sms(language), ChannelName.SMS
        return self._built_in_sms(language), None

    def push(self) -> tuple[tuple[str, str], ChannelName | None]:
        """The title and the body of a push likewise."""
        language, own, _ = self._choice(ChannelName.PUSH)
        title, body = map(without_isolates, push_words(self._facts, language))
        refused = None
        if own is not None:
            values = variables(self._facts, language)
            try:
                body = without_isolates(own_text(own.text, "text", values)).strip()
                title = title if own.subject is None else _own_subject(own.subject, values)
            except TemplateRefused:
                refused = ChannelName.PUSH
        return (title[:_MOST_PUSH_TITLE], body[:_MOST_PUSH_BODY]), refused

    def _own_mail(self, own: TemplateText, built_in: Letter, language: Language) -> tuple[str, str, str]:
        """The subject, the text and the HTML of the business. Where it has no HTML, its text is laid out as ours."""
        facts = self._facts
        values = variables(facts, language)
        subject = without_isolates(built_in.subject)
        subject = subject if own.subject is None else _own_subject(own.subject, values)
        words = own_text(own.text, "text", values).strip()
        own_letter = Letter(
            subject=subject,
            preview=built_in.preview,
            headline=subject,
            paragraphs=tuple(part.strip() for part in words.split("\n\n") if part.strip()),
            foot=foot(facts, language),
            preferences=preferences(facts, language),
        )
        text = f"{words}\n\n-- \n{foot_text(own_letter)}\n"
        if own.html is None:
            return subject, text, letter_html(own_letter, language, facts.business.name, is_own=True)
        return subject, text, own_text(own.html, "html", values)

    def _built_in_sms(self, language: Language) -> str:
        words, link = without_isolates(short_words(self._facts, language)), main_link(self._facts)
        return as_text_message(words if link is None else f"{words} {line(link)}")

    def _choice(self, channel: ChannelName) -> _Choice:
        """The first language that has a text for the channel; English, where none has."""
        own = self._templates.get(channel, {})
        has_built_in = self._facts.template is None
        missing: list[str] = []
        for tag in self._languages:
            language = find_language(tag)
            if language is not None:
                words = _template_in(own, language)
                if words is not None or has_built_in or not own:
                    return _Choice(language, words, tuple(missing))
            missing.append(tag)
        for tag, words in own.items():
            language = find_language(tag)
            if language is not None and not has_built_in:
                return _Choice(language, words, tuple(missing))
        language = default_language()
        return _Choice(language, _template_in(own, language), tuple(missing))


def _own_subject(source: str, values: Mapping[str, object]) -> str:
    """The subject of the business. There is no customer in it, whatever it asks for (N8)."""
    return own_text(source, "subject", {**values, "customer": {}})


def _template_in(own: Mapping[str, TemplateText], language: Language) -> TemplateText | None:
    return own.get(language.tag) or own.get(language.locale.language)
