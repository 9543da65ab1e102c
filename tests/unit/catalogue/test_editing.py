"""Objects edited one at a time."""

from dataclasses import replace
from typing import Any

import pytest

from catalogue.editing import add_object, archive_object, merge_patch, patch_object
from catalogue.model.catalogue import Catalogue
from catalogue.model.objects import CollectionKind, ObjectKind
from kernel.errors import ValidationFailed
from tests.support.documents import catalogue_of, small_document


def small() -> Catalogue:
    return catalogue_of(small_document())


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merge_patch_does_as_rfc_7396_shows(
    target: dict[str, Any], patch: dict[str, Any], result: dict[str, Any]
) -> None:
    assert merge_patch(target, patch) == result


def test_patched_object_keeps_its_id_and_place_when_its_key_changes() -> None:
    stored = small()

    desired = patch_object(stored.resources[0], {"key": "noa-levi", "capacity": 3}, stored)

    assert [(resource.id, resource.key) for resource in desired.resources] == [
        (stored.resources[0].id, "noa-levi"),
        (stored.resources[1].id, "chair"),
    ]
    assert desired.resources[0].schedule == stored.resources[0].schedule


def test_created_object_revives_the_archived_one_of_its_key() -> None:
    before = small()
    stored = replace(before, services=(replace(before.services[0], archived=True),))

    desired = add_object(ObjectKind.SERVICE, small_document()["services"][0], stored)

    assert [(service.id, service.archived) for service in desired.services] == [(before.services[0].id, False)]


@pytest.mark.parametrize(
    ("kind", "data", "pointer", "detail"),
    [
        (ObjectKind.LOCATION, {"key": "main", "name": "Again"}, "key", '"main" is already the key of a location'),
        (ObjectKind.RESOURCE, {"key": "dan", "kind": "staff"}, "name", "required"),
        (ObjectKind.RESOURCE, {"key": "dan", "kind": "staff", "name": "Dan", "location": "x"},
         "location", 'no location "x"'),
        (ObjectKind.SERVICE,
         {"key": "x", "name": "X", "duration_minutes": 5, "requires": [{"role": "a", "any_of": ["no"]}]},
         "requires[0].any_of[0]", 'no resource "no"'),
    ],
)  # fmt: skip
def test_created_object_is_refused_with_pointers_into_itself(
    kind: CollectionKind, data: dict[str, Any], pointer: str, detail: str
) -> None:
    stored = small()

    with pytest.raises(ValidationFailed) as caught:
        add_object(kind, data, stored)

    assert [error.pointer for error in caught.value.errors] == [pointer]
    assert detail in caught.value.errors[0].detail


@pytest.mark.parametrize("name", ["noa", "chair"])
def test_resource_is_not_archived_when_a_live_service_needs_it(name: str) -> None:
    stored = small()
    resource = stored.find_resource(name)
    assert resource is not None

    with pytest.raises(ValidationFailed, match="needed by haircut"):
        archive_object(resource, stored)


def test_resource_does_not_change_its_kind_when_a_live_service_needs_that() -> None:
    stored = small()

    with pytest.raises(ValidationFailed, match="needed by haircut"):
        patch_object(stored.resources[1], {"kind": "sofa"}, stored)


def test_location_is_not_archived_when_resources_are_there() -> None:
    stored = small()

    with pytest.raises(ValidationFailed, match="still has resources: noa, chair"):
        archive_object(stored.locations[0], stored)


def test_resource_is_archived_when_only_archived_services_name_it() -> None:
    before = small()
    stored = replace(before, services=(replace(before.services[0], archived=True),))

    desired = archive_object(stored.resources[0], stored)

    assert [resource.key for resource in desired.resources] == ["chair"]


def test_moved_location_takes_its_resources_along() -> None:
    stored = small()

    desired = patch_object(stored.locations[0], {"timezone": "Europe/Paris"}, stored)

    assert {resource.schedule.timezone for resource in desired.resources} == {"Europe/Paris"}
