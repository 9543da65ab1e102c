"""The seam for who acts: whose business, which actor, which request."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from kernel.ids import CustomerId, ResourceId, TenantId


class ActorKind(StrEnum):
    """On whose side an actor stands; rules about cut-offs and fees depend on it."""

    BUSINESS = "business"
    CUSTOMER = "customer"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Actor:
    """The actor, without personal data: a kind, and the id of the credential, appointment or loop behind it."""

    kind: ActorKind
    id: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """The objects that belong to an actor: those of its resource, or those of its customer; none without either."""

    resource_id: ResourceId | None = None
    customer_id: CustomerId | None = None

    def has_resource(self, resource_ids: Collection[str]) -> bool:
        """True if its resource is one of these."""
        return self.resource_id is not None and self.resource_id in resource_ids


@dataclass(frozen=True, slots=True)
class Operation:
    """One request to a use case. Events, log lines and traces carry its actor and request id."""

    tenant_id: TenantId
    actor: Actor
    request_id: str | None = None
    """The id of the HTTP request, as in its log lines and its answer; None outside of one."""
    own: Own | None = None
    """The only objects that exist for the operation; None: all of the business."""
    action: str = "unnamed"
    """Name of the deed in the audit log: the id of the operation of the API, or a name of a loop or a command."""
    origin: str | None = None
    """Network that a caller of the business sent it from, such as 192.0.2.0/24; None: unknown, or somebody else's."""

    @property
    def is_by_customer(self) -> bool:
        """True if the rules for customers apply, rather than those for the business or the system."""
        return self.actor.kind is ActorKind.CUSTOMER


def by_system(tenant_id: TenantId, name: str, action: str | None = None) -> Operation:
    """An operation of a background loop or a command, by its name; the action is that too, unless it has one."""
    return Operation(tenant_id, Actor(ActorKind.SYSTEM, name), action=action or name)
