"""The OpenAPI document: FastAPI's own, completed."""

from collections.abc import Mapping
from typing import Any, Final, Literal

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from access.permissions import PERMISSIONS, Reach
from api.openapi_responses import SCHEMAS, patch_name, patch_schema, refusals_with, without_defaults
from api.problem_responses import MEDIA_TYPE
from api.problems import TABLE
from api.schemas.catalogue import PATCHED_DOCUMENTS, SENT_DOCUMENTS
from api.schemas.events import EVENT_EXAMPLE
from api.security_schemes import OPERATOR, SECURITY_SCHEMES, schemes_of
from events.event_types import EVENT_TYPES, EventType

_DESCRIPTION: Final = """\
List free times, hold one while the visitor decides, and confirm it: no time is ever sold twice.

* Instants are RFC 3339 with an offset from UTC. Answers are in UTC unless a query names a `timezone`.
* Every object has an `id` made by the engine and a `key` chosen by you. Use either wherever an object is named.
* Refusals are `application/problem+json` (RFC 9457): `code` identifies the problem, `type` links to its description.
* Send an `Idempotency-Key` with a POST to repeat it safely: for 24 hours, a repetition gets the same answer.
  Then the key is free. Each API key, and each appointment token, has idempotency keys of its own.
* Send an ETag as `If-Match` to make a change only if the object has not changed since you read it.
"""
_SERVERS: Final = [{"url": "/", "description": "The server that this document comes from."}]
_TAGS: Final = [
    {"name": "Availability", "description": "Free starts, and the rules that exclude others."},
    {"name": "Holds", "description": "Times kept for a visitor for a few minutes."},
    {"name": "Appointments", "description": "Booked visits."},
    {"name": "Customers", "description": "Who books: look-up, history, consents, export, merging and erasure."},
    {"name": "Events", "description": "What happened, in order, as a feed and as a stream."},
    {"name": "Business", "description": "All settings of a business as one document."},
    {"name": "Locations", "description": "Places, with their time zones."},
    {"name": "Resources", "description": "Staff, rooms and equipment that can be booked, with their working time."},
    {"name": "Services", "description": "Visits that can be booked, with their rules."},
    {"name": "Users", "description": "People who work with a business, and how they sign in."},
    {"name": "Webhooks", "description": "URLs that are told of events, and what became of it."},
    {"name": "Notifications", "description": "What is written to people, and by which ways."},
    {"name": "Access", "description": "Who the caller is, the keys that open the business, and who did what."},
    {"name": "Sandbox", "description": "The adjustable clock of a business for tests."},
    {"name": "Operator", "description": "All businesses of the engine, for whoever runs it."},
    {"name": "Operations", "description": "Health and metrics."},
]
_IDEMPOTENCY_PARAMETER: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "A name for this operation. For 24 hours, the same request with the same key gets the same answer.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    "example": "5b6b5d0c-5f0e-4b7e-9d0f-6b0f3f0c7a11",
}


def openapi_document(app: FastAPI) -> Mapping[str, Any]:
    """The OpenAPI document, made once per application."""
    if app.openapi_schema is None:
        document = get_openapi(
            title="Holdfast",
            version=app.version,
            openapi_version="3.1.0",
            summary="A booking engine.",
            description=_DESCRIPTION,
            routes=app.routes,
            tags=_TAGS,
            servers=_SERVERS,
        )
        _complete_components(document["components"])
        document["webhooks"] = {event_type.name: {"post": _webhook(event_type)} for event_type in EVENT_TYPES}
        for operations in document["paths"].values():
            for method, operation in operations.items():
                _complete_operation(method, operation)
        app.openapi_schema = document
    return app.openapi_schema


def _complete_components(components: dict[str, Any]) -> None:
    schemas = components["schemas"]
    schemas["Problem"] = _problem_schema()
    mode: Literal["validation"] = "validation"
    _, documents = models_json_schema([(model, mode) for model in SENT_DOCUMENTS], ref_template=f"{SCHEMAS}{{model}}")
    for name, schema in documents["$defs"].items():
        schemas.setdefault(name, schema)
    for model in PATCHED_DOCUMENTS:
        schemas[patch_name(model)] = patch_schema(model, schemas[model.__name__])
    for name, schema in schemas.items():
        schemas[name] = without_defaults(schema)
    # FastAPI documents one credential per operation; here there are alternatives (api.security_schemes).
    components["securitySchemes"] = SECURITY_SCHEMES


