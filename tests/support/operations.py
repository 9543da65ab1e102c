"""Operations as tests perform them."""

from kernel.ids import TenantId
from kernel.operation import Actor, ActorKind, Operation

BUSINESS = Actor(ActorKind.BUSINESS, "key_test")
CUSTOMER = Actor(ActorKind.CUSTOMER, "key_test")


def by_business(tenant_id: TenantId) -> Operation:
    """An operation as a back end with a secret key performs it."""
    return Operation(tenant_id, BUSINESS, "test")


def by_customer(tenant_id: TenantId) -> Operation:
    """An operation as a visitor's browser performs it."""
    return Operation(tenant_id, CUSTOMER, "test")
