"""Verification of JSON web tokens, remembered for a moment."""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Protocol

from access.sessions.access_tokens import ISSUER
from access.subject import Subject
from access.web_tokens import LEEWAY, WebToken, read_token
from kernel.clock import Clock
from kernel.errors import StoreUnavailable

FRESH_SECONDS: Final = 0.9
"""A session that has ended may go on for this long, in a process that has just asked for it."""
STALE_SECONDS: Final = 3600.0
"""While the database does not answer, a token that was good goes on to be, for this long at most."""
MOST_REMEMBERED: Final = 10_000
"""Tokens remembered by one process, about 5 MB."""


class SubjectFinder(Protocol):
    """Verifies the tokens of some issuers."""

    async def find(self, token: WebToken) -> Subject | None:
        """The subject of a token; None for one that is not good. Raises StoreUnavailable."""


class TokenVerifier:
    """Verifies tokens by who has issued them, and asks again a moment later whether they are still good."""

    def __init__(
        self,
        *,
        ours: SubjectFinder,
        others: SubjectFinder,
        clock: Clock,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ours = ours
        self._others = others
        self._clock = clock
        self._elapsed = elapsed
        self._remembered: OrderedDict[bytes, tuple[float, Subject]] = OrderedDict()

    async def verify(self, raw: str) -> Subject | None:
        """The subject of a token; None for any that is not good now. Raises StoreUnavailable."""
        digest = hashlib.sha256(raw.encode()).digest()
        read_at, subject = self._remembered.get(digest, (0.0, None))
        if subject is None or self._elapsed() - read_at > FRESH_SECONDS:
            subject = await self._ask(raw, digest)
        return subject if subject is not None and self._clock.now() < subject.expires_at + LEEWAY else None

    async def _ask(self, raw: str, digest: bytes) -> Subject | None:
        """The subject as the database has it now; what is remembered while that does not answer."""
        now = self._elapsed()
        token = read_token(raw)
        if token is None:
            return None
        try:
            subject = await (self._ours if token.issuer == ISSUER else self._others).find(token)
        except StoreUnavailable:
            read_at, remembered = self._remembered.get(digest, (now, None))
            if remembered is not None and now - read_at <= STALE_SECONDS:
                return remembered
            raise
        if subject is None:
            self._remembered.pop(digest, None)
            return None
        self._remembered[digest] = (now, subject)
        self._remembered.move_to_end(digest)
        if len(self._remembered) > MOST_REMEMBERED:
            self._remembered.popitem(last=False)
        return subject