def _problem_schema() -> dict[str, Any]:
    text = {"type": "string"}
    return {
        "title": "Problem",
        "description": "The reason for a refusal (RFC 9457). The facts of its code are further members.",
        "type": "object",
        "required": ["type", "title", "status", "detail", "instance", "code", "request_id"],
        "properties": {
            "type": {"type": "string", "format": "uri-reference", "description": "Links to a description of the code."},
            "title": text | {"description": "The code in words; always the same for a code."},
            "status": {"type": "integer", "description": "The HTTP status."},
            "detail": text | {"description": "What happened in this case, and what to do."},
            "instance": text | {"description": "The path of the request."},
            "code": text | {"enum": list(TABLE), "description": "For programs."},
            "request_id": text | {"description": "Identifies the request in the server's log."},
            "errors": {
                "type": "array",
                "description": "With `validation`: every fault.",
                "items": {
                    "type": "object",
                    "required": ["pointer", "detail"],
                    "properties": {"pointer": text, "detail": text},
                },
            },
            "reason": text | {"description": "With `not_offered`: the rule that excludes the start."},
            "retry_after_seconds": {"type": "integer", "description": "As in the Retry-After header."},
        },
        "additionalProperties": True,
    }


def _webhook(event_type: EventType) -> dict[str, Any]:
    """Schema of the body that a receiver is sent for an event of that type; the feed and the streams have the same."""
    event: dict[str, object] = {
        **EVENT_EXAMPLE,
        "type": event_type.name,
        "version": event_type.version,
        "data": event_type.example,
    }
    event["subject"] = event_type.example.get("id", EVENT_EXAMPLE["business"])
    schema = {
        "allOf": [{"$ref": f"{SCHEMAS}EventAnswer"}],
        "properties": {"type": {"const": event_type.name}, "data": event_type.schema},
    }
    return {
        "operationId": f"on_{event_type.name.replace('.', '_')}",
        "summary": event_type.name,
        "description": event_type.when,
        "tags": ["Events"],
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema, "example": event}}},
        "responses": {"204": {"description": "Received."}},
    }


def _complete_operation(method: str, operation: dict[str, Any]) -> None:
    """Document the credentials, headers and refusals that follow from the kind of operation."""
    dependencies = [name for requirement in operation.get("security", ()) for name in requirement]
    if dependencies:
        (dependency,) = dependencies
        operation_id = operation["operationId"]
        operation["security"] = [{name: []} for name in schemes_of(operation_id, dependency)]
        if dependency != OPERATOR:
            permission = PERMISSIONS[operation_id]
            operation["x-roles"] = {
                role.value: reach.value for role, reach in permission.items() if reach is not Reach.NO
            }
    if method == "post" and dependencies:
        operation.setdefault("parameters", []).append(_IDEMPOTENCY_PARAMETER)
        _add_refusals(operation, "idempotency_in_flight", "idempotency_mismatch")
    if "requestBody" in operation:
        _add_refusals(operation, "body_too_large", "request_timeout")
    for parameter in operation.get("parameters", ()):
        parameter["schema"] = _without_null(parameter["schema"])


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a parameter that may be absent: no query, path or header can spell null."""
    kinds = [kind for kind in schema.get("anyOf", ()) if kind != {"type": "null"}]
    if len(kinds) != 1:
        return schema
    return {**kinds[0], **{name: value for name, value in schema.items() if name != "anyOf"}}


def _add_refusals(operation: dict[str, Any], *codes: str) -> None:
    for status, refusal in refusals_with(*codes).items():
        present = operation["responses"].setdefault(str(status), refusal)
        if present is not refusal:
            content = present["content"][MEDIA_TYPE]
            content["examples"] |= refusal["content"][MEDIA_TYPE]["examples"]
            present["description"] += " " + refusal["description"]
            present.setdefault("headers", {}).update(refusal.get("headers", {}))
