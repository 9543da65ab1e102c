"""Templates of businesses are refused in plain words, before anything is sent with them."""

from time import perf_counter

import pytest

from messages.content.faults import TemplateFault, check_template
from messages.content.model import LANGUAGES, MessageKind, TemplateText
from messages.content.templates import MOST_CHARACTERS


def _faults(text: str, *, channel: str = "email", language: str = "en", **parts: str) -> tuple[TemplateFault, ...]:
    return check_template("confirmed", channel, language, TemplateText(text=text, **parts))


@pytest.mark.parametrize("language", [*LANGUAGES, "en-US"])
@pytest.mark.parametrize("kind", [*MessageKind, "review_request"])
def test_good_template_has_no_faults(kind: str, language: str) -> None:
    text = TemplateText(
        subject="{{ message.subject }}",
        text="{{ business.name }}: {{ message.lead }}\n{% if visit.price %}{{ visit.price }}{% endif %}",
        html="<p>{{ message.headline|upper }} {{ visit.with|default('us') }}</p>",
    )

    assert check_template(kind, "email", language, text) == ()


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("Hello\n{{ visit.servise }}", 2, "unknown variable visit.servise: did you mean visit.service?"),
        ("{{ bussiness.name }}", 1, "unknown variable bussiness.name: did you mean business.name?"),
        ("{{ visit }}", 1, "visit is a group: name one of visit.add_ons"),
        ("a\n\n{{ visit.date }", 3, "is not well formed"),
        ("{% if code %}x", 1, "is not well formed"),
        ("\n{% for a in code %}{{ a }}{% endfor %}", 2, "must not have a loop"),
        ("{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}", 1, "must not have a macro"),
        ("{{ range(9) }}", 1, "must not have a call of a function"),
        ("{{ code * 99999999 }}", 1, "must not have mul"),
        ("{{ '%9999999d' % 1 }}", 1, "must not have mod"),
        ("{{ visit.service|safe }}", 1, "must not have the filter safe"),
        ("{{ visit.service|replace('', 'x') }}", 1, "must not have the filter replace"),
        ("{% include 'letter.html' %}", 1, "must not have another template"),
        ("{{ ''.__class__.__mro__ }}", 1, "unknown variable"),
        ("{{ visit.service.__class__ }}", 1, "unknown variable"),
        ("{{" + "(" * 3000 + "1" + ")" * 3000 + "}}", 1, "has parts within parts"),
        ("{% if code %}" * 200 + "{% endif %}" * 200, 1, ""),
        ("{{code}}" * 2300, 1, "has more than 2000 parts"),
        ("x" * (MOST_CHARACTERS["text"] + 1), 1, "has more than 20000 characters"),
        ("  {{ code }} ", 1, "says nothing"),
    ],
)
def test_fault_of_a_template_is_told_with_its_line(text: str, line: int, message: str) -> None:
    (fault, *_) = _faults(text)

    assert (fault.part, fault.line) == ("text", line)
    assert fault.message.startswith(message)


def test_subject_must_not_name_the_customer() -> None:
    (fault,) = _faults("Hello", subject="Hello {{ customer.name }}")

    assert (fault.part, fault.message.partition(":")[0]) == ("subject", "must not name the customer")


def test_script_in_html_is_refused() -> None:
    (fault,) = _faults("Hello", html="<p>Hello</p><SCRIPT>1</SCRIPT>")

    assert (fault.part, fault.message.partition(":")[0]) == ("html", "must not have a script")


@pytest.mark.parametrize(("channel", "language", "part"), [("http", "en", "channel"), ("email", "pt", "language")])
def test_channel_and_language_must_be_ones_that_have_templates(channel: str, language: str, part: str) -> None:
    (fault,) = _faults("Hello", channel=channel, language=language)

    assert fault.part == part


def test_largest_template_is_checked_in_no_time() -> None:
    source = ("{% if visit.price %}" + "{{ visit.service|upper }}" * 8 + "{% endif %}") * 60

    began = perf_counter()
    found = _faults(source)

    assert found == ()
    assert perf_counter() - began < 5
