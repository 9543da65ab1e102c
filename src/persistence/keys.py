"""How every Redis key is spelled: the only place that knows, next to the scripts in lua/ that take the prefix.

All keys of a business share one hash tag, so that one script reaches all of them on one shard of a cluster.
"""

import hashlib

from kernel.ids import HoldId, OperationId, ResourceId, TenantId


def prefix(tenant_id: TenantId) -> str:
    """What every key of the business begins with."""
    return f"hf:{{{tenant_id.hex}}}:"


def catalogue(tenant_id: TenantId) -> str:
    """The version of the business's catalogue (a time by Redis' clock)."""
    return f"{prefix(tenant_id)}catalogue"


def clear(tenant_id: TenantId, resource_id: ResourceId, day: int) -> str:
    """The bitmaps of a resource on a UTC day: time off, then one per lane (availability.bitmaps)."""
    return f"{prefix(tenant_id)}clear:{resource_id}:{day}"


def version(tenant_id: TenantId, resource_id: ResourceId, day: int) -> str:
    """The version of a resource's UTC day (a time by Redis' clock): a fill that read another one is refused."""
    return f"{prefix(tenant_id)}version:{resource_id}:{day}"


def held(tenant_id: TenantId, resource_id: ResourceId, day: int) -> str:
    """The holds that touch a resource on a UTC day."""
    return f"{prefix(tenant_id)}held:{resource_id}:{day}"


def hold(tenant_id: TenantId, hold_id: HoldId) -> str:
    """One hold."""
    return f"{prefix(tenant_id)}hold:{hold_id}"


def operation(tenant_id: TenantId, operation_id: OperationId) -> str:
    """The mark of an operation that the engine settled itself."""
    return f"{prefix(tenant_id)}operation:{operation_id}"


def client_digest(client: str) -> str:
    """A client's name as it stands in a key: of one length, and nothing anybody may read."""
    return hashlib.sha256(client.encode()).hexdigest()[:32]
