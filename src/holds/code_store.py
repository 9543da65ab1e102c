"""Codes by which visitors prove their addresses, as Redis keeps them beside a hold: one method per script."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from redis.asyncio import Redis

from holds.store import RETENTION_MS, HoldRecord, Reply, record_of
from kernel.ids import HoldId, TenantId
from persistence import keys, lua

CODE_SECONDS: Final = 600
"""Life of a code: some mails take minutes."""
MOST_CODES: Final = 3
"""Codes that are sent for one hold."""
PAUSE_SECONDS: Final = 30
"""Shortest time between two of them."""
MOST_TRIES: Final = 5
"""Codes that may be tried for each one sent: of a million, so many are guessed."""
# Fields of the reply after those of the record.
_ASKED_FIELDS: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeReply:
    """Answer to a request for a code."""

    reply: Reply
    """ASKED, WAIT, SPENT, PINNED, CONFIRMED, EXPIRED or MISSING (lua/hold_code_ask.lua)."""
    record: HoldRecord | None = None
    """The hold as it is then, where it was asked for."""
    expires_at: datetime | None = None
    codes_left: int = 0
    wait_ms: int = 0
    """Until the next may be asked for, where it was too soon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeAttempt:
    """Answer to a code."""

    reply: Reply
    """PROVED, WRONG, VOID, EXPIRED or MISSING (lua/hold_code_check.lua)."""
    sealed_contact: str = ""
    """The contact that is proved now."""
    tries_left: int = 0
    """After a wrong one."""


class HoldCodeStore:
    """Every method raises RedisUnavailable when Redis does not answer."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def ask(self, tenant_id: TenantId, hold_id: HoldId, *, contact: str, sealed: str) -> CodeReply:
        """Note that a code is to be sent to a contact, of which this is the digest, and this what is sealed."""
        arguments: list[lua.Argument] = [
            keys.prefix(tenant_id),
            hold_id,
            contact,
            sealed,
            CODE_SECONDS * 1000,
            MOST_CODES,
            PAUSE_SECONDS * 1000,
            RETENTION_MS,
        ]
        word, *rest = await lua.call(self._redis, "hold_code_ask", [keys.hold(tenant_id, hold_id)], arguments)
        match Reply(word):
            case Reply.ASKED as reply:
                until_ms, left = rest[-_ASKED_FIELDS:]
                return CodeReply(
                    reply=reply,
                    record=record_of(rest[:-_ASKED_FIELDS]),
                    expires_at=datetime.fromtimestamp(int(until_ms) / 1000, UTC),
                    codes_left=int(left),
                )
            case Reply.WAIT as reply:
                return CodeReply(reply=reply, wait_ms=int(rest[0]))
            case reply:
                return CodeReply(reply=reply)

    async def put(self, tenant_id: TenantId, hold_id: HoldId, digest: str) -> str | None:
        """Take the digest of a code that is about to be sent; the sealed contact to send it to, or None for nobody."""
        reply = await lua.call(self._redis, "hold_code_put", [keys.hold(tenant_id, hold_id)], [digest])
        return reply[1] if reply[0] == Reply.CODE else None

    async def check(self, tenant_id: TenantId, hold_id: HoldId, digest: str) -> CodeAttempt:
        """Compare a code, by its digest, with the one that was sent."""
        word, *rest = await lua.call(
            self._redis, "hold_code_check", [keys.hold(tenant_id, hold_id)], [digest, MOST_TRIES]
        )
        match Reply(word):
            case Reply.PROVED as reply:
                return CodeAttempt(reply=reply, sealed_contact=rest[0])
            case Reply.WRONG as reply:
                return CodeAttempt(reply=reply, tries_left=int(rest[0]))
            case reply:
                return CodeAttempt(reply=reply)
