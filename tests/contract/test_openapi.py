import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson
import pytest
from pydantic import TypeAdapter

from api.schemas import appointments, availability, catalogue, holds, sandbox
from catalogue.document import BusinessDocument
from catalogue.model.time_off import TimeOffDocument
from tests.support.application import application

_REQUESTS: Final = Path(__file__).resolve().parents[2] / "examples/requests.http"
_DOCUMENT: Final[dict[str, Any]] = application().openapi()
_TOKEN: Final = re.compile(r"\{\{\w+\}\}")


class Operation(NamedTuple):
    """One operation of the document."""

    method: str
    path: str
    spec: dict[str, Any]


_OPERATIONS: Final = [
    Operation(method, path, spec)
    for path, operations in _DOCUMENT["paths"].items()
    for method, spec in operations.items()
]
_ENGINE: Final = [operation for operation in _OPERATIONS if operation.path.startswith("/v1/")]


def _name(operation: object) -> str:
    assert isinstance(operation, Operation)
    return str(operation.spec["operationId"])


every_operation = pytest.mark.parametrize("operation", _OPERATIONS, ids=_name)
# They are how a credential is got. Idempotency keys belong to credentials.
_WITHOUT_CALLER: Final = {"requestSignIn", "createSession", "refreshSession"}
every_engine_operation = pytest.mark.parametrize("operation", _ENGINE, ids=_name)


def _within(node: object) -> Iterator[dict[str, Any]]:
    """Every object in the document."""
    if isinstance(node, dict):
        yield node
        for child in node.values():
            yield from _within(child)
    elif isinstance(node, list):
        for child in node:
            yield from _within(child)


def _codes(operation: Operation, status: str) -> set[str]:
    response = operation.spec["responses"].get(status, {})
    return set(response.get("content", {}).get("application/problem+json", {}).get("examples", {}))


def test_document_is_of_openapi_3_1() -> None:
    assert _DOCUMENT["openapi"].startswith("3.1.")
    assert _DOCUMENT["info"]["title"]
    assert _DOCUMENT["info"]["version"]


def test_every_reference_leads_somewhere() -> None:
    references = {node["$ref"] for node in _within(_DOCUMENT) if isinstance(node.get("$ref"), str)}

    dangling = [
        reference
        for reference in references
        if reference.removeprefix("#/components/schemas/") not in _DOCUMENT["components"]["schemas"]
    ]

    assert dangling == []


def test_document_names_its_server() -> None:
    assert _DOCUMENT["servers"] == [{"url": "/", "description": "The server that this document comes from."}]


@every_engine_operation
def test_bodies_have_one_media_type_and_a_named_form(operation: Operation) -> None:
    content = operation.spec.get("requestBody", {}).get("content", {})

    assert set(content) <= {"application/json"}
    # Of a body that may be left out, one of the two forms.
    forms = [form for body in content.values() for form in body["schema"].get("anyOf", [body["schema"]])]
    assert [form for form in forms if "$ref" not in form and form != {"type": "null"}] == []


def test_patches_need_no_member_and_take_null_where_a_member_may_lack() -> None:
    schemas = _DOCUMENT["components"]["schemas"]
    patch, whole = schemas["ServicePatch"], schemas["ServiceDocument"]

    assert "required" not in patch
    assert patch["properties"].keys() == whole["properties"].keys()
    assert {"type": "null"} in patch["properties"]["price"]["anyOf"]
    assert patch["properties"]["name"] == whole["properties"]["name"]


def test_members_of_bodies_have_their_defaults_in_words() -> None:
    """Generators of types take a member with a default for one that must be sent."""
    schemas = _DOCUMENT["components"]["schemas"]
    members = [member for schema in schemas.values() for member in schema.get("properties", {}).values()]

    assert [member for member in members if "default" in member] == []
    assert "Default: 1." in schemas["PlaceHold"]["properties"]["party"]["description"]


def test_operation_ids_are_unique() -> None:
    ids = [operation.spec["operationId"] for operation in _OPERATIONS]

    assert len(set(ids)) == len(ids)


def test_validation_errors_of_the_framework_are_not_documented() -> None:
    assert "HTTPValidationError" not in _DOCUMENT["components"]["schemas"]


@every_operation
def test_operation_has_summary_description_and_one_known_tag(operation: Operation) -> None:
    snapshot = {tag["name"] for tag in _DOCUMENT["tags"]}

    assert operation.spec["summary"]
    assert operation.spec["description"]
    assert len(operation.spec["tags"]) == 1
    assert set(operation.spec["tags"]) <= snapshot


@every_operation
def test_operation_has_an_example_of_each_answer(operation: Operation) -> None:
    for status, response in operation.spec["responses"].items():
        assert response["description"]
        for media in response.get("content", {}).values():
            assert "example" in media or media["examples"], status


@every_operation
def test_operation_has_an_example_of_its_body(operation: Operation) -> None:
    for media in operation.spec.get("requestBody", {}).get("content", {}).values():
        schema = media["schema"]
        reference = schema.get("$ref") or next((one["$ref"] for one in schema.get("anyOf", ()) if "$ref" in one), "")
        model = _DOCUMENT["components"]["schemas"].get(reference.rpartition("/")[2], {})

        assert "example" in media or model.get("examples")


