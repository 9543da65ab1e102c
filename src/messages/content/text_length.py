"""Lengths of text messages: which characters fit, and how many parts are paid for."""

import unicodedata
from typing import Final

# GSM 03.38: its alphabet, and the characters that take two places.
_GSM: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_DOUBLE: Final = frozenset("^{}\\[~]|€")
_GSM_ALONE, _GSM_PART = 160, 153
_UCS2_ALONE, _UCS2_PART = 70, 67
_PLAIN: Final = str.maketrans(
    dict.fromkeys("\u2013\u2014", "-")
    | dict.fromkeys("\u2018\u2019", "'")
    | dict.fromkeys("\u201c\u201d\u201e\u00ab\u00bb", '"')
    | {"\u2026": "...", "\u0153": "oe"}
    | dict.fromkeys("\u00a0\u202f\u2009", " ")
    | dict.fromkeys("\u200e\u200f")
)


def as_text_message(text: str) -> str:
    """The text in characters that cost least: plain marks for typeset ones, and letters without accents that only cost.

    A text in Hebrew or Arabic keeps its letters.
    """
    plain = text.translate(_PLAIN)
    folded = "".join(character if character in _GSM else _without_accent(character) for character in plain)
    return folded if _is_gsm(folded) else plain


def parts_of_text_message(text: str) -> int:
    """The parts that a service sends, and charges, for a text."""
    if _is_gsm(text):
        length = sum(2 if character in _GSM_DOUBLE else 1 for character in text)
        return 1 if length <= _GSM_ALONE else -(-length // _GSM_PART)
    length = len(text.encode("utf-16-be")) // 2
    return 1 if length <= _UCS2_ALONE else -(-length // _UCS2_PART)


def _is_gsm(text: str) -> bool:
    return all(character in _GSM or character in _GSM_DOUBLE for character in text)


def _without_accent(character: str) -> str:
    base = unicodedata.normalize("NFD", character)[0]
    return base if base.isascii() else character
