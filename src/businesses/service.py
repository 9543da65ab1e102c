"""Use cases of the operator on businesses."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final
from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from businesses.model import (
    AnswerUnreadable,
    BusinessAccount,
    NewAccount,
    OperatorRequest,
    RequestMismatch,
)
from businesses.repository import OperatorRequestRepository, Standing, StandingRepository
from catalogue.document_service import BusinessDocumentService
from catalogue.model.business import Mode
from catalogue.model.quotas import Quota
from catalogue.tenants import add_business, new_business
from kernel.errors import NotFound, VersionConflict
from kernel.ids import TenantId
from kernel.operation import Actor, ActorKind, Operation
from kernel.pages import Page, decode_cursor, encode_cursor, unusable_cursor
from persistence.audit import AuditNote
from persistence.errors import postgres_errors
from persistence.sealing import MasterKeys, SecretPlace, SecretUnreadable
from persistence.unit_of_work import UnitOfWork

OPERATOR: Final = "operator"
"""The actor of what the operator does, in audit logs."""
_TRIES: Final = 3
NO_QUOTAS: Final[Mapping[Quota, int | None]] = MappingProxyType({})
"""No change of any."""


def by_operator(tenant_id: TenantId, action: str, request_id: str | None = None) -> Operation:
    """An operation of the operator on a business."""
    return Operation(tenant_id, Actor(ActorKind.SYSTEM, OPERATOR), request_id, action=action)


class BusinessService:
    """Use cases of the operator on the businesses of an engine. All raise StoreUnavailable."""

    def __init__(
        self,
        *,
        unit_of_work: UnitOfWork,
        engine: AsyncEngine,
        documents: BusinessDocumentService,
        keys: MasterKeys,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._engine = engine
        self._documents = documents
        self._keys = keys

    async def open(
        self,
        *,
        name: str,
        timezone: str,
        currency: str,
        mode: Mode,
        repeatable: OperatorRequest | None = None,
        request_id: str | None = None,
    ) -> NewAccount:
        """Make a business; a request that is repeated within a day gets the business that it made.

        Raises ValidationFailed, MasterKeyMissing where it is repeatable and no answer can be kept, RequestMismatch and
        AnswerUnreadable.
        """
        business = new_business(name, timezone=timezone, currency=currency, mode=mode)
        if repeatable is not None:
            _ = self._keys.current_key_id
            earlier = await self._repeated(repeatable)
            if earlier is not None:
                return earlier
        async with self._unit_of_work.begin(by_operator(business.id, "createBusiness", request_id)) as tx:
            new = await add_business(tx, business)
            opened = NewAccount(
                account=await _account(tx.connection, business.id),
                secret_key=new.secret_key,
                publishable_key=new.publishable_key,
            )
            if repeatable is None:
                return opened
            requests = OperatorRequestRepository(tx.connection)
            if await requests.add(repeatable, business.id, self._sealed(opened, repeatable)):
                await requests.sweep()
                return opened
            # Another one with the same key was faster.
            await tx.roll_back()
        earlier = await self._repeated(repeatable)
        assert earlier is not None, "the faster one has committed"
        return earlier

    async def get(self, tenant_id: TenantId) -> BusinessAccount:
        """A business. Raises NotFound."""
        with postgres_errors():
            async with self._engine.begin() as connection:
                return await _account(connection, tenant_id)

    async def check_exists(self, tenant_id: TenantId) -> None:
        """Raise NotFound where there is no such business."""
        with postgres_errors():
            async with self._engine.connect() as connection:
                if await StandingRepository(connection).find(tenant_id) is None:
                    raise unknown_business(tenant_id)

    async def list_accounts(self, *, limit: int, cursor: str | None) -> Page[BusinessAccount]:
        """Businesses, the oldest first. Raises ValidationFailed."""
        after = None if cursor is None else _read_cursor(cursor)
        with postgres_errors():
            async with self._engine.begin() as connection:
                standings = StandingRepository(connection)
                found = await standings.find_page(limit + 1, after=after)
                accounts = [await _with_section(standings, standing) for standing in found[:limit]]
        following = None
        if len(found) > limit:
            last = found[limit - 1]
            following = encode_cursor(f"{last.created_at.isoformat()}|{last.tenant_id}")
        return Page(data=tuple(one for one in accounts if one is not None), next_cursor=following)

    async def change(
        self,
        operation: Operation,
        *,
        suspended: bool | None = None,
        name: str | None = None,
        quotas: Mapping[Quota, int | None] = NO_QUOTAS,
    ) -> BusinessAccount:
        """Suspend or resume a business, name it anew, or set quotas; what is None or absent stays as it is.

        A quota of None is taken away. Raises NotFound, ValidationFailed.
        """
        await self.check_exists(operation.tenant_id)
        if name is not None:
            await self._rename(operation, name)
        async with self._unit_of_work.begin(operation) as tx:
            standings = StandingRepository(tx.connection)
            before = await standings.find(operation.tenant_id, for_update=True)
            if before is None:
                raise unknown_business(operation.tenant_id)
            if suspended is not None and suspended is (before.suspended_at is None):
                await standings.set_suspended(operation.tenant_id, suspended=suspended)
                await tx.audit.add(AuditNote(subject=str(operation.tenant_id), fields=("suspended",)))
            if quotas:
                changed = {**before.quotas, **{quota.value: most for quota, most in quotas.items()}}
                granted = {name: most for name, most in changed.items() if most is not None}
                await standings.set_quotas(operation.tenant_id, granted)
                fields = [f"quotas.{quota.value}" for quota in quotas]
                await tx.audit.add(AuditNote(subject=str(operation.tenant_id), fields=fields))
            return await _account(tx.connection, operation.tenant_id)

    async def _rename(self, operation: Operation, name: str) -> None:
        """Change the name in the business's own document, which others may change meanwhile."""
        for attempt in range(1, _TRIES + 1):
            view = await self._documents.document(operation)
            section = view.document["business"]
            assert isinstance(section, dict)
            document = {**view.document, "business": {**section, "name": name}}
            try:
                await self._documents.apply(operation, document, expected_etag=view.etag)
            except VersionConflict:
                if attempt == _TRIES:
                    raise
            else:
                return

    def _sealed(self, opened: NewAccount, request: OperatorRequest) -> bytes:
        account = opened.account
        members = {
            "id": str(account.id),
            "name": account.name,
            "timezone": account.timezone,
            "currency": account.currency,
            "mode": account.mode.value,
            "created_at": account.created_at.isoformat(),
            "secret_key": opened.secret_key,
            "publishable_key": opened.publishable_key,
        }
        return self._keys.seal(orjson.dumps(members), _place(account.id, request))

    async def _repeated(self, request: OperatorRequest) -> NewAccount | None:
        """The answer to an earlier request with the key. Raises RequestMismatch, AnswerUnreadable."""
        with postgres_errors():
            async with self._engine.connect() as connection:
                found = await OperatorRequestRepository(connection).find_live(request.key)
        if found is None:
            return None
        if found.request_digest != request.digest:
            raise RequestMismatch
        try:
            members = orjson.loads(self._keys.open(found.answer, _place(found.tenant_id, request)))
        except SecretUnreadable as error:
            raise AnswerUnreadable from error
        return NewAccount(
            account=BusinessAccount(
                id=found.tenant_id,
                name=members["name"],
                timezone=members["timezone"],
                currency=members["currency"],
                mode=Mode(members["mode"]),
                created_at=datetime.fromisoformat(members["created_at"]),
                suspended_at=None,
                quotas={},
            ),
            secret_key=members["secret_key"],
            publishable_key=members["publishable_key"],
            is_repeated=True,
        )


