"""Text that people type: what is refused in it, and what is folded (ADR 0032)."""

import re
import unicodedata
from collections.abc import Callable
from typing import Final

# Categories whose characters leave a mark on paper: letters, digits, punctuation and symbols.
_VISIBLE: Final = frozenset("LNPS")
# These belong to such a category, and are blank: the fillers of Hangul, the empty pattern of braille, a rest in music.
_BLANK: Final = frozenset("\u115f\u1160\u3164\uffa0\u2800\U0001d159")
_LINE_ENDS: Final = re.compile("\r\n|[\r\u2028\u2029]")
# Marks around text of the other direction come along with what is pasted; the rest are obsolete, a byte order mark, or
# tags that hide a message. Joiners and the three direction marks stay: Persian, Indic scripts, Hebrew, Arabic and
# emoji are written with them.
_FOLDED: Final = "\u202a-\u202c\u2066-\u206f\ufeff\ufff9-\ufffb\U000e0001\U000e0020-\U000e007f"
_FOLDED_IN_LINES: Final = re.compile(f"[{_FOLDED}]")
# A soft hyphen, or a place to break a line, helps in a paragraph, and serves no name.
_FOLDED_IN_A_LINE: Final = re.compile(f"[{_FOLDED}\u00ad\u200b\u2060-\u2064]")
# Control characters, halves of surrogate pairs, overrides (they show the letters after them in another order than they
# are in), and what will never be a character. What else is not assigned may be in a newer version of Unicode than this.
_PLANES: Final = range(0, 0x110000, 0x10000)
_NEVER: Final = "\ufdd0-\ufdef" + "".join(f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in _PLANES)
_REFUSED_ANYWHERE: Final = f"\x7f-\x9f\u202d\u202e\ud800-\udfff{_NEVER}"
_REFUSED_IN_A_LINE: Final = re.compile(f"[\x00-\x1f{_REFUSED_ANYWHERE}]")
_REFUSED_IN_LINES: Final = re.compile(f"[\x00-\x08\x0b-\x1f{_REFUSED_ANYWHERE}]")


def one_line(text: str) -> str:
    """Fold text into one line that says something.

    It is trimmed and in Unicode's normal form C, without characters that show nothing. Raises ValueError for other
    control characters, for overrides of direction, and for text in which nothing can be seen. Folding it again
    changes nothing.
    """
    if text.isascii() and text.isprintable():
        folded = text.strip()
    else:
        folded = _folded(text, _FOLDED_IN_A_LINE)
        _check(folded, _REFUSED_IN_A_LINE)
    return _saying_something(folded)


def several_lines(text: str) -> str:
    """Fold text into lines that say something: `one_line`, but with line breaks and tabs. Raises ValueError."""
    return _saying_something(remarks(text))


def remarks(text: str) -> str:
    """Fold text into lines; into nothing, if nothing can be seen in it. Raises ValueError as `several_lines` does."""
    folded = _folded(text, _FOLDED_IN_LINES)
    _check(folded, _REFUSED_IN_LINES)
    return folded if _is_visible(folded) else ""


def reference(text: str) -> str:
    """Return a name that other programs chose, as it is.

    Raises ValueError for control characters, for overrides of direction, and for text in which nothing can be seen.
    """
    _check(text, _REFUSED_IN_A_LINE)
    return _saying_something(text)


def opaque(text: str) -> str:
    """Return a value of other programs as it is, line breaks and all. Raises ValueError as `reference` does."""
    _check(text, _REFUSED_IN_LINES)
    return text


def within(most: int) -> Callable[[str], str]:
    """Make a check of the length after folding, since the normal form of a few characters is longer than they are."""

    def check(text: str) -> str:
        if len(text) > most:
            detail = f"must have at most {most} characters"
            raise ValueError(detail)
        return text

    return check


def _folded(text: str, invisible: re.Pattern[str]) -> str:
    # Half of a surrogate pair has no normal form; `_check` names it.
    return unicodedata.normalize("NFC", invisible.sub("", _LINE_ENDS.sub("\n", text))).strip()


def _check(text: str, refused: re.Pattern[str]) -> None:
    if text.isascii() and text.isprintable():
        return
    found = refused.search(text)
    if found is not None:
        detail = f"must not contain {_named(found[0])}"
        raise ValueError(detail)


def _named(character: str) -> str:
    """The character as its code with its name, such as U+202E RIGHT-TO-LEFT OVERRIDE."""
    kinds = {"Cc": "a control character", "Cs": "half of a surrogate pair", "Cn": "no character"}
    name = unicodedata.name(character, "") or f"({kinds[unicodedata.category(character)]})"
    return f"U+{ord(character):04X} {name}"


def _saying_something(text: str) -> str:
    if not _is_visible(text):
        detail = "must not be blank"
        raise ValueError(detail)
    return text


def _is_visible(text: str) -> bool:
    return any(unicodedata.category(character)[0] in _VISIBLE and character not in _BLANK for character in text)
