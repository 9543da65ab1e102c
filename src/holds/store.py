"""Holds as Redis keeps them: one method per script of lua/."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from redis.asyncio import Redis

from kernel.ids import AppointmentId, CommitId, HoldId, ResourceId, TenantId
from kernel.spans import Span
from persistence import keys, lua
from persistence.errors import redis_errors

# How long a hold's record outlives it, to tell "expired" from "never was" and to repeat an expired hold's booking.
RETENTION_MS = 3_600_000
# A process that reports expired holds has them to itself for so long. It takes milliseconds, and at most what the time
# limits of both stores allow; after that another process repeats it.
REPORT_LEASE_MS = 30_000
MOST_OVERDUE = 100
"""Expired holds read at once: a script of a millisecond or two, and as many events in one statement."""
MOST_PER_PAGE = 200
"""Holds of a list read at once: a script of a millisecond or two."""
# How long a settled commit is remembered: see availability.state.bitmap_cache.
COMMIT_MS = 3_600_000


class Reply(StrEnum):
    """The first word of what a hold script answers; each is explained on top of the script."""

    PLACED = "PLACED"
    REPLACED = "REPLACED"
    SAME = "SAME"
    STALE = "STALE"
    MISS = "MISS"
    LIMIT = "LIMIT"
    REPLACING = "REPLACING"
    HELD = "HELD"
    TAKEN = "TAKEN"
    HOLD = "HOLD"
    MISSING = "MISSING"
    EXTENDED = "EXTENDED"
    EXHAUSTED = "EXHAUSTED"
    PINNED = "PINNED"
    CONFIRMED = "CONFIRMED"
    EXPIRED = "EXPIRED"
    RELEASED = "RELEASED"
    SETTLED = "SETTLED"
    UNPINNED = "UNPINNED"
    HOLDS = "HOLDS"
    LISTS = "LISTS"
    MENDED = "MENDED"
    OVERLAP = "OVERLAP"
    REPORTED = "REPORTED"
    OVERDUE = "OVERDUE"
    LEASED = "LEASED"
    RELISTED = "RELISTED"
    PAGE = "PAGE"
    ASKED = "ASKED"
    WAIT = "WAIT"
    SPENT = "SPENT"
    CODE = "CODE"
    PROVED = "PROVED"
    WRONG = "WRONG"
    VOID = "VOID"


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateClaim:
    """Lanes of one resource that a candidate needs."""

    resource_id: ResourceId
    lane_count: int
    """The number of lanes in the bitmap."""
    capacity: int
    """The number of lanes on offer, from the first."""
    count: int
    span: Span
    allows_pieces: bool = False
    """True if minutes of several lanes will do where too few lanes are free all along."""
    session: str | None = None
    """Name of the session that it begins or joins, on an exclusive resource."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One way to meet everything a visit needs; `choice` comes back with the hold."""

    choice: str
    claims: tuple[CandidateClaim, ...]


class Share(NamedTuple):
    """Time of a business that may be taken under one name lately: within the last hour, by lua/shared/shares.lua."""

    name: str
    """One word; what is taken under one name is counted together."""
    most: int
    """Minutes of lanes."""
    least: int
    """Visits that there may be in any case."""


