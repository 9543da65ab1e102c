"""How an endpoint is called without FastAPI's solver: worked out once per route, from what FastAPI found out about it.

A plan gives the arguments that FastAPI would give, or none at all. It never refuses what was sent: telling what is
wrong with it is left to FastAPI, which looks at the same request again.
"""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, get_args, get_origin
from urllib.parse import parse_qsl

import orjson
from fastapi._compat import ModelField
from fastapi.dependencies.models import Dependant
from fastapi.params import Body as BodyParameter
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from api.body import Body
from api.dependencies import Arrival, Reader, reader_of

Arguments = dict[str, Any]
# FastAPI reads a body as JSON if its type says so, or nothing (api.app). Other spellings are left to it.
_JSON_TYPES: Final = frozenset({None, b"application/json", b"application/json; charset=utf-8"})
_NOTHING: Final = object()


def plan_for(dependant: Dependant) -> "Plan | None":
    """The plan of an endpoint; None if it asks for something that only FastAPI knows how to give."""
    asked = {parameter.name: reader_of(parameter.call) for parameter in dependant.dependencies}
    readers = {name: reader for name, reader in asked.items() if name is not None and reader is not None}
    query = _query_plan(dependant.query_params)
    if (
        not inspect.iscoroutinefunction(dependant.call)
        or len(readers) < len(dependant.dependencies)
        or query is None
        or len(dependant.body_params) > 1
        or dependant.header_params
        or dependant.cookie_params
        or _asks_for_framework_objects(dependant)
    ):
        return None
    body = dependant.body_params[0] if dependant.body_params else None
    if body is not None and (type(body.field_info) is not BodyParameter or body.field_info.embed):
        return None
    return Plan(readers=tuple(readers.items()), path=tuple(dependant.path_params), query=query, body=body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Where each argument comes from."""

    readers: Sequence[tuple[str, Reader]]
    path: Sequence[ModelField]
    query: "_QueryPlan"
    body: ModelField | None

    async def arguments(self, arrival: Arrival, body: Body) -> Arguments | None:
        """What to call the endpoint with; None if FastAPI has to look at the request.

        In FastAPI's order, so that of several faults the same is told: what is no JSON, then who calls (raises the
        DomainError of whoever may not), then what does not fit.
        """
        sent: object = _NOTHING
        if self.body is not None:
            sent = await self._sent(arrival, body)
            if sent is None:
                return None
        found: Arguments = {}
        for name, read in self.readers:
            found[name] = await read(arrival)
        for field in self.path:
            if not _add(found, field, arrival.path_params[field.alias]):
                return None
        if not self.query.add(found, arrival.scope["query_string"]):
            return None
        if self.body is not None and not _add(found, self.body, sent):
            return None
        return found

    async def _sent(self, arrival: Arrival, body: Body) -> object:
        """The body as orjson reads it, which accepts less than FastAPI's json.loads, and reads that alike.

        Not read by Pydantic itself: it converts more from JSON than from the objects that FastAPI gives it.
        """
        sent = await body.read()
        if sent == b"":
            return _NOTHING
        if sent is None or arrival.headers.get(b"content-type") not in _JSON_TYPES:
            return None
        try:
            return orjson.loads(sent)
        except orjson.JSONDecodeError:
            return None


@dataclass(frozen=True, slots=True)
class _QueryPlan:
    """Parameters by themselves, or one model of all of them."""

    fields: Sequence[ModelField]
    model: ModelField | None = None
    model_fields: Sequence[tuple[str, bool]] = ()
    """The model's parameters, and whether each may be repeated."""

    def add(self, found: Arguments, query: bytes) -> bool:
        """Whether what the query has, and lacks, fits."""
        pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True) if query else []
        last = dict(pairs)
        if self.model is not None:
            values: dict[str, object] = {}
            for name, repeats in self.model_fields:
                if name in last:
                    values[name] = [value for key, value in pairs if key == name] if repeats else last[name]
            return _add(found, self.model, values)
        return all(_add(found, field, last.get(field.alias, _NOTHING)) for field in self.fields)


def _add(found: Arguments, field: ModelField, value: object) -> bool:
    if value is _NOTHING:
        if field.field_info.is_required():
            return False
        found[field.name] = field.get_default()
        return True
    found[field.name], errors = field.validate(value, {}, loc=())
    return not errors


def _query_plan(fields: Sequence[ModelField]) -> _QueryPlan | None:
    if any(_is_unusual(field.field_info) for field in fields):
        return None
    models = [field for field in fields if _model_of(field) is not None]
    if not models:
        return None if any(_repeats(field.field_info.annotation) for field in fields) else _QueryPlan(tuple(fields))
    model = _model_of(models[0])
    if len(fields) > 1 or model is None or not _is_usual_model(model):
        return None
    names = [(info.alias or name, _repeats(info.annotation)) for name, info in model.model_fields.items()]
    return _QueryPlan((), models[0], tuple(names))


def _model_of(field: ModelField) -> type[BaseModel] | None:
    annotation = field.field_info.annotation
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def _is_usual_model(model: type[BaseModel]) -> bool:
    """Whether it ignores what it does not know, and knows each field by one name."""
    config = model.model_config
    return (
        config.get("extra") == "ignore"
        and not config.get("populate_by_name")
        and not config.get("validate_by_name")
        and not any(_is_unusual(info) for info in model.model_fields.values())
    )


def _is_unusual(info: FieldInfo) -> bool:
    return info.validate_default is True or (info.validation_alias is not None and info.validation_alias != info.alias)


def _repeats(annotation: object) -> bool:
    if get_origin(annotation) in {list, set, frozenset, tuple}:
        return True
    return annotation in (list, set, frozenset, tuple) or any(map(_repeats, get_args(annotation)))


def _asks_for_framework_objects(dependant: Dependant) -> bool:
    return any(
        (
            dependant.request_param_name,
            dependant.websocket_param_name,
            dependant.http_connection_param_name,
            dependant.response_param_name,
            dependant.background_tasks_param_name,
            dependant.security_scopes_param_name,
        )
    )
