"""The operator of an engine, over HTTP."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tests.support.door import Door

KEY: Final = "of-this-operator!"
NEXT_KEY: Final = "of-this-operator-from-tomorrow"
PATH: Final = "/operator/v1/businesses"
FADE: Final = {"name": "Fade & Co", "timezone": "Asia/Jerusalem", "currency": "ILS"}


@dataclass(frozen=True, slots=True)
class Operator:
    """The operator of an engine with one business in it, over HTTP."""

    door: Door

    async def ask(self, method: str, path: str = "", *, status: int, key: str = KEY, **more: Any) -> Any:
        """The JSON of an answer to the operator, which must have that status."""
        headers = {"Authorization": f"Bearer {key}", **more.pop("headers", {})}
        return await self.door.send(method, PATH + path, headers=headers, status=status, **more)

    async def make(self, *, headers: Mapping[str, str] | None = None, **more: Any) -> Any:
        """A business that was just made."""
        return await self.ask("POST", json={**FADE, **more}, headers=headers or {}, status=201)

    async def suspend(self, business: object, *, suspended: bool = True) -> Any:
        """Suspend a business, or resume it."""
        return await self.ask("PATCH", f"/{business}", json={"suspended": suspended}, status=200)
