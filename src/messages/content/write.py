"""Words of a message, in the first language that has them."""

from collections.abc import Sequence

from messages.content.model import MessageFacts, Templates, Written


def write(facts: MessageFacts, *, languages: Sequence[str], templates: Templates) -> Written:
    """The message in the first of these languages that has a text, in English if none has.

    A template of the business takes the place of the built-in text of its channel and language.
    """
    raise NotImplementedError(facts, languages, templates)
