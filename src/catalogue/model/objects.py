"""Kinds of objects in a catalogue."""

from enum import StrEnum
from typing import Literal, TypeAlias

from catalogue.model.catalogue import Catalogue
from catalogue.model.documents import JsonObject
from catalogue.model.locations import Location, location_document
from catalogue.model.resources import Resource, resource_document
from catalogue.model.services import Service, service_document


class ObjectKind(StrEnum):
    """Kind of an object that can change."""

    BUSINESS = "business"
    LOCATION = "location"
    RESOURCE = "resource"
    SERVICE = "service"


CollectionKind: TypeAlias = Literal[ObjectKind.LOCATION, ObjectKind.RESOURCE, ObjectKind.SERVICE]
"""Kind of an object of which there may be several."""
CatalogueObject: TypeAlias = Location | Resource | Service


def objects_of(kind: CollectionKind, catalogue: Catalogue) -> tuple[CatalogueObject, ...]:
    """All objects of a kind, archived ones too, in order."""
    match kind:
        case ObjectKind.LOCATION:
            return catalogue.locations
        case ObjectKind.RESOURCE:
            return catalogue.resources
        case ObjectKind.SERVICE:
            return catalogue.services


def kind_of(item: CatalogueObject) -> CollectionKind:
    """The kind of an object."""
    match item:
        case Location():
            return ObjectKind.LOCATION
        case Resource():
            return ObjectKind.RESOURCE
        case Service():
            return ObjectKind.SERVICE


def object_document(item: CatalogueObject, catalogue: Catalogue) -> JsonObject:
    """The object as its part of the business document; a resource without its time off."""
    match item:
        case Location():
            return location_document(item)
        case Resource():
            return resource_document(item, catalogue.location_by_id)
        case Service():
            return service_document(item, catalogue.resource_by_id)
