"""The lines of a file that faults of its document are at."""

from typing import Final

import pytest

from cli.apply import line_of

_FILE: Final = """\
business: {name: Fade & Co, timezone: Asia/Jerusalem}

services:
  - key: haircut
    price: 25
    requires:
      - {role: staff,
         any_off: [noa]}
  - key: shave
"""


@pytest.mark.parametrize(
    ("pointer", "line"),
    [
        ("business.currency", 1),
        ("services", 3),
        ("services[0].price", 5),
        ("services[0].requires[0].any_off", 8),
        ("services[0].requires[0].count", 7),
        ("services[1].name", 9),
        ("services[7]", 3),
        ("resources", 1),
        ("", 1),
    ],
)
def test_line_is_that_of_the_deepest_part_that_the_file_has(pointer: str, line: int) -> None:
    assert line_of(_FILE, pointer) == line