class Budget(NamedTuple):
    """Live holds that may count in it at once."""

    name: str
    """One word; the holds of one name are counted together."""
    most: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """The arguments of the hold script."""

    hold_id: HoldId
    catalogue_version: str
    ttl_ms: int
    longest_ms: int
    client: str | None
    most_per_client: int
    fingerprint: str
    """One word: what is asked for. The same client asking for the same is given its hold back."""
    replaces: HoldId | None
    replaces_optional: bool = False
    """True to place it also where the hold to be replaced is gone."""
    budgets: Sequence[Budget] = ()
    """The budgets that it counts in."""
    lapses: Budget | None = None
    """The one of them whose lapsed holds count, with the number that begins a cool-down."""
    shares: Sequence[Share] = ()
    """The shares of the business's time that it counts in."""
    overrides_held: bool = False
    """True to end the holds of others that are in the way, and not pinned."""
    pinned: bool
    """True if a confirmation follows at once, within `ttl_ms`."""
    body: str
    own_claims: str = ""
    """The claims of the appointment to be moved, which do not block it."""
    candidates: Sequence[Candidate]


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldRecord:
    """A hold's record as a script answered it."""

    id: HoldId
    state: str
    deadline_ms: int
    limit_ms: int
    body: str
    choice: str
    claims: str
    appointment_id: AppointmentId | None
    now_ms: int
    catalogue_version: str
    """Empty when Redis has lost it."""
    bitmap_versions: str
    """The versions of the bitmaps at the pin, for its settlement; empty if it was not pinned just now."""
    client: str = ""
    """The digest of its client; empty: none, or the script does not tell."""
    proof: str = ""
    """The digest of the contact that its visitor has proved; empty: none, or the script does not tell."""
    pin_left_ms: int = 0
    """For how long it is pinned, if it was pinned just now."""
    gave_way: tuple[HoldId, ...] = ()
    """The holds of others that were ended for it, if it was placed just now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptAnswer:
    """A script's reply: its word, and whichever of the others goes with it."""

    reply: Reply
    record: HoldRecord | None = None
    missing: tuple[tuple[ResourceId, int], ...] = ()
    retry_after_ms: int = 0
    is_booked: bool = False
    """True if at least one candidate is blocked by bookings rather than time off."""
    used_up: Budget | None = None
    """The budget that has no room for one more hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedRecord:
    """A hold with what the lists say of it, as of one instant."""

    hold_id: HoldId
    record: HoldRecord | None
    client: str
    """A digest, or empty."""
    fingerprint: str
    reported: bool
    """True if its end was reported."""
    entries: tuple[tuple[str, str], ...]
    """The live ones that name it: the list, without the prefix of the business, and the entry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OverdueHold:
    """A hold whose deadline has passed, and whose end was not reported."""

    member: str
    """Its name in the list of live holds."""
    record: HoldRecord | None
    """None: it was given up, or placed anew, after its deadline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OverdueHolds:
    """The holds of a business that have expired, as far as this process may report them."""

    holds: tuple[OverdueHold, ...]
    is_leased: bool
    """Another process is reporting them: there are none for this one."""
    live: int
    """The number of holds that live."""
    now_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RelistedHolds:
    """Result of putting holds back among the live ones."""

    missing: int
    latest_deadline_ms: int
    """The deadline of the last hold that lives or is to be reported; 0: there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """The appointment that a hold became."""

    hold_id: HoldId
    appointment_id: AppointmentId
    claims: str
    """As committed."""
    bitmap_versions: str
    """By the pin of the attempt that committed; empty for nothing."""


_REPLIES: Final = {reply.value: reply for reply in Reply}
# Fields of the record in a reply; what follows them is told of some replies only.
_RECORD_FIELDS = 12
# Fields of one hold in the replies of lua/hold_observe.lua and lua/hold_expire.lua.
_OBSERVED_FIELDS = 12
_OVERDUE_FIELDS = 9
# The same in those of lua/hold_page.lua.
_LISTED_FIELDS = 9
_ENTRY: Final = re.compile(r"[^:]+:(.*:)?\d+")
_HELD_ENTRY: Final = re.compile(r"[^:]+(:\d+){4}")


