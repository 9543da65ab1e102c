"""What visitors come for: one scenario per file, and which user classes make it up."""

from collections.abc import Mapping, Sequence
from typing import Final

SCENARIOS: Final[Mapping[str, Sequence[str]]] = {
    "browse": ("BrowseUser",),
    "hold-and-confirm": ("HoldAndConfirmUser",),
    "flash-sale": ("FlashSaleUser",),
    "mixed": ("MixedBrowseUser", "MixedHoldUser", "RegularUser", "BackOfficeUser"),
}
"""By the name that `make load SCENARIO=…` takes; the classes are what `locust` takes."""
