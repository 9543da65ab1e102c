"""Tuning of the garbage collector in a serving process."""

import gc
from typing import Final

# A request leaves nothing behind that needs looking for; what does (an exception that somebody keeps, say) is mostly
# young, and found by the first two. The last goes through all there is, and stops the process for a tenth of a second
# where catalogues are large: it is due after a hundred million new objects, not after seventy thousand.
_THRESHOLDS: Final = (50_000, 20, 100)


def settle_down() -> None:
    """Look once more now, then leave alone what the process started with, and look rarely."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
