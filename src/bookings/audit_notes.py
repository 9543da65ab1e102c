"""Notes of the audit log about appointments: the names of what was changed or read, and no value."""

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Final

from bookings.model import Appointment
from persistence.audit import AuditNote
from persistence.unit_of_work import Transaction

# As the API spells them. What follows from another field, such as the instant of a cancellation, has no line.
_FIELDS: Final[Mapping[str, Callable[[Appointment], object]]] = {
    name: attrgetter(path)
    for name, path in {
        "status": "status",
        "service": "service_id",
        "start": "span.start",
        "end": "span.end",
        "location": "location_id",
        "resources": "parts",
        "party": "party",
        "price": "price",
        "customer_id": "customer_id",
        "customer.name": "customer.name",
        "customer.email": "customer.email",
        "customer.phone": "customer.phone",
        "customer.timezone": "customer.timezone",
        "override": "overrides",
        "add_ons": "choices",
        "notes": "notes",
        "metadata": "metadata",
        "answers": "answers",
        "cancel_reason": "cancel_reason",
        "fee": "fee",
        "kept_fee": "kept_fee",
    }.items()
}
PERSONAL: Final = ("customer", "notes", "metadata", "answers", "cancel_reason")
"""Personal fields of an appointment, as the API spells them."""


def change_note(before: Appointment, after: Appointment) -> AuditNote:
    """Name the fields in which an appointment differs from what it was."""
    return AuditNote(subject=after.id, fields=[name for name, get in _FIELDS.items() if get(before) != get(after)])


async def note_reading(transaction: Transaction, appointments: Sequence[Appointment]) -> None:
    """Note that the personal data of appointments was read, by anybody but their customers themselves."""
    if appointments and not transaction.operation.is_by_customer:
        first, *others = [appointment.id for appointment in appointments]
        await transaction.audit.add(AuditNote(subject=first, more_subjects=others, fields=PERSONAL))
