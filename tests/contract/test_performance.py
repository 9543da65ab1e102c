"""Whether the page on performance shows the figures that are kept beside it, and no others."""

from pathlib import Path
from typing import Final

from benchmark.page import FIGURES, generated, plots, read_report

_PAGE: Final = Path(__file__).resolve().parents[2] / "docs/reference/performance.md"
_FIGURES: Final = _PAGE.with_suffix("") / FIGURES


def test_page_shows_what_was_measured() -> None:
    shown = _PAGE.read_text().partition("<!-- requests: generated -->")[2].partition("<!-- requests: end -->")[0]

    expected = generated(read_report(_FIGURES), _FIGURES.parent.name) if _FIGURES.exists() else ""

    assert shown.strip() == expected.strip()


def test_plots_show_what_was_measured() -> None:
    expected = plots(read_report(_FIGURES)) if _FIGURES.exists() else {}

    assert {file.name: file.read_text() for file in _FIGURES.parent.glob("requests-*.svg")} == expected
