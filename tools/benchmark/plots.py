"""Bar charts as SVG, readable on light and dark pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

_WIDTH: Final = 760
_LABELS: Final = 270
_NUMBERS: Final = 90
_ROW: Final = 26
_BAR: Final = 14
_TOP: Final = 34
_STYLE: Final = (
    "text{font:13px system-ui,sans-serif;fill:#24292f}"
    ".bar{fill:#4078c0}.over{fill:#b35900}.mark{stroke:#24292f;stroke-width:2}"
    "@media(prefers-color-scheme:dark){text{fill:#c9d1d9}.mark{stroke:#c9d1d9}}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One value, with its target as a mark."""

    label: str
    value: float
    text: str
    mark: float | None
    met: bool
    """Coloured otherwise if it is not."""


def bar_chart(title: str, bars: Sequence[Bar]) -> str:
    """The bars below each other, all on one scale from zero."""
    longest = max(max(bar.value, bar.mark or 0.0) for bar in bars)
    scale = (_WIDTH - _LABELS - _NUMBERS) / longest
    height = _TOP + _ROW * len(bars)
    size = f'width="{_WIDTH}" height="{height}" viewBox="0 0 {_WIDTH} {height}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{escape(title)}">',
        f"<style>{_STYLE}</style>",
        f'<text x="0" y="16" font-weight="bold">{escape(title)}</text>',
    ]
    for number, bar in enumerate(bars):
        lines += _row(bar, _TOP + _ROW * number, scale)
    return "\n".join([*lines, "</svg>\n"])


def _row(bar: Bar, top: int, scale: float) -> list[str]:
    length = bar.value * scale
    baseline = top + _BAR - 2
    lines = [
        f'<text x="0" y="{baseline}">{escape(bar.label)}</text>',
        f'<rect class="{"bar" if bar.met else "over"}" x="{_LABELS}" y="{top}" width="{length:.1f}" height="{_BAR}"/>',
    ]
    beyond = length
    if bar.mark is not None:
        x = _LABELS + bar.mark * scale
        lines.append(f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="{top - 3}" y2="{top + _BAR + 3}"/>')
        beyond = max(beyond, bar.mark * scale)
    return [*lines, f'<text x="{_LABELS + beyond + 8:.1f}" y="{baseline}">{escape(bar.text)}</text>']
