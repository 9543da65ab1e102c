"""The question whether a customer who is signed in books with their own address."""

from typing import Final

from bookings.customers import CustomerRepository
from bookings.model import CustomerDetails
from kernel.ids import CustomerId
from kernel.operation import Operation
from persistence.unit_of_work import UnitOfWork

_CUSTOMER: Final = "cus_"


def is_signed_in_customer(operation: Operation) -> bool:
    """True if the actor is a customer for whom an identity provider of the business vouches."""
    return operation.is_by_customer and operation.actor.id.startswith(_CUSTOMER)


async def owns_address(
    unit_of_work: UnitOfWork, operation: Operation, details: CustomerDetails, country: str | None
) -> bool:
    """True if the address is that of the customer who is signed in. Raises StoreUnavailable."""
    if not is_signed_in_customer(operation):
        return False
    async with unit_of_work.snapshot(operation.tenant_id) as connection:
        repository = CustomerRepository(connection, operation.tenant_id)
        return await repository.has_address(CustomerId(operation.actor.id), details, country)
