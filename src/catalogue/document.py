"""The whole business document."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from catalogue.limits import MAX_LOCATIONS, MAX_RESOURCES, MAX_SERVICES
from catalogue.model.business import BusinessSection, business_section, sections_beside
from catalogue.model.catalogue import Catalogue
from catalogue.model.documents import Document, JsonObject
from catalogue.model.locations import LocationDocument, location_document
from catalogue.model.notifications.rules import NotificationsSection
from catalogue.model.resources import ResourceDocument, resource_document
from catalogue.model.services import ServiceDocument, service_document
from catalogue.model.time_off import TimeOff, time_off_document
from kernel.ids import ResourceId


class BusinessDocument(Document):
    """The whole set-up of a business. What is absent from it is archived."""

    business: BusinessSection
    notifications: NotificationsSection | None = Field(default=None, description="Absent: as by default.")
    locations: Annotated[list[LocationDocument], Field(max_length=MAX_LOCATIONS)] = Field(default=[])
    resources: Annotated[list[ResourceDocument], Field(max_length=MAX_RESOURCES)] = Field(default=[])
    services: Annotated[list[ServiceDocument], Field(max_length=MAX_SERVICES)] = Field(default=[])


def business_document(catalogue: Catalogue, time_off: Mapping[ResourceId, tuple[TimeOff, ...]]) -> JsonObject:
    """The whole document; applied, it changes nothing."""
    return {
        "business": business_section(catalogue.business, catalogue.resource_by_id),
        **sections_beside(catalogue.business),
        "locations": [location_document(location) for location in catalogue.locations if not location.archived],
        "resources": [
            resource_document(resource, catalogue.location_by_id)
            | {"time_off": [time_off_document(entry) for entry in time_off.get(resource.id, ())]}
            for resource in catalogue.resources
            if not resource.archived
        ],
        "services": [
            service_document(service, catalogue.resource_by_id)
            for service in catalogue.services
            if not service.archived
        ],
    }
