"""Guesses of the operator's key: an address that sends wrong ones has to wait, for longer each time."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from access.rates.model import RateLimited

FREE: Final = 10
"""Wrong keys without a wait: somebody who mistypes one, or a scraper with an old one for a moment."""
LONGEST_SECONDS: Final = 60
"""The longest wait after a wrong key: at most 1,440 guesses a day from one address."""
FORGOTTEN_SECONDS: Final = 600
"""So long after its last wrong key an address begins anew."""
MOST_ADDRESSES: Final = 10_000
"""Addresses remembered by one process, about 2 MB; beyond, the one that guessed longest ago is forgotten."""


@dataclass(frozen=True, slots=True)
class _Guesses:
    """Wrong keys that came from an address."""

    count: int
    last: float
    wait_until: float


class KeyGuesses:
    """Counts wrong keys by address, in the memory of the process."""

    def __init__(self, elapsed: Callable[[], float] = time.monotonic) -> None:
        self._elapsed = elapsed
        self._by_address: OrderedDict[str, _Guesses] = OrderedDict()

    def __len__(self) -> int:
        """The number of addresses that are remembered."""
        return len(self._by_address)

    def check(self, address: str) -> None:
        """Raise RateLimited while the address has to wait, whatever key it sends now."""
        guesses = self._by_address.get(address)
        left = 0 if guesses is None else math.ceil(guesses.wait_until - self._elapsed())
        if left > 0:
            raise RateLimited(
                f"Too many wrong operator keys came from this address. Please try again in {left} seconds.",
                policy="operator-key",
                limit=FREE,
                window_seconds=FORGOTTEN_SECONDS,
                retry_after_seconds=left,
            )

    def note_wrong(self, address: str) -> None:
        """Count a wrong key."""
        now, before = self._elapsed(), self._by_address.pop(address, None)
        count = 1 if before is None or now - before.last > FORGOTTEN_SECONDS else before.count + 1
        wait = 0 if count <= FREE else min(LONGEST_SECONDS, 2 ** min(count - FREE - 1, 10))
        self._by_address[address] = _Guesses(count, now, now + wait)
        if len(self._by_address) > MOST_ADDRESSES:
            self._by_address.popitem(last=False)

    def note_right(self, address: str) -> None:
        """Forget what was wrong before."""
        self._by_address.pop(address, None)
