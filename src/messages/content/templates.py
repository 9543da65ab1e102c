"""Templates: ours, which lay out letters, and those of businesses, which may do little and nothing without end."""

from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from importlib import resources
from typing import Final

from jinja2 import BaseLoader, Environment, FunctionLoader, StrictUndefined, Template, TemplateError, nodes
from jinja2.runtime import ChainableUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from messages.content.language import Language, without_isolates
from messages.content.letters import Letter, line

MOST_CHARACTERS: Final[Mapping[str, int]] = {"subject": 300, "text": 20_000, "html": 60_000}
"""Characters of a template, by its part. Some readers cut off a mail of more than 100 kB."""
MOST_RENDERED: Final[Mapping[str, int]] = {"subject": 250, "text": 40_000, "html": 95_000}
"""Characters of the text that a template makes."""
_MOST_NODES: Final = 2_000
_FILTERS: Final = frozenset({"capitalize", "d", "default", "e", "escape", "length", "lower", "title", "trim", "upper"})
_TESTS: Final = frozenset({"defined", "none", "undefined"})
# Values are put in, chosen by conditions and joined; so a template ends after as many steps as it has parts.
_ALLOWED: Final = (
    nodes.And,
    nodes.Compare,
    nodes.Concat,
    nodes.CondExpr,
    nodes.Const,
    nodes.Filter,
    nodes.Getattr,
    nodes.If,
    nodes.Keyword,
    nodes.Name,
    nodes.Not,
    nodes.Operand,
    nodes.Or,
    nodes.Output,
    nodes.Template,
    nodes.TemplateData,
    nodes.Test,
)
_NAMES: Final[Mapping[type[nodes.Node], str]] = {
    nodes.For: "a loop",
    nodes.Call: "a call of a function",
    nodes.Macro: "a macro",
    nodes.Include: "another template",
    nodes.Import: "another template",
    nodes.FromImport: "another template",
    nodes.Extends: "another template",
    nodes.Block: "a block",
    nodes.Assign: "a variable of its own",
}


class TemplateRefused(Exception):
    """A template of a business cannot be used."""

    def __init__(self, message: str, line_number: int = 1) -> None:
        """`message` tells what to change."""
        super().__init__(message)
        self.message = message
        self.line_number = line_number


def letter_text(letter: Letter) -> str:
    """The letter as text."""
    return _ours("letter.txt").render(letter=letter).strip() + "\n"


def letter_html(letter: Letter, language: Language, business: str, *, is_own: bool = False) -> str:
    """The letter as HTML that asks nothing of the network. In own words, addresses become links."""
    return _ours("letter.html").render(
        letter=letter,
        tag=language.tag,
        direction=language.direction,
        side="right" if language.direction == "rtl" else "left",
        business=line(business),
        own=is_own,
    )


def foot_text(letter: Letter) -> str:
    """The lines below a letter as text."""
    return _ours("foot.txt").render(letter=letter).strip()


def own_text(source: str, part: str, variables: Mapping[str, object]) -> str:
    """Text that a template of a business makes of the variables. Raises TemplateRefused."""
    template = _own(source, part)
    try:
        rendered = template.render(variables)
    except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError, RecursionError) as error:
        detail = f"cannot be rendered: {error}"
        raise TemplateRefused(detail) from None
    if len(rendered) > MOST_RENDERED[part]:
        detail = f"makes more than {MOST_RENDERED[part]} characters"
        raise TemplateRefused(detail)
    return rendered if part != "subject" else without_isolates(line(rendered))


def parsed(source: str, part: str) -> nodes.Template:
    """The parts of a business's template, all of which are allowed. Raises TemplateRefused."""
    if len(source) > MOST_CHARACTERS[part]:
        detail = f"has more than {MOST_CHARACTERS[part]} characters"
        raise TemplateRefused(detail)
    try:
        tree = _environment(part).parse(source)
        found = list(_descendants(tree))
    except TemplateError as error:
        detail = f"is not well formed: {error.message}"
        raise TemplateRefused(detail, getattr(error, "lineno", None) or 1) from None
    except RecursionError:
        detail = "has parts within parts within parts: make it flatter"
        raise TemplateRefused(detail) from None
    if len(found) > _MOST_NODES:
        detail = f"has more than {_MOST_NODES} parts"
        raise TemplateRefused(detail)
    for node in found:
        _check_allowed(node)
    return tree


def _check_allowed(node: nodes.Node) -> None:
    refused: str | None = None
    if isinstance(node, nodes.Filter):
        refused = None if node.name in _FILTERS else f"the filter {node.name}"
    elif isinstance(node, nodes.Test):
        refused = None if node.name in _TESTS else f"the test {node.name}"
    elif not isinstance(node, _ALLOWED):
        refused = _NAMES.get(type(node), f"{type(node).__name__.lower()}")
    if refused is not None:
        detail = (
            f"must not have {refused}: values, conditions and the filters {', '.join(sorted(_FILTERS))} are allowed"
        )
        raise TemplateRefused(detail, node.lineno)


def _descendants(node: nodes.Node) -> Iterator[nodes.Node]:
    yield node
    for child in node.iter_child_nodes():
        yield from _descendants(child)


# Of all businesses together: those in use are a few hundred, at most 60 kB each.
@lru_cache(maxsize=256)
def _own(source: str, part: str) -> Template:
    parsed(source, part)
    try:
        return _environment(part).from_string(source)
    except (TemplateError, SyntaxError, RecursionError, MemoryError) as error:
        detail = f"cannot be used: {type(error).__name__}"
        raise TemplateRefused(detail) from None


@cache
def _environment(part: str) -> ImmutableSandboxedEnvironment:
    """The sandbox of businesses' templates: no files, no functions, and nothing where a value is missing."""
    environment = ImmutableSandboxedEnvironment(
        autoescape=part == "html",
        undefined=ChainableUndefined,
        finalize=_nothing_for_none,
        keep_trailing_newline=True,
        cache_size=0,
    )
    environment.globals.clear()
    return environment


def _nothing_for_none(value: object) -> object:
    return "" if value is None else value


@cache
def _ours(name: str) -> Template:
    return _our_environment(is_html=name.endswith(".html")).get_template(name)


@cache
def _our_environment(*, is_html: bool) -> Environment:
    return Environment(
        autoescape=is_html,  # noqa: S701 # a mail's text is no HTML
        loader=_loader(),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )


def _loader() -> BaseLoader:
    folder = resources.files(__package__).joinpath("templates")
    return FunctionLoader(lambda name: folder.joinpath(name).read_text(encoding="utf-8"))
