"""Reading of the parts of a request that has not been through FastAPI.

Readers return None for anything unusual. FastAPI then reads the same request from its first byte, and words the
refusal.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeVar
from urllib.parse import parse_qsl

import orjson
from pydantic import BaseModel, TypeAdapter, ValidationError
from starlette.types import Scope

from api.authentication import Caller
from api.engine import Engine
from api.permissions import require_widget
from api.shell.request_body import RequestBody
from api.shell.request_headers import RequestHeaders

Model = TypeVar("Model", bound=BaseModel)
Value = TypeVar("Value")

# FastAPI reads bodies of these types, or of none, as JSON (api.app); it knows further spellings.
_JSON_TYPES: Final = frozenset({None, b"application/json", b"application/json; charset=utf-8"})


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneRequest:
    """A request of an operation in the fast lane."""

    engine: Engine
    scope: Scope
    headers: RequestHeaders
    body: RequestBody
    hold: str
    """The hold in the path; empty for operations without one."""

    async def json(self) -> object:
        """The body; None if it is not JSON, and for null.

        orjson accepts less than FastAPI's parser, and reads the rest alike. Pydantic does not parse it itself, since
        in strict mode it converts more from JSON than from objects.
        """
        if self.headers.get(b"content-type") not in _JSON_TYPES:
            return None
        content = await self.body.read()
        try:
            return None if content is None else orjson.loads(content)
        except orjson.JSONDecodeError:
            return None

    async def widget(self) -> Caller:
        """The caller. Raises the DomainError that refuses the request."""
        caller = await self.engine.authenticator.caller(self.scope)
        require_widget(caller)
        return caller

    def query(self) -> Sequence[tuple[str, str]]:
        """The parameters of the query, decoded as Starlette does."""
        text = self.scope["query_string"].decode("latin-1")
        return parse_qsl(text, keep_blank_values=True) if text else ()


def read_model(model: type[Model], values: object) -> Model | None:
    """The values as the model; None if they do not fit."""
    try:
        return model.model_validate(values)
    except ValidationError:
        return None


def read_value(adapter: TypeAdapter[Value], value: object) -> Value | None:
    """The value as the adapter's type; None if it does not fit."""
    try:
        return adapter.validate_python(value)
    except ValidationError:
        return None
