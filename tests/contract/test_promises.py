"""The page on promises about access and personal data names a test for each, which is there."""

import re
from pathlib import Path
from typing import Final

import pytest

_ROOT: Final = Path(__file__).resolve().parents[2]
_PAGE: Final = (_ROOT / "docs/reference/promises-of-privacy.md").read_text()
_ROWS: Final = [
    (promise, tests) for promise, tests in re.findall(r"^\| (.+?) \| (.+) \|$", _PAGE, re.MULTILINE)
    if promise not in {"Promise", "---"}
]  # fmt: skip


def test_promises_are_found() -> None:
    assert len(_ROWS) == _PAGE.count("\n| ") - 2 * _PAGE.count("\n| Promise |")
    assert len(_ROWS) >= 20


@pytest.mark.parametrize(("promise", "tests"), _ROWS)
def test_promise_names_a_test_that_is_there(promise: str, tests: str) -> None:
    named = re.fullmatch(r"`(test_\w+)` in `(tests/[\w/]+\.py)`", tests)

    assert named is not None, promise
    name, path = named.groups()
    assert re.search(rf"^(?:async )?def {name}\(", (_ROOT / path).read_text(), re.MULTILINE), promise