def unknown_business(tenant_id: object) -> NotFound:
    """The refusal of a business that there is not."""
    return NotFound(f"There is no business {tenant_id}.")


async def _account(connection: AsyncConnection, tenant_id: TenantId) -> BusinessAccount:
    standings = StandingRepository(connection)
    standing = await standings.find(tenant_id)
    account = None if standing is None else await _with_section(standings, standing)
    if account is None:
        raise unknown_business(tenant_id)
    return account


async def _with_section(standings: StandingRepository, standing: Standing) -> BusinessAccount | None:
    section = await standings.section(standing.tenant_id)
    if section is None:
        return None
    return BusinessAccount(
        id=standing.tenant_id,
        name=section.name,
        timezone=section.timezone,
        currency=section.currency,
        mode=Mode(section.mode),
        created_at=standing.created_at,
        suspended_at=standing.suspended_at,
        quotas={Quota(name): most for name, most in standing.quotas.items()},
    )


def _place(tenant_id: TenantId, request: OperatorRequest) -> SecretPlace:
    return SecretPlace(tenant_id=tenant_id, purpose="operator_request", row=request.key.hex())


def _read_cursor(cursor: str) -> tuple[datetime, TenantId]:
    instant, _, tenant_id = decode_cursor(cursor).partition("|")
    try:
        return datetime.fromisoformat(instant), TenantId(UUID(tenant_id))
    except ValueError:
        raise unusable_cursor() from None
