"""Answers that are kept for repetitions, sealed: by the personal key of the appointment that they are about, if any."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from kernel.ids import TenantId
from persistence.business_keys import BusinessKeys
from persistence.key_ring import KeyRing, PersonalKey
from persistence.personal_keys import PersonalKeys, key_of
from persistence.sealing import SecretPlace
from persistence.tables import idempotency_keys

_STATUS_BYTES: Final = 2
_APPOINTMENT: Final = re.compile(rb'"((?:apt|cus)_[0-9a-hjkmnp-tv-z]{26})"')
"""An answer that names several is about the first: a move names none but its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAnswer:
    """The answer to the first request, byte for byte."""

    status: int
    body: bytes
    etag: str | None


@dataclass(frozen=True, slots=True)
class AnswerErased:
    """The answer was about a customer who was erased since."""


async def find(connection: AsyncConnection, tenant_id: TenantId, key: ColumnElement[Any] | str) -> Row[Any] | None:
    """The row of an idempotency key, with the personal key of the appointment that its answer is about."""
    column = idempotency_keys.c
    statement = select(
        column.key,
        column.request_digest,
        column.status,
        column.body,
        column.etag,
        column.sealed,
        column.subject,
        key_of(tenant_id, column.subject),
    ).where(column.tenant_id == tenant_id, column.key == key)
    return (await connection.execute(statement)).one_or_none()


def sealed_by_business(row: Row[Any]) -> Sequence[bytes]:
    """Parts of the row that a key of the business has sealed."""
    sealed = row.sealed if row.subject is None else row.personal_key
    return () if sealed is None else (sealed,)


def answer_of(tenant_id: TenantId, row: Row[Any], ring: KeyRing | None) -> StoredAnswer | AnswerErased | None:
    """The answer in a row; None where there is none yet. Raises SecretUnreadable."""
    if row.sealed is None:
        return None if row.status is None else StoredAnswer(status=row.status, body=row.body, etag=row.etag)
    if row.subject is not None and row.personal_key is None:
        return AnswerErased()
    assert ring is not None, "there is a ring where something was sealed"
    opener = ring if row.subject is None else ring.open_personal_key(row.personal_key, row.subject)
    opened = opener.open(row.sealed, _place(tenant_id, row.key))
    return StoredAnswer(
        status=int.from_bytes(opened[:_STATUS_BYTES], "big"), body=opened[_STATUS_BYTES:], etag=row.etag
    )


async def columns_of(
    connection: AsyncConnection, tenant_id: TenantId, key: str, answer: StoredAnswer, ring: KeyRing | None
) -> dict[str, object]:
    """The columns of an answer: without a ring in plain text.

    Nothing is asked of Postgres where this process has just written the appointment.
    """
    if ring is None:
        return {"status": answer.status, "body": answer.body, "etag": answer.etag}
    subject, personal = await _personal_key(connection, tenant_id, answer.body, ring)
    sealer = personal or ring
    sealed = sealer.seal(answer.status.to_bytes(_STATUS_BYTES, "big") + answer.body, _place(tenant_id, key))
    # A program that knows no seals takes it for a request that still runs.
    return {"sealed": sealed, "subject": subject, "etag": answer.etag}


async def _personal_key(
    connection: AsyncConnection, tenant_id: TenantId, body: bytes, ring: KeyRing
) -> tuple[str | None, PersonalKey | None]:
    """The appointment that an answer is about, with its key; neither where it is about none, or that has no key."""
    named = _APPOINTMENT.search(body)
    if named is None:
        return None, None
    subject = named[1].decode()
    sealed = BusinessKeys.of(connection).recent_personal_key(tenant_id, subject)
    if sealed is None:
        sealed = (await PersonalKeys(connection, tenant_id).find([subject])).get(subject)
    if sealed is None:
        return None, None
    if not ring.knows(sealed):
        known = await BusinessKeys.of(connection).find(connection, tenant_id, [sealed])
        assert known is not None, "there is a ring where something was sealed"
        ring = known
    return subject, ring.open_personal_key(sealed, subject)


def _place(tenant_id: TenantId, key: str) -> SecretPlace:
    return SecretPlace(tenant_id=tenant_id, purpose="idempotency_keys.sealed", row=key)