class HoldStore:
    """Every method raises RedisUnavailable when Redis does not answer; all of them may be repeated."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def place(self, tenant_id: TenantId, placement: Placement) -> ScriptAnswer:
        """Place a hold on the first candidate that is free; every reply of lua/hold_place.lua."""
        arguments: list[lua.Argument] = [
            keys.prefix(tenant_id),
            placement.hold_id,
            placement.catalogue_version,
            placement.ttl_ms,
            placement.longest_ms,
            RETENTION_MS,
            keys.client_digest(placement.client) if placement.client else "",
            placement.most_per_client,
            placement.fingerprint,
            placement.replaces or "",
            "pinned" if placement.pinned else "held",
            placement.body,
            placement.own_claims,
            " ".join([f"{budget.name}={budget.most}" for budget in placement.budgets]),
            int(placement.replaces_optional),
            int(placement.overrides_held),
            "" if placement.lapses is None else f"{placement.lapses.name}={placement.lapses.most}",
            " ".join([f"{share.name}={share.most}:{share.least}" for share in placement.shares]),
            len(placement.candidates),
        ]
        for candidate in placement.candidates:
            arguments += [candidate.choice, len(candidate.claims)]
            for claim in candidate.claims:
                arguments += [
                    claim.resource_id,
                    claim.lane_count,
                    claim.capacity,
                    claim.count,
                    claim.span.start,
                    claim.span.end,
                    int(claim.allows_pieces),
                    claim.session or "",
                ]
        return await self._call("hold_place", tenant_id, placement.hold_id, arguments)

    async def read(self, tenant_id: TenantId, hold_id: HoldId) -> ScriptAnswer:
        """The hold as it is: HOLD or MISSING."""
        return await self._call("hold_read", tenant_id, hold_id, [keys.prefix(tenant_id), hold_id])

    async def page(
        self, tenant_id: TenantId, after: tuple[int, str], limit: int
    ) -> list[tuple[tuple[int, str], HoldRecord | None]]:
        """Up to `limit` live holds after a position, each with its own: the deadline it is listed by, and its id.

        Fewer than `limit` are the last. None where a record is lost.
        """
        with redis_errors():
            reply = await lua.call(
                self._redis, "hold_page", [keys.live(tenant_id)], [keys.prefix(tenant_id), *after, limit]
            )
        _, now, *fields = reply
        return [_listed(fields[first : first + _LISTED_FIELDS], now) for first in range(0, len(fields), _LISTED_FIELDS)]

    async def extend(self, tenant_id: TenantId, hold_id: HoldId, ttl_ms: int) -> ScriptAnswer:
        """Let the hold live that long from now: EXTENDED, EXHAUSTED, PINNED, CONFIRMED, EXPIRED, MISSING."""
        arguments: list[lua.Argument] = [keys.prefix(tenant_id), hold_id, ttl_ms, RETENTION_MS]
        return await self._call("hold_extend", tenant_id, hold_id, arguments)

    async def pin(self, tenant_id: TenantId, hold_id: HoldId, grace_ms: int) -> ScriptAnswer:
        """Stop the hold's clock for its confirmation: PINNED, CONFIRMED, EXPIRED, MISSING.

        Once its longest life is over, PINNED stands for what is left of an earlier attempt's pin.
        """
        arguments: list[lua.Argument] = [keys.prefix(tenant_id), hold_id, grace_ms, RETENTION_MS]
        return await self._call("hold_pin", tenant_id, hold_id, arguments)

    async def unpin(self, tenant_id: TenantId, hold_id: HoldId, pinned_until_ms: int) -> ScriptAnswer:
        """End a pin, unless another attempt has pinned the hold since: UNPINNED, PINNED, CONFIRMED, MISSING."""
        return await self._call("hold_unpin", tenant_id, hold_id, [pinned_until_ms])

    async def release(self, tenant_id: TenantId, hold_id: HoldId, *, pinned_too: bool = False) -> ScriptAnswer:
        """Give the hold up: RELEASED, PINNED, CONFIRMED, MISSING."""
        arguments: list[lua.Argument] = [keys.prefix(tenant_id), hold_id, int(pinned_too)]
        return await self._call("hold_release", tenant_id, hold_id, arguments)

    async def settle(
        self, tenant_id: TenantId, settlements: Sequence[Settlement], *, commit_id: CommitId | None
    ) -> None:
        """Turn holds into taken minutes, after Postgres has committed their appointments in one transaction."""
        arguments: list[lua.Argument] = [keys.prefix(tenant_id), commit_id or "", COMMIT_MS, RETENTION_MS]
        for one in settlements:
            arguments += [one.hold_id, one.appointment_id, one.claims, one.bitmap_versions]
        with redis_errors():
            await lua.call(self._redis, "hold_settle", [keys.catalogue(tenant_id)], arguments)

    async def observe(self, tenant_id: TenantId, holds: Mapping[HoldId, Iterable[str]]) -> list[ObservedRecord]:
        """The holds as they are, each with its entries in the named lists and in those that its record names."""
        arguments: list[lua.Argument] = [keys.prefix(tenant_id)]
        for hold_id, lists in holds.items():
            arguments += [hold_id, " ".join(lists)]
        with redis_errors():
            reply = await lua.call(self._redis, "hold_observe", [keys.catalogue(tenant_id)], arguments)
        _, now, *fields = reply
        return [
            _observed(fields[first : first + _OBSERVED_FIELDS], now)
            for first in range(0, len(fields), _OBSERVED_FIELDS)
        ]

    async def find_overdue(self, tenant_id: TenantId, process: str) -> OverdueHolds:
        """Up to MOST_OVERDUE expired holds, which no other process is given until they are reported or the lease ends.

        `process`: a name that no other one ever has. The same process is given them again, until it reports them.
        """
        arguments: list[lua.Argument] = [keys.prefix(tenant_id), process, REPORT_LEASE_MS, MOST_OVERDUE]
        with redis_errors():
            reply = await lua.call(self._redis, "hold_expire", [keys.live(tenant_id)], arguments)
        word, live, now, *fields = reply
        return OverdueHolds(
            holds=tuple(
                _overdue(fields[first : first + _OVERDUE_FIELDS], now)
                for first in range(0, len(fields), _OVERDUE_FIELDS)
            ),
            is_leased=_REPLIES[word] is Reply.LEASED,
            live=int(live),
            now_ms=int(now),
        )

    async def note_reported(self, tenant_id: TenantId, process: str, members: Iterable[str]) -> None:
        """Note that the end of these holds was reported, and end the lease of the process."""
        arguments = [keys.prefix(tenant_id), process, *members]
        with redis_errors():
            await lua.call(self._redis, "hold_report", [keys.live(tenant_id)], arguments)

    async def relist(self, tenant_id: TenantId, hold_ids: Iterable[HoldId]) -> RelistedHolds:
        """Put holds that a loss of keys has taken from the list of live ones back into it."""
        with redis_errors():
            reply = await lua.call(
                self._redis, "hold_relist", [keys.live(tenant_id)], [keys.prefix(tenant_id), *hold_ids]
            )
        _, missing, latest = reply
        return RelistedHolds(missing=int(missing), latest_deadline_ms=int(latest))

    async def live_entries(self, tenant_id: TenantId, lists: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """The entries of `held:` and `client:` lists whose deadline has not passed, all as of one instant."""
        with redis_errors():
            reply = await lua.call(
                self._redis, "hold_lists", [keys.catalogue(tenant_id)], [keys.prefix(tenant_id), *lists]
            )
        _, now, *texts = reply
        return {
            name: tuple(
                entry for entry in text.split() if _is_entry(name, entry) and int(entry.rpartition(":")[2]) > int(now)
            )
            for name, text in zip(lists, texts, strict=True)
        }

    async def mend(self, tenant_id: TenantId, hold_id: HoldId, lists: Iterable[str]) -> bool:
        """Make the lists say of the hold what its record says; False when another hold has its minutes."""
        arguments: list[lua.Argument] = [keys.prefix(tenant_id), hold_id, " ".join(lists)]
        return (await self._call("hold_mend", tenant_id, hold_id, arguments)).reply is Reply.MENDED

    async def _call(
        self, script: str, tenant_id: TenantId, hold_id: HoldId, arguments: Sequence[lua.Argument]
    ) -> ScriptAnswer:
        word, *rest = await lua.call(self._redis, script, [keys.hold(tenant_id, hold_id)], arguments)
        reply = _REPLIES[word]
        if reply is Reply.MISS:
            days = zip(rest[::2], rest[1::2], strict=True)
            return ScriptAnswer(reply=reply, missing=tuple((ResourceId(name), int(day)) for name, day in days))
        if reply is Reply.HELD:
            return ScriptAnswer(reply=reply, retry_after_ms=int(rest[0]))
        if reply is Reply.TAKEN:
            return ScriptAnswer(reply=reply, is_booked=rest[0] == "claims")
        if reply is Reply.LIMIT:
            name, most, first_end_ms = rest
            return ScriptAnswer(
                reply=reply, used_up=Budget(name=name, most=int(most)), retry_after_ms=int(first_end_ms)
            )
        return ScriptAnswer(reply=reply, record=record_of(rest, reply) if rest else None)


def record_of(fields: Sequence[str], reply: Reply | None = None) -> HoldRecord:
    """The record in a reply; some scripts tell no more than its first fields."""
    hold_id, state, deadline, limit, body, choice, claims, appointment, now, *more = fields[:_RECORD_FIELDS]
    catalogue, client, proof = more or ("", "", "")
    # What a pin (how long it lasts) or a placing (what gave way to it) tells besides.
    bitmap_versions, told = fields[_RECORD_FIELDS:] or ("", "")
    is_pin = reply is Reply.PINNED
    return HoldRecord(
        id=HoldId(hold_id),
        state=state,
        deadline_ms=int(deadline),
        limit_ms=int(limit),
        body=body,
        choice=choice,
        claims=claims,
        appointment_id=AppointmentId(appointment) if appointment else None,
        now_ms=int(now),
        catalogue_version=catalogue,
        bitmap_versions=bitmap_versions,
        client=client,
        proof=proof,
        pin_left_ms=int(told) if is_pin and told else 0,
        gave_way=() if is_pin else tuple(map(HoldId, told.split())),
    )


def _listed(fields: Sequence[str], now: str) -> tuple[tuple[int, str], HoldRecord | None]:
    listed, hold_id, state, deadline, limit, body, choice, claims, appointment = fields
    record = record_of([hold_id, state, deadline, limit, body, choice, claims, appointment, now]) if state else None
    return (int(listed), hold_id), record


def _observed(fields: Sequence[str], now: str) -> ObservedRecord:
    hold_id, state, deadline, limit, client, fingerprint, body, choice, claims, appointment, reported, entries = fields
    record = record_of([hold_id, state, deadline, limit, body, choice, claims, appointment, now]) if state else None
    return ObservedRecord(
        hold_id=HoldId(hold_id),
        record=record,
        client=client,
        fingerprint=fingerprint,
        reported=reported == "1",
        entries=tuple(
            (name, entry)
            for name, _, entry in (part.partition("=") for part in entries.split())
            if _is_entry(name, entry)
        ),
    )


def _is_entry(list_name: str, text: str) -> bool:
    """True for an entry as lua/shared/holds.lua writes them: what else stands in a list counts for nothing."""
    return (_HELD_ENTRY if list_name.startswith("held:") else _ENTRY).fullmatch(text) is not None


def _overdue(fields: Sequence[str], now: str) -> OverdueHold:
    member, hold_id, state, deadline, limit, body, choice, claims, appointment = fields
    record = record_of([hold_id, state, deadline, limit, body, choice, claims, appointment, now]) if state else None
    return OverdueHold(member=member, record=record)
