import unicodedata
from collections.abc import Callable

import pytest

from kernel import text

_EVERY_FORM = pytest.mark.parametrize(
    "fold", [text.one_line, text.several_lines, text.remarks, text.reference, text.opaque]
)
_IN_A_DOCUMENT = pytest.mark.parametrize("fold", [text.one_line, text.several_lines, text.reference])


@pytest.mark.parametrize(
    "name",
    [
        "Dana Levi",
        "Ng",
        "X Æ A-12",
        "שָׂרָה לֵוִי",
        "محمد",
        # Persian with a zero-width non-joiner, Malayalam and Sinhala with a zero-width joiner.
        "بی\u200cبی",
        "അരവിന്ദന്\u200d",
        "ශ\u200dරී",
        # An exclamation mark on the left of Hebrew; the same for Arabic.
        "!שלום\u200f",
        "C++\u200e של דנה",
        "(عمان\u061c)",
        # A family, a heart, the variant of a character that a Japanese name is written with.
        "👩\u200d👩\u200d👧",
        "❤\ufe0f",
        "葛\U000e0100城",
        "O'Brien-Łukasiewicz",
    ],
)
def test_name_is_kept_as_people_write_it(name: str) -> None:
    assert text.one_line(name) == unicodedata.normalize("NFC", name)
    assert text.several_lines(name) == unicodedata.normalize("NFC", name)
    assert text.reference(name) == name


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("  Dana\u00a0", "Dana"),
        ("Dana\n", "Dana"),
        ("Zoe\u0308", "Zoë"),
        # Pasted together with the marks around it.
        ("\u2068Dana\u2069", "Dana"),
        ("\u202adana\u202c", "dana"),
        ("\ufeffDana", "Dana"),
        ("Da\u00adna", "Dana"),
        ("Da\u200bna", "Dana"),
        ("Dana\U000e0041\U000e0042", "Dana"),
    ],
)
def test_one_line_is_folded(typed: str, kept: str) -> None:
    assert text.one_line(typed) == kept


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("one\r\ntwo\rthree\u2028four\n\n", "one\ntwo\nthree\nfour"),
        ("one\ttwo", "one\ttwo"),
        ("Donau\u00addampf", "Donau\u00addampf"),
        ("ភាសា\u200bខ្មែរ", "ភាសា\u200bខ្មែរ"),
        ("call \u202a+972 50\u202c", "call +972 50"),
    ],
)
def test_several_lines_are_folded(typed: str, kept: str) -> None:
    assert text.several_lines(typed) == kept
    assert text.remarks(typed) == kept


@_EVERY_FORM
@pytest.mark.parametrize(
    ("typed", "named"),
    [
        ("Dana\u202eiveL", "U+202E RIGHT-TO-LEFT OVERRIDE"),
        ("\u202diveL", "U+202D LEFT-TO-RIGHT OVERRIDE"),
        ("Da\x00na", "U+0000 (a control character)"),
        ("Da\x1b[31mna", "U+001B (a control character)"),
        ("Da\x85na", "U+0085 (a control character)"),
        ("Da\ud800na", "U+D800 (half of a surrogate pair)"),
        ("Da\uffffna", "U+FFFF (no character)"),
        ("Da\ufdd0na", "U+FDD0 (no character)"),
        ("Da\U0010fffena", "U+10FFFE (no character)"),
    ],
)
def test_character_that_harms_is_refused_by_its_name(fold: Callable[[str], str], typed: str, named: str) -> None:
    with pytest.raises(ValueError, match="must not contain") as refused:
        fold(typed)

    assert str(refused.value) == f"must not contain {named}"


_NOTHING = pytest.mark.parametrize(
    "typed",
    [
        "",
        " \u00a0\u3000",
        "\u200b\u200c\u200d\u2060",
        "\u00ad",
        "\u2068\u2069",
        "\u200e\u200f\u061c",
        "\u115f\u1160\u3164\uffa0",
        "\u2800",
        "\u034f\u0301",
        "\ufe0f",
        "\ue000",
        # Not assigned in any version of Unicode so far.
        "\u0378",
        "\U000e0041",
    ],
)


@_NOTHING
@_IN_A_DOCUMENT
def test_text_in_which_nothing_can_be_seen_is_refused(fold: Callable[[str], str], typed: str) -> None:
    with pytest.raises(ValueError, match="must not be blank"):
        fold(typed)


@_NOTHING
def test_remarks_in_which_nothing_can_be_seen_are_none(typed: str) -> None:
    assert text.remarks(typed) == ""


@pytest.mark.parametrize("fold", [text.one_line, text.reference])
@pytest.mark.parametrize("typed", ["a\nb", "a\tb", "a\r\nb"])
def test_one_line_is_no_more_than_one(fold: Callable[[str], str], typed: str) -> None:
    with pytest.raises(ValueError, match="control character"):
        fold(typed)


@pytest.mark.parametrize("value", ["", " Zoe\u0308\n\t", "\u200b", "{'a': 1}"])
def test_value_of_another_program_is_kept_as_it_is(value: str) -> None:
    assert text.opaque(value) == value


def test_length_is_that_of_the_folded_text() -> None:
    # One character whose normal form has three.
    assert text.one_line("\ufb2c") == "\u05e9\u05bc\u05c1"

    with pytest.raises(ValueError, match="must have at most 2 characters"):
        text.within(2)(text.one_line("\ufb2c"))
