"""Location of the files that are not Python modules."""

from pathlib import Path
from typing import Final

_PACKAGED: Final = Path(__file__).resolve().parent / "files"
_CHECKOUT: Final = Path(__file__).resolve().parents[2]


def folder(name: str) -> Path:
    """`lua`, `migrations` or `examples`: within the installed package (pyproject.toml), or at a checkout's root."""
    packaged = _PACKAGED / name
    return packaged if packaged.is_dir() else _CHECKOUT / name
