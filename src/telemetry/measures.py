"""Every number the engine tells of itself: its name, its label and what it means. All else is derived from this."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, eq=False)
class Counter:
    """Something that is counted; in Redis a field of that name, with `:<label>` after it if it has a label."""

    name: str
    help: str
    label: str | None = None
    """The label of its counts; its values come from the engine, never from clients."""


@dataclass(frozen=True, slots=True, eq=False)
class Gauge:
    """Something that is as it is just now, in one process."""

    name: str
    help: str
    label: str | None = None


HOLDS_PLACED: Final = Counter("holds_placed", "Holds placed for visitors.")
HOLDS_REPEATED: Final = Counter("holds_repeated", "Repeated requests that got the hold the visitor already had.")
HOLDS_REFUSED: Final = Counter("holds_refused", "Holds that were refused, by the code of the refusal.", "code")
HOLDS_REPLACED: Final = Counter("holds_replaced", "Live holds replaced by another one in the same step.")
HOLDS_EXTENDED: Final = Counter("holds_extended", "Times that a hold was given more time.")
HOLDS_RELEASED: Final = Counter("holds_released", "Live holds that their visitors gave up.")
HOLDS_OVERRIDDEN: Final = Counter(
    "holds_overridden", "Holds of visitors that the business ended to take their time; each counts as expired, too."
)
REQUESTS_LIMITED: Final = Counter(
    "requests_limited", "Requests that were refused because a rate was used up, by the rate.", "policy"
)
HOLDS_EXPIRED: Final = Counter("holds_expired", "Holds whose deadline passed, each once.")
HOLDS_CONFIRMED: Final = Counter("holds_confirmed", "Holds that became appointments.")
CONFIRM_REFUSED: Final = Counter(
    "confirm_refused", "Confirmations of holds that were refused, by the code of the refusal.", "code"
)
CONFIRM_LOST: Final = Counter(
    "confirm_lost",
    "Confirmations of holds that the exclusion constraint refused: the time was booked in spite of the hold.",
)
BOOKINGS_DIRECT: Final = Counter("bookings_direct", "Appointments booked without a hold of the visitor's.")
BOOKINGS_REFUSED: Final = Counter(
    "bookings_refused", "Direct bookings that were refused, by the code of the refusal.", "code"
)
BOOKINGS_LOST: Final = Counter(
    "bookings_lost",
    "Attempts of direct bookings that the exclusion constraint refused; the remaining resources are tried.",
)
BOOKINGS_CANCELLED: Final = Counter("bookings_cancelled", "Appointments that were cancelled.")
BOOKINGS_DECLINED: Final = Counter("bookings_declined", "Pending appointments that the business declined.")
BOOKINGS_EXPIRED: Final = Counter("bookings_expired", "Pending appointments that were not approved in time.")
BOOKINGS_RESCHEDULED: Final = Counter("bookings_rescheduled", "Times that an appointment was moved.")
RESCHEDULES_LOST: Final = Counter("reschedules_lost", "Moves that the exclusion constraint refused.")
CACHE_HITS: Final = Counter("cache_hits", "Staff-days that were read and cached.")
CACHE_MISSES: Final = Counter("cache_misses", "Staff-days that were read and not cached.")
CACHE_FILLS: Final = Counter("cache_fills", "Staff-days read from Postgres and cached.")
CACHE_FILLS_REFUSED: Final = Counter(
    "cache_fills_refused", "Staff-days read from Postgres and not cached, because they had changed meanwhile."
)
CACHE_FILLS_NO_ROOM: Final = Counter(
    "cache_fills_no_room",
    "Staff-days read from Postgres and not cached, because the business has as much cached as may be, or all of Redis.",
    "of",
)
INVALIDATIONS: Final = Counter("invalidations", "Invalidation rows that Redis has heard of from the invalidator.")
INVALIDATIONS_SETTLED: Final = Counter(
    "invalidations_settled", "Invalidation rows whose commit the engine had settled itself."
)
DRIFT: Final = Counter(
    "drift", "Differences between Redis and Postgres that reconciliation found, by their kind.", "kind"
)
SET_ASIDE: Final = Counter(
    "set_aside", "Records, or businesses, that a background loop passed over because of an error, by the loop.", "loop"
)
LOOP_KEPT: Final = Counter(
    "event_loop_kept", "Times that the event loop of a process answered nothing for longer than the watchdog's limit."
)
EVENTS_RELAYED: Final = Counter("events_relayed", "Events that were moved from the outbox into the feed.")
TASKS_DONE: Final = Counter("tasks_done", "Tasks that were done, by their kind.", "kind")
TASKS_FAILED: Final = Counter("tasks_failed", "Attempts at tasks that failed, by their kind.", "kind")
CUSTOMERS_RETIRED: Final = Counter(
    "customers_retired", "Customers who were erased because the business had kept them for as long as it says."
)
WEBHOOK_ATTEMPTS: Final = Counter(
    "webhook_attempts",
    "Attempts at deliveries to webhook endpoints, by the class of the answer's status, or by why there was none.",
    "outcome",
)
WEBHOOKS_DISABLED: Final = Counter(
    "webhooks_disabled", "Webhook endpoints that were disabled because they were gone or did nothing but fail."
)
MAILS: Final = Counter("mails", "Attempts at mails, by outcome: sent, or why not.", "outcome")
TEXT_MESSAGES: Final = Counter("text_messages", "Attempts at text messages, by outcome: sent, or why not.", "outcome")
NOTIFICATIONS: Final = Counter(
    "notifications", "Notifications, by what came of them: sent, or why not; retried: they are tried again.", "outcome"
)
COUNTERS: Final = (
    HOLDS_PLACED, HOLDS_REPEATED, HOLDS_REFUSED, HOLDS_REPLACED, HOLDS_EXTENDED, HOLDS_RELEASED, HOLDS_OVERRIDDEN,
    REQUESTS_LIMITED,
    HOLDS_EXPIRED, HOLDS_CONFIRMED, CONFIRM_REFUSED, CONFIRM_LOST, BOOKINGS_DIRECT, BOOKINGS_REFUSED, BOOKINGS_LOST,
    BOOKINGS_CANCELLED, BOOKINGS_DECLINED, BOOKINGS_EXPIRED, BOOKINGS_RESCHEDULED, RESCHEDULES_LOST, CACHE_HITS,
    CACHE_MISSES, CACHE_FILLS, CACHE_FILLS_REFUSED, CACHE_FILLS_NO_ROOM, INVALIDATIONS, INVALIDATIONS_SETTLED, DRIFT,
    SET_ASIDE, LOOP_KEPT, EVENTS_RELAYED, CUSTOMERS_RETIRED, TASKS_DONE, TASKS_FAILED, WEBHOOK_ATTEMPTS,
    WEBHOOKS_DISABLED, MAILS, TEXT_MESSAGES, NOTIFICATIONS,
)  # fmt: skip

REQUESTS: Final = Counter("requests", "Requests that ended, by route and status; 0: without an answer.")
LATENCY_SUM: Final = Counter("latency_us_sum", "Microseconds that the requests of a route took, together.")
LATENCY_COUNT: Final = Counter("latency_count", "Requests of a route.")
LATENCY_BUCKET: Final = Counter(
    "latency_bucket",
    "Requests of a route that took longer than the bucket before, and up to that many milliseconds, inclusive.",
)
OF_ROUTES: Final = (REQUESTS, LATENCY_SUM, LATENCY_COUNT, LATENCY_BUCKET)
"""Counters with a route in their field: `<name>:<METHOD template>` and, for two of them, `:<status>` or `:<bucket>`."""
BUCKETS_MS: Final = (1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000)
"""Bounds, inclusive; what takes longer is in the last bucket, `inf`."""
BUCKETS: Final = (*(f"{bound:g}" for bound in BUCKETS_MS), "inf")
UNMATCHED: Final = "unmatched"
"""The route of requests whose path or method no route has."""

HOLDS_LIVE: Final = Gauge("holds_live", "Holds that keep their minutes from others. Reported by the elected process.")
RATES_UNSETTLED: Final = Gauge(
    "rates_unsettled", "1 in a process that counts rates by itself, because Redis does not answer, else 0."
)
ELECTED: Final = Gauge("elected", "1 in the process that is elected to run the background loops, else 0.")
INVALIDATION_LAG: Final = Gauge(
    "invalidation_lag_seconds",
    "Age of the oldest committed change that Redis has not heard of. Reported by the elected process.",
)
AUDIT_DRIFT: Final = Gauge(
    "audit_drift",
    "Differences that the latest reconciliation found. Reported by the elected process, after its first one.",
)
AUDIT_FOUND: Final = Gauge(
    "audit_found", "Differences of the latest reconciliation, by their kind. Reported by the elected process.", "kind"
)
AUDIT_REPAIRED: Final = Gauge(
    "audit_repaired", "Differences that the latest reconciliation repaired. Reported by the elected process."
)
AUDIT_FINISHED: Final = Gauge(
    "audit_finished_timestamp_seconds",
    "End of the latest reconciliation, in seconds since 1970. Reported by the elected process.",
)
CACHED_BYTES_LARGEST: Final = Gauge(
    "cached_bytes_largest",
    "Memory of Redis that the cached days of one business take at most, in bytes, by the latest reconciliation. "
    "Reported by the elected process.",
)
OUTBOX_AGE: Final = Gauge(
    "outbox_oldest_seconds",
    "Age of the oldest event that waits for the relay; 0 where none does. Reported by the elected process.",
)
TASK_LAG: Final = Gauge(
    "task_lag_seconds",
    "Time for which a task has been due that no worker has, by its kind. Reported by the elected process.",
    "kind",
)
TASKS_PARKED: Final = Gauge(
    "tasks_parked",
    "Tasks that wait for an operator after their last attempt, by their kind, up to 1,000 each. "
    "Reported by the elected process.",
    "kind",
)
CUSTOMERS_PAST_RETENTION: Final = Gauge(
    "customers_past_retention",
    "Customers who were kept for long enough, as far as they were counted, and are not erased yet. "
    "Reported by the elected process.",
)
BUSINESSES_SUSPENDED: Final = Gauge(
    "businesses_suspended", "Businesses that the operator has suspended. Reported by the elected process."
)
OF_THE_ELECTED: Final = (
    HOLDS_LIVE, INVALIDATION_LAG, AUDIT_DRIFT, AUDIT_FOUND, AUDIT_REPAIRED, AUDIT_FINISHED,
    CACHED_BYTES_LARGEST, OUTBOX_AGE, TASK_LAG, TASKS_PARKED, CUSTOMERS_PAST_RETENTION,
    BUSINESSES_SUSPENDED,
)  # fmt: skip
"""Shown by the process that is elected, while it is."""
STORE_SILENT: Final = Gauge(
    "store_silent", "1 while the store is silent and the process sends it no requests, else 0.", "store"
)
STORE_REFUSES: Final = Gauge(
    "store_refuses_writes",
    "1 while the store answers, but takes no writes, as with a full memory; else 0.",
    "store",
)
MEMORY_USED: Final = Gauge(
    "store_memory_used_ratio", "Memory of Redis that is used, of what it may use; 0 where that is not limited.", "store"
)
MAY_EVICT: Final = Gauge(
    "store_may_evict", "1 if Redis may drop holds where memory is short, by its maxmemory-policy, else 0.", "store"
)
POOL_USED: Final = Gauge("pool_used", "Connections of the pool that are in use.", "store")
POOL_SIZE: Final = Gauge("pool_size", "Connections that the pool may have; of a cluster, to all masters.", "store")
NOT_STORED: Final = Gauge("flush_pending", "1 while counts of the process wait for Redis to answer, else 0.")
LOOP_KEPT_LONGEST: Final = Gauge(
    "event_loop_kept_longest_seconds",
    "The longest time since its start that the event loop of the process answered nothing, if it exceeded the limit.",
)
GAUGES: Final = (
    HOLDS_LIVE, RATES_UNSETTLED, ELECTED, INVALIDATION_LAG, AUDIT_DRIFT, AUDIT_FOUND, AUDIT_REPAIRED, AUDIT_FINISHED,
    CACHED_BYTES_LARGEST, OUTBOX_AGE, TASK_LAG, TASKS_PARKED, CUSTOMERS_PAST_RETENTION,
    BUSINESSES_SUSPENDED,
    STORE_SILENT, STORE_REFUSES, MEMORY_USED, MAY_EVICT, POOL_USED, POOL_SIZE, NOT_STORED, LOOP_KEPT_LONGEST,
)  # fmt: skip
