"""Faults of a business's templates, in plain words."""

from dataclasses import dataclass

from messages.content.model import TemplateText


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateFault:
    """A reason why a template cannot be used."""

    part: str
    """`subject`, `text` or `html`."""
    line: int
    message: str


def check_template(kind: str, channel: str, language: str, text: TemplateText) -> tuple[TemplateFault, ...]:
    """The faults of a template, found by reading it and by rendering it with a sample; none if it is good."""
    raise NotImplementedError(kind, channel, language, text)
