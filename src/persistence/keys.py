"""Names of all Redis keys. Besides, only the scripts in lua/ know them, which are given the prefix.

All keys of a business share one hash tag, so that one script reaches all of them on one shard of a cluster.
"""

import hashlib
from typing import Final

from kernel.ids import CommitId, HoldId, ResourceId, TenantId


def prefix(tenant_id: TenantId) -> str:
    """The prefix of every key of the business."""
    return f"hf:{{{tenant_id.hex}}}:"


def catalogue(tenant_id: TenantId) -> str:
    """The version of the business's catalogue (a time by Redis' clock)."""
    return f"{prefix(tenant_id)}catalogue"


def clear(tenant_id: TenantId, resource_id: ResourceId, day: int) -> str:
    """The bitmaps of a resource on a UTC day: time off, then one per lane (availability.rules.bitmaps)."""
    return f"{prefix(tenant_id)}clear:{resource_id}:{day}"


def cached(tenant_id: TenantId) -> str:
    """The bytes that the cached bitmaps of the business take."""
    return f"{prefix(tenant_id)}cached"


def version(tenant_id: TenantId, resource_id: ResourceId, day: int) -> str:
    """The version of a resource's UTC day (a time by Redis' clock): a fill that read another one is refused."""
    return f"{prefix(tenant_id)}version:{resource_id}:{day}"


def held(tenant_id: TenantId, resource_id: ResourceId, day: int) -> str:
    """The holds that touch a resource on a UTC day."""
    return f"{prefix(tenant_id)}held:{resource_id}:{day}"


def hold(tenant_id: TenantId, hold_id: HoldId) -> str:
    """One hold."""
    return f"{prefix(tenant_id)}hold:{hold_id}"


def live(tenant_id: TenantId) -> str:
    """The live holds of the business, by deadline."""
    return f"{prefix(tenant_id)}live"


def commit(tenant_id: TenantId, commit_id: CommitId) -> str:
    """The mark of a commit that the engine settled itself."""
    return f"{prefix(tenant_id)}operation:{commit_id}"


def rates(tenant_id: TenantId) -> str:
    """Beginning of the counts of what was asked for, by windows of time (lua/rate_count.lua); nothing is under it."""
    return f"{prefix(tenant_id)}rates"


METRICS_TOTAL: Final = "hf:metrics:total"
"""The totals of all processes."""
METRICS_PROCESSES: Final = "hf:metrics:processes"
"""The processes that live, by when they last said so."""
PROBE: Final = "hf:probe"
"""Written again and again, to find out whether Redis takes writes."""
HOLDERS: Final = "hf:holders"
"""The businesses that have holds, each by its latest deadline."""


def probe(number: int) -> str:
    """A key to be written as `PROBE` is: one of many, so that each master of a cluster has some of them."""
    return f"{PROBE}:{number}"


def metrics_minute(minute: int) -> str:
    """The totals of all processes in one minute since 1970."""
    return f"hf:metrics:minute:{minute}"


def metrics_process(name: str) -> str:
    """The gauges of a process."""
    return f"hf:metrics:process:{name}"


def client_digest(client: str) -> str:
    """A client's name as it stands in a key: of one length, and nothing anybody may read."""
    return hashlib.sha256(client.encode()).hexdigest()[:32]
