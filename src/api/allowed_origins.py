"""Origins: whether the page of another site may call the API, and read what it answers (ADR 0062)."""

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import Final
from urllib.parse import urlsplit

from starlette.types import Scope

from catalogue.model.allowed_origins import ANY, allows
from kernel.errors import DomainError, StoreUnavailable
from kernel.ids import TenantId

FRESH_SECONDS: Final = 10.0
"""An origin that was taken away may call for this long."""
RECHECKED_SECONDS: Final = 1.0
"""An origin that was added may be refused for this long: what is younger is believed without a question."""
MAX_CACHED: Final = 10_000
"""Businesses whose origins a process remembers, some megabytes."""
_READER: Final = "reader"
_EVERY_PAGE: Final = b"*"


class OriginNotAllowed(DomainError):
    """The business does not allow pages of that origin to call its API."""

    code = "origin_not_allowed"


class AllowedOrigins:
    """Judges the origin of a request by what its business allows.

    That is remembered, so a request of a page asks no store. Requests without an origin, such as all of back ends, are
    not concerned: whoever has a key may send what they like past a browser.
    """

    def __init__(
        self,
        *,
        find: Callable[[TenantId], Awaitable[Sequence[str]]],
        own: str | None,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        """`find` reads what a business allows; `own` is the public URL of the engine, if it has one."""
        self._find = find
        self._own = None if own is None else _origin_of(own)
        self._elapsed = elapsed
        self._remembered: OrderedDict[TenantId, tuple[float, Sequence[str]]] = OrderedDict()

    async def admit(self, scope: Scope, tenant_id: TenantId) -> None:
        """Let the page that sent a request read the answer, if it is one of ours or the business allows its origin.

        Raises OriginNotAllowed, or StoreUnavailable where nothing is remembered.
        """
        origin = _header(scope, b"origin")
        if origin is None or self._is_own(scope, origin):
            return
        allowed = await self._allowed(tenant_id, FRESH_SECONDS)
        if not allows(allowed, origin):
            allowed = await self._allowed(tenant_id, RECHECKED_SECONDS)
        if not allows(allowed, origin):
            hide(scope)
            detail = "The business does not allow pages of this origin to call its API (allowed_origins)."
            raise OriginNotAllowed(detail)
        if ANY not in allowed:
            scope["state"][_READER] = origin.encode("latin-1")

    def _is_own(self, scope: Scope, origin: str) -> bool:
        """True for pages of the engine itself. Whether TLS ended before it does not matter."""
        return origin == self._own or origin.partition("://")[2] == _header(scope, b"host")

    async def _allowed(self, tenant_id: TenantId, seconds: float) -> Sequence[str]:
        now = self._elapsed()
        read_at, allowed = self._remembered.get(tenant_id, (now, None))
        if allowed is not None and now - read_at <= seconds:
            return allowed
        try:
            allowed = await self._find(tenant_id)
        except StoreUnavailable:
            if allowed is not None:
                return allowed
            raise
        self._remembered[tenant_id] = (now, allowed)
        self._remembered.move_to_end(tenant_id)
        if len(self._remembered) > MAX_CACHED:
            self._remembered.popitem(last=False)
        return allowed


def hide(scope: Scope) -> None:
    """Let no page of another site read the answer."""
    scope["state"][_READER] = None


def reader_of(scope: Scope) -> bytes | None:
    """The origin whose pages may read the answer, in the form of the header; None for none."""
    reader: bytes | None = scope["state"].get(_READER, _EVERY_PAGE)
    return reader


def _origin_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


def _header(scope: Scope, name: bytes) -> str | None:
    return next((str(value, "latin-1") for sent, value in scope["headers"] if sent == name), None)
