"""The lines of a file that faults of its document are at."""

from pathlib import Path
from typing import Final

import pytest
import typer

from cli.apply import document_of, line_of

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


def test_file_that_is_not_yaml_is_told_by_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as ended:
        document_of(Path("shop.yaml"), "services:\n  - {key: cut, label: How long is it?, name: Cut}\n")

    assert ended.value.exit_code == 2
    assert capsys.readouterr().err == (
        "shop.yaml:2: not YAML: expected ',' or '}', but got '?' at column 37. "
        "Text that has a sign of YAML in it, such as ? or : or #, stands between quotes.\n"
    )
