"""Use cases on businesses and their API keys."""

import hashlib
import re
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncEngine

from catalogue.model.business import Business, BusinessSection, Mode
from catalogue.reading import read_document
from catalogue.repositories.tenants import TenantRepository
from kernel.errors import NotFound
from kernel.ids import ApiKeyId, TenantId, new_api_key_id
from kernel.operation import by_system
from persistence.audit import AuditNote
from persistence.errors import postgres_errors
from persistence.unit_of_work import Transaction, UnitOfWork

_SECRET_BYTES: Final = 32
"""256 bits cannot be guessed, so one round of SHA-256 is enough for a digest."""
MOST_NAMED: Final = 200
"""Each name is one query, and a longer list is of no use to choose from."""
_KEY: Final = re.compile(r"hf[sp]_[A-Za-z0-9_-]{43}")


class KeyKind(StrEnum):
    """Rights of a key: all (back ends), or those of a visitor's browser (widgets)."""

    SECRET = "secret"  # noqa: S105 - the name of a kind
    PUBLISHABLE = "publishable"


_PREFIXES: Final = {KeyKind.SECRET: "hfs_", KeyKind.PUBLISHABLE: "hfp_"}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key in clear text, which is never available again."""

    id: ApiKeyId
    kind: KeyKind
    key: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTenant:
    """A new business with its first two keys."""

    id: TenantId
    secret_key: str = field(repr=False)
    publishable_key: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """The business that a key opens, with the key's kind and id."""

    tenant_id: TenantId
    kind: KeyKind
    key_id: ApiKeyId
    expires_in: float | None = None
    """Seconds for which a rotated key goes on to work; None: it has no end."""
    is_use_noted: bool = True
    """True if its last use was noted within the hour."""


