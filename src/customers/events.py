"""Events about customers: they name nobody."""

from collections.abc import Sequence

from kernel.events import Event
from kernel.ids import CustomerId


def customer_updated(
    customer_id: CustomerId, version: int, fields: Sequence[str], *, merged: CustomerId | None = None
) -> Event:
    """The event of a change, with the names of the fields; of a merge, with the customer who was merged."""
    data: dict[str, object] = {"id": customer_id, "version": version, "fields": list(fields)}
    if merged is not None:
        data["merged"] = merged
    return Event(name="customer.updated.v1", subject=customer_id, data=data)


def customer_erased(customer_id: CustomerId, version: int, merged: Sequence[CustomerId]) -> Event:
    """The event of an erasure, with those who had been merged into the customer."""
    return Event(
        name="customer.erased.v1",
        subject=customer_id,
        data={"id": customer_id, "version": version, "merged": list(merged)},
    )
