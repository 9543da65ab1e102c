import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kernel import text

_ODD = "\u202a\u202e\u2066\u2069\u200b\u200c\u200d\u200e\u200f\u061c\u00ad\u3164\u2028\ufeff \n\r\t\u0301"
_TYPED = st.text(st.one_of(st.characters(), st.sampled_from(_ODD)), max_size=20)


@pytest.mark.parametrize("fold", [text.one_line, text.several_lines, text.remarks])
@given(typed=_TYPED)
@example(typed="\u1100\u200b\u1161")
@example(typed="\r\u2066\n")
def test_folding_again_changes_nothing(fold: Callable[[str], str], typed: str) -> None:
    try:
        folded = fold(typed)
    except ValueError:
        return

    assert fold(folded) == folded
    assert folded == unicodedata.normalize("NFC", folded)
    assert folded == folded.strip()
    assert not set(folded) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\r\u2028\u2029\x00")
    # What is stored can be sent.
    folded.encode()


@given(typed=_TYPED)
def test_visible_text_is_refused_only_for_a_character_that_is_named(typed: str) -> None:
    try:
        text.several_lines(f"Dana {typed}")
    except ValueError as refused:
        code = str(refused).removeprefix("must not contain U+").partition(" ")[0]

        assert chr(int(code, 16)) in typed
