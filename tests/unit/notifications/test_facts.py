"""Facts of a visit that a message tells."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

import pytest

from bookings.model import Appointment, CustomerDetails, Policy, Status
from catalogue.model.catalogue import Catalogue
from catalogue.model.rules.cancellation import CancellationPolicy
from catalogue.model.rules.reschedule import ReschedulePolicy
from holds.model import Part
from kernel.ids import AppointmentId, CustomerId, HoldId, LocationId, NotificationId
from kernel.money import Money
from kernel.spans import Span, to_minute
from messages.content.model import Audience, Links, MessageKind
from messages.model import ChannelName
from notifications.facts import facts_of
from notifications.model import Notification, NotificationStatus
from notifications.planning.recipients import Recipient, RecipientKind
from tests.support.documents import catalogue_of, small_document

_NOW: Final = datetime(2026, 11, 30, 12, tzinfo=UTC)
_NINE: Final = to_minute(datetime(2026, 12, 1, 9, tzinfo=UTC))
_NOTIFICATION: Final = Notification(
    id=NotificationId("ntf_1"),
    kind=MessageKind.CONFIRMED,
    recipient=Recipient(audience=Audience.CUSTOMER, kind=RecipientKind.CUSTOMER, id="cus_1"),
    channel=ChannelName.EMAIL,
    appointment_id=AppointmentId("apt_1"),
    appointment_version=1,
    visit_start=_NOW,
    event_id=None,
    event_seq=None,
    rule=None,
    dedupe="once",
    due_at=_NOW,
    status=NotificationStatus.PLANNED,
    created_at=_NOW,
)


@pytest.fixture
def catalogue() -> Catalogue:
    place = {"key": "main", "name": "Main", "address": "Main street 1", "phone": "+972 3 123 4567"}
    return catalogue_of(small_document(locations=[place]))


def _appointment(catalogue: Catalogue) -> Appointment:
    span = Span(_NINE, _NINE + 30)
    return Appointment(
        id=AppointmentId("apt_1"),
        hold_id=HoldId("hld_1"),
        status=Status.CONFIRMED,
        service_id=catalogue.services[0].id,
        span=span,
        timezone="Asia/Jerusalem",
        parts=(Part(role="barber", resource_id=catalogue.resources[0].id, span=span),),
        party=1,
        price=Money(amount_minor=9000, currency="ILS"),
        customer_id=CustomerId("cus_1"),
        customer=CustomerDetails(name="Dana"),
        policy=Policy(cancellation=CancellationPolicy(), reschedule=ReschedulePolicy()),
        notes=None,
        metadata={},
        details_digest=None,
        times_rescheduled=0,
        approve_by=None,
        cancelled_at=None,
        cancel_reason=None,
        cancelled_by=None,
        finished_at=None,
        fee=None,
        kept_fee=None,
        fee_start=None,
        version=1,
        created_at=_NOW,
        updated_at=_NOW,
    )


@pytest.mark.parametrize("names_it", [True, False])
def test_message_tells_the_place_that_the_appointment_or_its_first_resource_names(
    catalogue: Catalogue,
    names_it: bool,  # noqa: FBT001
) -> None:
    location_id = catalogue.locations[0].id if names_it else None
    appointment = replace(_appointment(catalogue), location_id=location_id)

    facts = facts_of(_NOTIFICATION, appointment, catalogue, links=Links(), event=None)

    assert facts.visit is not None
    assert (facts.visit.location, facts.visit.address) == ("Main", "Main street 1")
    assert facts.business.phone == "+972 3 123 4567"


def test_message_tells_no_place_that_is_not_known_any_more(catalogue: Catalogue) -> None:
    appointment = replace(_appointment(catalogue), location_id=LocationId("loc_gone"))

    facts = facts_of(_NOTIFICATION, appointment, catalogue, links=Links(), event=None)

    assert facts.visit is not None
    assert (facts.visit.location, facts.business.phone) == (None, None)
