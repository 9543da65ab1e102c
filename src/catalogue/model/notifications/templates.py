"""Templates: a business's own words in place of the built-in ones, by occasion, channel and language."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Annotated, Any, Final

from pydantic import Field, StringConstraints

from catalogue.limits import MAX_TEMPLATE_CHARACTERS, MAX_TEMPLATE_LANGUAGES
from catalogue.model.documents import Document, FaultsError, JsonObject, present
from catalogue.model.notifications.languages import LanguageTag
from kernel.errors import FieldError
from messages.content.faults import check_template
from messages.content.model import MessageKind, Templates, TemplateText
from messages.content.templates import MOST_CHARACTERS
from messages.model import ChannelName

_Kind = Annotated[str, StringConstraints(min_length=1, max_length=63)]
_Source = Annotated[str, StringConstraints(min_length=1, max_length=MOST_CHARACTERS["text"])]


class TemplateDocument(Document):
    """Words of one occasion, channel and language."""

    subject: Annotated[str, StringConstraints(min_length=1, max_length=MOST_CHARACTERS["subject"])] | None = Field(
        default=None, description="Of a push, its title. Default: the built-in one."
    )
    text: _Source = Field(description="Of a text message all of it.")
    html: Annotated[str, StringConstraints(min_length=1, max_length=MOST_CHARACTERS["html"])] | None = Field(
        default=None, description="Of a mail. Default: made of the text."
    )


_ByLanguage = Annotated[dict[LanguageTag, TemplateDocument], Field(max_length=MAX_TEMPLATE_LANGUAGES)]
TemplatesDocument = dict[_Kind, dict[Annotated[ChannelName, Field(strict=False)], _ByLanguage]]
"""Templates in a document: occasion, channel, language."""
_KINDS: Final = tuple(kind.value for kind in MessageKind)


def refuse_unusable(templates: TemplatesDocument) -> None:
    """Raise FaultsError for each template that cannot be used: it is filled with a sample."""
    errors = [*_faults_of_kinds(templates)]
    size = sum(_size(entry) for _, _, _, entry in _entries(templates))
    if size > MAX_TEMPLATE_CHARACTERS:
        errors.append(FieldError("templates", f"must have at most {MAX_TEMPLATE_CHARACTERS} characters in all"))
    if not errors:
        errors += _faults_of_words(templates)
    if errors:
        raise FaultsError(errors)


def desired_templates(document: TemplatesDocument) -> Templates:
    """The templates in the document."""
    found: dict[str, dict[str, dict[str, TemplateText]]] = {}
    for kind, channel, language, entry in _entries(document):
        text = TemplateText(subject=entry.subject, text=entry.text, html=entry.html)
        found.setdefault(kind, {}).setdefault(channel.value, {})[language] = text
    return found


def templates_document(templates: Templates) -> JsonObject:
    """The templates as a document, and as a record."""
    return {
        kind: {
            channel: {
                language: present(subject=text.subject, text=text.text, html=text.html)
                for language, text in by_language.items()
            }
            for channel, by_language in by_channel.items()
        }
        for kind, by_channel in templates.items()
    }


def stored_templates(record: Mapping[str, Any]) -> Templates:
    """The templates in a record."""
    return {
        kind: {
            channel: {
                language: TemplateText(text=text["text"], subject=text.get("subject"), html=text.get("html"))
                for language, text in by_language.items()
            }
            for channel, by_language in by_channel.items()
        }
        for kind, by_channel in record.items()
    }


def _entries(templates: TemplatesDocument) -> Iterator[tuple[str, ChannelName, str, TemplateDocument]]:
    for kind, by_channel in templates.items():
        for channel, by_language in by_channel.items():
            for language, entry in by_language.items():
                yield kind, channel, language, entry


def _faults_of_kinds(templates: TemplatesDocument) -> Iterator[FieldError]:
    for kind in templates:
        if kind not in _KINDS:
            close = get_close_matches(kind, _KINDS, n=1)
            advice = f'did you mean "{close[0]}"?' if close else f"there are {', '.join(_KINDS)}"
            yield FieldError(f"templates.{kind}", f"no such occasion; {advice}")


def _faults_of_words(templates: TemplatesDocument) -> Iterator[FieldError]:
    for kind, channel, language, entry in _entries(templates):
        text = TemplateText(subject=entry.subject, text=entry.text, html=entry.html)
        place = f"templates.{kind}.{channel}.{language}"
        for fault in check_template(kind, channel, language, text):
            part = "" if fault.part in {"channel", "language"} else f".{fault.part}"
            yield FieldError(f"{place}{part}", f"line {fault.line}: {fault.message}" if part else fault.message)


def _size(entry: TemplateDocument) -> int:
    return sum(len(part) for part in (entry.subject, entry.text, entry.html) if part is not None)