@every_operation
def test_path_parameters_are_those_of_the_path(operation: Operation) -> None:
    declared = {one["name"] for one in operation.spec.get("parameters", ()) if one["in"] == "path"}

    assert declared == set(re.findall(r"\{(\w+)\}", operation.path))


@every_engine_operation
def test_operation_documents_the_refusals_all_have_in_common(operation: Operation) -> None:
    if operation.spec["operationId"] in _WITHOUT_CALLER:
        assert "security" not in operation.spec
    else:
        assert "unauthorized" in _codes(operation, "401")
        assert "forbidden" in _codes(operation, "403")
        assert operation.spec["security"]
    assert "validation" in _codes(operation, "422")
    assert "internal" in _codes(operation, "500")
    assert "store_unavailable" in _codes(operation, "503")


@every_engine_operation
def test_operation_documents_if_match_exactly_where_it_may_conflict(operation: Operation) -> None:
    parameters = {one["name"] for one in operation.spec.get("parameters", ()) if one["in"] == "header"}

    assert ("If-Match" in parameters) == ("version_conflict" in _codes(operation, "412"))


@every_engine_operation
def test_operation_documents_idempotency_exactly_where_it_posts(operation: Operation) -> None:
    parameters = {one["name"] for one in operation.spec.get("parameters", ()) if one["in"] == "header"}
    posts = operation.method == "post" and operation.spec["operationId"] not in _WITHOUT_CALLER

    assert ("Idempotency-Key" in parameters) == posts
    assert ("idempotency_in_flight" in _codes(operation, "409")) == posts
    assert ("idempotency_mismatch" in _codes(operation, "422")) == posts


@every_engine_operation
def test_operation_that_names_an_object_may_not_find_it(operation: Operation) -> None:
    if "{" not in operation.path or operation.spec["operationId"] == "releaseHold":
        return

    assert _codes(operation, "404") & {"not_found", "hold_not_found"}


@pytest.mark.parametrize(
    ("form", "example"),
    [
        (holds.HoldAnswer, holds.HOLD_EXAMPLE),
        (appointments.AppointmentAnswer, appointments.APPOINTMENT_EXAMPLE),
        (appointments.AppointmentAnswer, appointments.CANCELLED_EXAMPLE),
        (appointments.BookedAnswer, appointments.BOOKED_EXAMPLE),
        (availability.ListingAnswer, availability.LISTING_EXAMPLE),
        (availability.DaysAnswer, availability.DAYS_EXAMPLE),
        (availability.NextAnswer, availability.NEXT_EXAMPLE),
        (catalogue.ChangesAnswer, catalogue.CHANGES_EXAMPLE),
        (sandbox.ClockAnswer, sandbox.CLOCK_EXAMPLE),
        (BusinessDocument, catalogue.BUSINESS_EXAMPLE),
        (TimeOffDocument, catalogue.TIME_OFF_EXAMPLE),
        (catalogue.OverrideSpans, catalogue.OVERRIDE_EXAMPLE),
    ],
)
def test_example_has_the_form_it_is_an_example_of(form: type[object], example: dict[str, Any]) -> None:
    read = TypeAdapter(form).validate_json(orjson.dumps(example))

    members = read if isinstance(read, dict) else read.__dict__
    assert set(example) <= set(members)


@pytest.mark.parametrize("model", ["PlaceHold", "ExtendHold", "ConfirmHold", "BookAppointment", "AmendAppointment"])
def test_body_refuses_unknown_members(model: str) -> None:
    schema = _DOCUMENT["components"]["schemas"][model]

    assert schema["additionalProperties"] is False


def test_bounds_are_written_as_json_schema_calls_them() -> None:
    unknown = {"ge", "gt", "le", "lt", "min_length", "max_length", "multiple_of"}

    assert [node for node in _within(_DOCUMENT) if unknown & node.keys()] == []


def test_requests_file_has_every_operation_once() -> None:
    lines = _REQUESTS.read_text().splitlines()
    requests = [re.fullmatch(r"([A-Z]+) \{\{host\}\}([^? ]+)\S*", line) for line in lines]
    sent = [f"{found[1].lower()} {_shape(found[2])}" for found in requests if found]

    assert sorted(sent) == sorted(f"{operation.method} {_shape(operation.path)}" for operation in _OPERATIONS)


def _shape(path: str) -> str:
    """The path with what it names struck out."""
    fixed = {step for operation in _OPERATIONS for step in operation.path.split("/") if "{" not in step}
    return "/".join(step if step in fixed else "*" for step in _TOKEN.sub("*", path).split("/"))


def test_requests_file_defines_every_variable_it_uses() -> None:
    text = _REQUESTS.read_text()

    used = set(re.findall(r"\{\{(\w+)\}\}", text))
    defined = set(re.findall(r"^@(\w+) = ", text, re.MULTILINE))

    assert used == defined
