"""A visit that a hold keeps, with what the catalogue says of it now."""

from dataclasses import dataclass

from availability.state.catalogue_snapshots import CatalogueSnapshot
from catalogue.model.rules.approval import Approval
from holds.model import Hold


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldVisit:
    """A visit as an appointment gets it by a move or an amendment."""

    hold: Hold
    timezone: str
    """Of the resource that leads it."""
    approval: Approval | None
    """The rule in force now for visits that this resource leads."""


def held_visit(snapshot: CatalogueSnapshot, hold: Hold) -> HeldVisit:
    """The visit of a hold, by the catalogue that it was placed on."""
    lead = snapshot.catalogue.resource_by_id[hold.parts[0].resource_id]
    rules = snapshot.index.rules(snapshot.catalogue.service_by_id[hold.service_id], lead)
    return HeldVisit(
        hold=hold, timezone=snapshot.catalogue.timezone_at(hold.location_id, lead), approval=rules.approval
    )