class TenantService:
    """Use cases of the operator on whole businesses."""

    def __init__(self, *, unit_of_work: UnitOfWork, engine: AsyncEngine) -> None:
        self._unit_of_work = unit_of_work
        self._engine = engine

    async def create(
        self, name: str, *, timezone: str = "UTC", currency: str = "USD", mode: Mode = Mode.LIVE
    ) -> NewTenant:
        """An empty business, and its keys, which are shown only once. Raises ValidationFailed."""
        business = new_business(name, timezone=timezone, currency=currency, mode=mode)
        async with self._unit_of_work.begin(by_system(business.id, "command-line", "createBusiness")) as tx:
            return await add_business(tx, business)

    async def create_key(self, tenant_id: TenantId, kind: KeyKind) -> NewKey:
        """One more key of a business, which is shown only once. Raises NotFound."""
        new = new_key(kind)
        async with self._unit_of_work.begin(by_system(tenant_id, "command-line", "createApiKey")) as tx:
            repository = TenantRepository(tx.connection)
            if not await repository.exists(tenant_id):
                detail = f"There is no business {tenant_id}."
                raise NotFound(detail)
            await repository.add_key(tenant_id, new.id, kind.value, digest_of_key(new.key))
            await tx.audit.add(AuditNote(subject=new.id))
        return new

    async def revoke_key(self, key_id: str) -> None:
        """Revoke a key; one that was revoked before stays as it was. Raises NotFound."""
        with postgres_errors():
            async with self._engine.connect() as connection:
                tenant_id = await TenantRepository(connection).business_of_key(key_id)
        if tenant_id is None:
            detail = f'There is no key "{key_id}".'
            raise NotFound(detail)
        async with self._unit_of_work.begin(by_system(tenant_id, "command-line", "revokeApiKey")) as tx:
            await TenantRepository(tx.connection).revoke_key(key_id)
            await tx.audit.add(AuditNote(subject=key_id))

    async def find_revoked_keys(self, key_ids: Collection[str]) -> Collection[str]:
        """Find the keys that were revoked, by their ids. Raises StoreUnavailable."""
        with postgres_errors():
            async with self._engine.connect() as connection:
                await connection.execution_options(isolation_level="AUTOCOMMIT")
                return await TenantRepository(connection).find_revoked_keys(key_ids)

    async def names(self) -> Mapping[TenantId, str]:
        """The names of up to MOST_NAMED businesses, in alphabetical order. Raises StoreUnavailable."""
        with postgres_errors():
            async with self._engine.connect() as connection:
                tenant_ids = await TenantRepository(connection).ids(MOST_NAMED)
        names: dict[TenantId, str] = {}
        for tenant_id in tenant_ids:
            # Row security shows a name only from inside its business.
            async with self._unit_of_work.snapshot(tenant_id) as connection:
                name = await TenantRepository(connection).name(tenant_id)
            if name is not None:
                names[tenant_id] = name
        return dict(sorted(names.items(), key=lambda item: (item[1].casefold(), item[0])))

    async def name(self, tenant_id: TenantId) -> str | None:
        """The name of the business; None where there is none. Raises StoreUnavailable."""
        async with self._unit_of_work.snapshot(tenant_id) as connection:
            return await TenantRepository(connection).name(tenant_id)

    async def authenticate(self, raw_key: str) -> Credential | None:
        """The credential of a key, or None if it is unknown or revoked. Raises StoreUnavailable."""
        if not _KEY.fullmatch(raw_key):
            return None
        with postgres_errors():
            async with self._engine.connect() as connection:
                # One statement needs no transaction around it, which would be two more round trips for every caller.
                await connection.execution_options(isolation_level="AUTOCOMMIT")
                row = await TenantRepository(connection).find_key(digest_of_key(raw_key))
        if row is None:
            return None
        return Credential(
            tenant_id=row.tenant_id,
            kind=KeyKind(row.kind),
            key_id=row.key_id,
            expires_in=row.expires_in,
            is_use_noted=row.is_use_noted,
        )

    async def note_use(self, key_id: ApiKeyId) -> None:
        """Note that the key was used within this hour. Raises StoreUnavailable."""
        with postgres_errors():
            async with self._engine.begin() as connection:
                await TenantRepository(connection).note_use(key_id)

    async def find_revoked_lately(self) -> Collection[str]:
        """The keys that were revoked within the last minute, by their ids. Raises StoreUnavailable."""
        with postgres_errors():
            async with self._engine.connect() as connection:
                await connection.execution_options(isolation_level="AUTOCOMMIT")
                return await TenantRepository(connection).find_revoked_lately()


def new_business(name: str, *, timezone: str, currency: str, mode: Mode) -> Business:
    """A business that is not stored yet. Raises ValidationFailed."""
    section = read_document(BusinessSection, {"name": name, "timezone": timezone, "currency": currency})
    return Business(
        id=TenantId(uuid4()),
        name=section.name,
        timezone=section.timezone,
        currency=section.currency,
        mode=mode,
        token_secret=secrets.token_bytes(_SECRET_BYTES),
    )


async def add_business(tx: Transaction, business: Business) -> NewTenant:
    """Store a business with its first two keys, in a transaction of its own tenant."""
    secret, publishable = new_key(KeyKind.SECRET), new_key(KeyKind.PUBLISHABLE)
    repository = TenantRepository(tx.connection)
    await repository.add(business)
    for new in (secret, publishable):
        await repository.add_key(business.id, new.id, new.kind.value, digest_of_key(new.key))
    await tx.audit.add(*[AuditNote(subject=subject) for subject in (str(business.id), secret.id, publishable.id)])
    return NewTenant(id=business.id, secret_key=secret.key, publishable_key=publishable.key)


def new_key(kind: KeyKind) -> NewKey:
    """A key that was never given out before."""
    return NewKey(id=new_api_key_id(), kind=kind, key=_PREFIXES[kind] + secrets.token_urlsafe(_SECRET_BYTES))


def digest_of_key(key: str) -> bytes:
    """The digest by which a key is stored and found."""
    return hashlib.sha256(key.encode()).digest()
