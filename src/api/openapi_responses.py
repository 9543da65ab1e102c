"""The documented responses and bodies of operations, for the declarations of routes."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import orjson

from access.rates.model import RateLimited
from api.allowed_origins import OriginNotAllowed
from api.problem_responses import MEDIA_TYPE
from api.problems import TABLE
from businesses.model import BusinessSuspended
from catalogue.model.documents import Document
from kernel.errors import DomainError, Forbidden, StoreUnavailable, Unauthorized, ValidationFailed

Responses = dict[int | str, dict[str, Any]]

SCHEMAS: Final = "#/components/schemas/"
_NULL: Final = {"type": "null"}
# Of a schema, what says nothing about the form of a value.
_WORDS: Final = frozenset({"title", "description", "default", "examples"})
_COMMON: Final[Sequence[type[DomainError]]] = (
    ValidationFailed, Unauthorized, Forbidden, OriginNotAllowed, BusinessSuspended, RateLimited, StoreUnavailable,
)  # fmt: skip


_RATE_HEADERS: Final[Mapping[str, str]] = {
    "RateLimit-Policy": 'The rate that the request would exceed, such as `"address-hold";q=60;w=60`.',
    "RateLimit": 'When there is room again, in seconds, such as `"address-hold";r=0;t=12`.',
}


def success(status: int, model: Any, description: str, example: object) -> Responses:  # noqa: ANN401 - any TypedDict
    """The response of an operation that succeeds."""
    content = {"application/json": {"example": example}}
    return {status: {"model": model, "description": description, "content": content}}


def refusals(*errors: type[DomainError]) -> Responses:
    """The refusals of an operation of /v1: these, and those that all operations share."""
    return refusals_with(*(error.code for error in (*_COMMON, *errors)), "uri_too_long", "overloaded", "internal")


def refusals_without_caller(*errors: type[DomainError]) -> Responses:
    """The refusals of an operation of /v1 that asks for no credential: these, and those that all such ones share."""
    shared: Sequence[type[DomainError]] = (ValidationFailed, StoreUnavailable)
    codes = (error.code for error in (*shared, *errors))
    return refusals_with(*codes, "uri_too_long", "overloaded", "internal")


def refusals_of_operator(*errors: type[DomainError]) -> Responses:
    """The refusals of an operation of the operator: these, and those that all such ones share."""
    shared: Sequence[type[DomainError]] = (ValidationFailed, Unauthorized, RateLimited, StoreUnavailable)
    return refusals_with(*(error.code for error in (*shared, *errors)), "uri_too_long", "overloaded", "internal")


def refusals_with(*codes: str) -> Responses:
    """The refusals with those codes, by status."""
    by_status: defaultdict[int, list[str]] = defaultdict(list)
    for code in dict.fromkeys(codes):
        by_status[TABLE[code].status].append(code)
    return {status: _refusal(status, codes_of_status) for status, codes_of_status in sorted(by_status.items())}


def merge(*parts: Responses) -> Responses:
    """All of those responses in one table."""
    return {status: response for part in parts for status, response in part.items()}


def document_body(model: type[Document], example: object) -> dict[str, Any]:
    """The body of an operation whose service reads the document itself (SENT_DOCUMENTS)."""
    content = {"schema": {"$ref": f"{SCHEMAS}{model.__name__}"}, "example": example}
    return {"requestBody": {"required": True, "content": {"application/json": content}}}


def patch_body(model: type[Document], example: object) -> dict[str, Any]:
    """The body of an operation that merges it into a stored document of that model (RFC 7396).

    It is documented under one media type, since generators make a second form of a second one; application/
    merge-patch+json is read all the same.
    """
    content = {"schema": {"$ref": f"{SCHEMAS}{patch_name(model)}"}, "example": example}
    return {"requestBody": {"required": True, "content": {"application/json": content}}}


def patch_name(model: type[Document]) -> str:
    """The name of the schema of a patch of such a document."""
    return f"{model.__name__.removesuffix('Document')}Patch"


def patch_schema(model: type[Document], schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of a patch from that of the document: no member is required, and null removes those that may lack."""
    required = schema.get("required", ())
    properties = {
        name: member if name in required else _or_null(member) for name, member in schema["properties"].items()
    }
    return {
        "title": patch_name(model),
        "description": f"Members of {model.__name__} to replace; null removes a member. Objects are merged.",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }


def _or_null(member: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of a member that may be null too."""
    kinds = member.get("anyOf") or [{name: value for name, value in member.items() if name not in _WORDS}]
    words = {name: value for name, value in member.items() if name in _WORDS}
    return {**words, "anyOf": [*kinds, *([] if _NULL in kinds else [_NULL])]}


def without_defaults(schema: Any) -> Any:  # noqa: ANN401 - any JSON
    """The schema of a body, with defaults in words: generators take a member that has one for required."""
    if isinstance(schema, list):
        return [without_defaults(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: {key: _with_default_in_words(member) for key, member in part.items()}
        if name == "properties"
        else without_defaults(part)
        for name, part in schema.items()
    }


def _with_default_in_words(member: Mapping[str, Any]) -> dict[str, Any]:
    left = {name: without_defaults(part) for name, part in member.items() if name != "default"}
    if member.get("default") is not None:
        words = f"Default: {orjson.dumps(member['default']).decode()}."
        left["description"] = f"{left['description']} {words}" if "description" in left else words
    return left


def _refusal(status: int, codes: Iterable[str]) -> dict[str, Any]:
    codes = list(codes)
    description = " ".join(f"`{code}`: {TABLE[code].meaning}" for code in codes)
    examples = {code: {"summary": TABLE[code].title, "value": _example(code)} for code in codes}
    headers = {}
    if any(TABLE[code].retryable or TABLE[code].retries_later for code in codes):
        headers["Retry-After"] = {"description": "Seconds to wait.", "schema": {"type": "integer"}}
    if RateLimited.code in codes:
        for name, meaning in _RATE_HEADERS.items():
            headers[name] = {"description": meaning, "schema": {"type": "string"}}
    if status == 401:  # noqa: PLR2004 - see problem_responses.problem
        headers["WWW-Authenticate"] = {"description": "`Bearer`.", "schema": {"type": "string"}}
    content = {MEDIA_TYPE: {"schema": {"$ref": f"{SCHEMAS}Problem"}, "examples": examples}}
    return {"description": description, "content": content} | ({"headers": headers} if headers else {})


def _example(code: str) -> dict[str, object]:
    kind = TABLE[code]
    return {
        "type": f"/problems/{code}",
        "title": kind.title,
        "status": kind.status,
        "detail": kind.detail,
        "instance": "/v1/…",
        "code": code,
        "request_id": "0f4c2a7d9b1e4f3a8c5d6e7f8091a2b3",
        **kind.facts,
    }
