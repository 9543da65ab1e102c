"""What the OpenAPI document says beyond what FastAPI works out, and the pages to read it on."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from importlib.resources import files
from typing import Any, Final, Literal

from fastapi import APIRouter, FastAPI, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.openapi.utils import get_openapi
from fastapi.staticfiles import StaticFiles
from pydantic.json_schema import models_json_schema
from starlette.responses import PlainTextResponse, Response

from api import problems
from api.dependencies import SECURITY_SCHEMES, SHOWN
from api.problems import TABLE
from api.schemas.catalogue import SENT_DOCUMENTS
from catalogue.model.documents import Document
from kernel.errors import DomainError, Forbidden, StoreUnavailable, Unauthorized, ValidationFailed

Responses = dict[int | str, dict[str, Any]]

_DESCRIPTION: Final = """\
List free times, hold one while the visitor decides, confirm it: no time is ever sold twice.

* Instants are RFC 3339 with an offset from UTC; answers are in UTC unless a query names a `timezone`.
* Every object has an `id` made by the engine and a `key` chosen by you; wherever one is named, either will do.
* Refusals are `application/problem+json` (RFC 9457); `code` says which, and `type` leads to its description.
* Send an `Idempotency-Key` with a POST, and repeating it gives the same answer for 24 hours.
* Send `If-Match` with an ETag, and a change made in between is not overwritten.
"""
_TAGS: Final = [
    {"name": "Availability", "description": "Which starts can be booked, and why others cannot."},
    {"name": "Holds", "description": "A time kept for somebody for a few minutes."},
    {"name": "Appointments", "description": "What is booked."},
    {"name": "Business", "description": "The whole set-up as one document."},
    {"name": "Locations", "description": "Places, with their time zones."},
    {"name": "Resources", "description": "Who or what is booked, and when it works."},
    {"name": "Services", "description": "What can be booked, and by which rules."},
    {"name": "Sandbox", "description": "A clock of its own for a business that is there for tests."},
    {"name": "Operations", "description": "Whether the engine is well."},
]
_ASSETS: Final = "/docs/assets"
_IDEMPOTENCY_PARAMETER: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Names this operation: sent again with the same request, it is answered the same for 24 hours.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    "example": "5b6b5d0c-5f0e-4b7e-9d0f-6b0f3f0c7a11",
}
_SCHEMAS: Final = "#/components/schemas/"
_REFERENCE: Final = f"{_SCHEMAS}Problem"

router = APIRouter(include_in_schema=False)


def granted(status: int, model: Any, description: str, example: object) -> Responses:  # noqa: ANN401 - any TypedDict
    """How an operation answers when it does what it is asked."""
    content = {"application/json": {"example": example}}
    return {status: {"model": model, "description": description, "content": content}}


def refused(*errors: type[DomainError]) -> Responses:
    """How an operation of /v1 refuses: for these reasons, and for those all operations have in common."""
    common: tuple[type[DomainError], ...] = (ValidationFailed, Unauthorized, Forbidden, StoreUnavailable)
    return refused_with(*(error.code for error in (*common, *errors)), "internal")


def refused_with(*codes: str) -> Responses:
    """The refusals of those codes, by their statuses."""
    by_status: defaultdict[int, list[str]] = defaultdict(list)
    for code in dict.fromkeys(codes):
        by_status[TABLE[code].status].append(code)
    return {status: _refusal(status, together) for status, together in sorted(by_status.items())}


def also(*parts: Responses) -> Responses:
    """All of the answers together."""
    return {status: response for part in parts for status, response in part.items()}


def sent_document(model: type[Document], example: object) -> dict[str, Any]:
    """The body of an operation whose service reads the document itself (SENT_DOCUMENTS)."""
    content = {"schema": {"$ref": f"{_SCHEMAS}{model.__name__}"}, "example": example}
    return {"requestBody": {"required": True, "content": {"application/json": content}}}


def sent_patch(model: type[Document], example: object) -> dict[str, Any]:
    """The body of an operation that merges what is sent into a document of that form (RFC 7396)."""
    schema = {
        "type": "object",
        "description": f"Members of {model.__name__} to replace; null takes one away.",
        "additionalProperties": True,
    }
    types = ("application/json", "application/merge-patch+json")
    return {
        "requestBody": {
            "required": True,
            "content": {media_type: {"schema": schema, "example": example} for media_type in types},
        }
    }


def describe(app: FastAPI) -> Mapping[str, Any]:
    """The OpenAPI document, made once."""
    if app.openapi_schema is None:
        document = get_openapi(
            title="Holdfast",
            version=app.version,
            openapi_version="3.1.0",
            summary="A booking engine.",
            description=_DESCRIPTION,
            routes=app.routes,
            tags=_TAGS,
        )
        schemas = document["components"]["schemas"]
        schemas["Problem"] = _problem_schema()
        read: Literal["validation"] = "validation"
        _, sent = models_json_schema([(model, read) for model in SENT_DOCUMENTS], ref_template=f"{_SCHEMAS}{{model}}")
        for name, schema in sent["$defs"].items():
            schemas.setdefault(name, schema)
        # FastAPI knows one way to show who calls; there are several (api.dependencies).
        document["components"]["securitySchemes"] = SECURITY_SCHEMES
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                _complete(path, method, operation)
        app.openapi_schema = document
    return app.openapi_schema


def add_documentation(app: FastAPI) -> None:
    """Serve the reference of the API: /openapi.json, /docs and /problems/{code}. Nothing is fetched from elsewhere."""
    # FastAPI's own way to complete the document.
    app.openapi = lambda: dict(describe(app))  # type: ignore[method-assign]
    app.include_router(router)
    app.mount(_ASSETS, StaticFiles(directory=str(files("fastapi_offline") / "static")), name="assets")


@router.get("/docs")
async def browse(request: Request) -> Response:
    """The OpenAPI document as pages."""
    root = request.scope.get("root_path", "")
    return get_swagger_ui_html(
        openapi_url=f"{root}/openapi.json",
        title="Holdfast API",
        swagger_js_url=f"{root}{_ASSETS}/swagger-ui-bundle.js",
        swagger_css_url=f"{root}{_ASSETS}/swagger-ui.css",
        swagger_favicon_url="data:,",
    )


@router.get("/problems/{code}")
async def explain_problem(request: Request, code: str) -> Response:
    """What the `type` of a refusal leads to."""
    row = TABLE.get(code)
    if row is None:
        return problems.problem(request.scope, "not_found", "There is no such problem.")
    text = f"{row.title} ({code}, status {row.status})\n\n{row.meaning}\n\nWhat to do: {row.remedy}\n"
    return PlainTextResponse(text)


def _refusal(status: int, codes: Iterable[str]) -> dict[str, Any]:
    codes = list(codes)
    description = " ".join(f"`{code}`: {TABLE[code].meaning}" for code in codes)
    examples = {code: {"summary": TABLE[code].title, "value": _example(code)} for code in codes}
    headers = {}
    if any(TABLE[code].retryable for code in codes):
        headers["Retry-After"] = {"description": "Seconds to wait.", "schema": {"type": "integer"}}
    if status == 401:  # noqa: PLR2004 - see problems.problem
        headers["WWW-Authenticate"] = {"description": "`Bearer`.", "schema": {"type": "string"}}
    content = {problems.MEDIA_TYPE: {"schema": {"$ref": _REFERENCE}, "examples": examples}}
    return {"description": description, "content": content} | ({"headers": headers} if headers else {})


def _example(code: str) -> dict[str, object]:
    row = TABLE[code]
    return {
        "type": f"/problems/{code}",
        "title": row.title,
        "status": row.status,
        "detail": row.detail,
        "instance": "/v1/…",
        "code": code,
        "request_id": "0f4c2a7d9b1e4f3a8c5d6e7f8091a2b3",
        **row.facts,
    }


def _problem_schema() -> dict[str, Any]:
    text = {"type": "string"}
    return {
        "title": "Problem",
        "description": "Why a request was refused (RFC 9457). The facts of its code are further members.",
        "type": "object",
        "required": ["type", "title", "status", "detail", "instance", "code", "request_id"],
        "properties": {
            "type": {"type": "string", "format": "uri-reference", "description": "Leads to a description of the code."},
            "title": text | {"description": "The code in words; always the same."},
            "status": {"type": "integer", "description": "The HTTP status."},
            "detail": text | {"description": "What happened this time, and what to do."},
            "instance": text | {"description": "The path of the request."},
            "code": text | {"enum": list(TABLE), "description": "For programs."},
            "request_id": text | {"description": "Finds the request in the log."},
            "errors": {
                "type": "array",
                "description": "With `validation`: every fault.",
                "items": {
                    "type": "object",
                    "required": ["pointer", "detail"],
                    "properties": {"pointer": text, "detail": text},
                },
            },
            "reason": text | {"description": "With `not_offered`: the rule that refuses the start."},
            "retry_after_seconds": {"type": "integer", "description": "As in the Retry-After header."},
        },
        "additionalProperties": True,
    }


def _complete(path: str, method: str, operation: dict[str, Any]) -> None:
    """Add to an operation what holds for all of its kind."""
    callers = [name for asked in operation.get("security", ()) for name in asked]
    if callers:
        operation["security"] = [{name: []} for kind in callers for name in SHOWN[kind]]
    if method == "post" and path.startswith("/v1/"):
        operation.setdefault("parameters", []).append(_IDEMPOTENCY_PARAMETER)
        _add_refusals(operation, "idempotency_in_flight", "idempotency_mismatch")
    if "requestBody" in operation:
        _add_refusals(operation, "body_too_large")


def _add_refusals(operation: dict[str, Any], *codes: str) -> None:
    for status, refusal in refused_with(*codes).items():
        present = operation["responses"].setdefault(str(status), refusal)
        if present is not refusal:
            content = present["content"][problems.MEDIA_TYPE]
            content["examples"] |= refusal["content"][problems.MEDIA_TYPE]["examples"]
            present["description"] += " " + refusal["description"]
            present.setdefault("headers", {}).update(refusal.get("headers", {}))
