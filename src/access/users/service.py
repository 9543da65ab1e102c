"""Use cases on the users of a business."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Final

from access.roles import USER_ROLES, Role
from access.sessions.repository import UserSessionRepository
from access.users.model import (
    DIGEST_PURPOSE,
    MOST_USERS,
    SECRET_PURPOSE,
    LastOwner,
    StoredUser,
    User,
    UserContact,
    compared_email,
)
from access.users.repository import UserRepository, secret_ids_of
from availability.state.catalogue_snapshots import CatalogueSnapshots
from catalogue.lookup import find_live_object
from catalogue.model.objects import ObjectKind
from catalogue.model.quotas import Quota, QuotaExceeded
from catalogue.model.rules.rule import UNSET, Unset
from catalogue.quotas import most_of
from kernel.clock import Clock
from kernel.errors import NotFound, ValidationFailed, VersionConflict
from kernel.ids import ResourceId, TenantId, UserId, new_user_id
from kernel.operation import Operation
from persistence.audit import AuditNote
from persistence.sealing import MasterKeys
from persistence.secrets import SecretStore
from persistence.unit_of_work import Transaction, UnitOfWork

_PERSONAL: Final = ("email", "name")
_TAKEN: Final = "is the address of another user of this business"


@dataclass(frozen=True, slots=True, kw_only=True)
class UserDetails:
    """A user to be added."""

    email: str
    name: str
    role: Role
    resource: str | None
    """Id or key of the resource whose calendar is theirs."""
    locale: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UserChange:
    """Replacements of parts of a user; an unset one leaves its part as it is."""

    email: str | Unset = UNSET
    name: str | Unset = UNSET
    role: Role | Unset = UNSET
    resource: str | None | Unset = UNSET
    locale: str | None | Unset = UNSET

    @property
    def fields(self) -> list[str]:
        """The names of the parts that are replaced."""
        return [one.name for one in fields(self) if not isinstance(getattr(self, one.name), Unset)]


class UserService:
    """Use cases on users. What is changed or removed is seen by every process within a second."""

    def __init__(
        self, *, unit_of_work: UnitOfWork, keys: MasterKeys, catalogues: CatalogueSnapshots, clock: Clock
    ) -> None:
        self._unit_of_work = unit_of_work
        self._keys = keys
        self._catalogues = catalogues
        self._clock = clock

    async def create(self, operation: Operation, details: UserDetails) -> User:
        """Add a user. Raises ValidationFailed, QuotaExceeded, MasterKeyMissing."""
        resource_id = await self._resource_id(operation.tenant_id, details.resource)
        _check_role(details.role, resource_id)
        contact, now = UserContact(email=details.email, name=details.name), self._clock.now()
        digests = self._digests(contact.email)
        async with self._unit_of_work.begin(operation) as tx:
            repository = UserRepository(tx.connection, tx.tenant_id)
            most = await most_of(tx.connection, tx.tenant_id, Quota.USERS)
            await repository.lock()
            count = await repository.count()
            if count >= most:
                raise QuotaExceeded(Quota.USERS, most)
            if count >= MOST_USERS:
                raise ValidationFailed.of("body", f"a business may have at most {MOST_USERS} users; delete one first")
            if await repository.find_by_email(digests.values()) is not None:
                raise ValidationFailed.of("email", _TAKEN)
            stored = StoredUser(
                id=new_user_id(),
                role=details.role,
                resource_id=resource_id,
                locale=details.locale,
                secret_id=await self._secrets(tx).add(SECRET_PURPOSE, contact.sealable()),
                email_key_id=self._keys.current_key_id,
                version=1,
                created_at=now,
                updated_at=now,
            )
            await repository.add(stored, digests[stored.email_key_id])
            await tx.audit.add(AuditNote(subject=stored.id))
        return stored.user(contact)

    async def list_users(self, operation: Operation) -> list[User]:
        """List all users, the first one first. Raises SecretUnreadable."""
        async with self._unit_of_work.reading(operation) as tx:
            found = await UserRepository(tx.connection, tx.tenant_id).find_all()
            opened = await self._secrets(tx).open_all(SECRET_PURPOSE, secret_ids_of(found))
            await _note_reading(tx, found)
        return [stored.user(UserContact.opened(opened[stored.secret_id])) for stored in found]

    async def get(self, operation: Operation, user_id: str) -> User:
        """Read a user. Raises NotFound, SecretUnreadable."""
        async with self._unit_of_work.reading(operation) as tx:
            stored = await UserRepository(tx.connection, tx.tenant_id).get(user_id)
            opened = await self._secrets(tx).open(SECRET_PURPOSE, stored.secret_id)
            await _note_reading(tx, [stored])
        return stored.user(UserContact.opened(opened))

    async def change(
        self, operation: Operation, user_id: str, change: UserChange, *, expected_version: int | None
    ) -> User:
        """Replace parts of a user. Raises NotFound, ValidationFailed, VersionConflict, LastOwner, MasterKeyMissing."""
        named = None if isinstance(change.resource, Unset) else change.resource
        resource_id = await self._resource_id(operation.tenant_id, named)
        async with self._unit_of_work.begin(operation) as tx:
            repository = UserRepository(tx.connection, tx.tenant_id)
            await repository.lock()
            stored = await repository.get(user_id)
            _check_version(stored, expected_version)
            changed = replace(
                stored,
                role=stored.role if isinstance(change.role, Unset) else change.role,
                resource_id=stored.resource_id if isinstance(change.resource, Unset) else resource_id,
                locale=stored.locale if isinstance(change.locale, Unset) else change.locale,
                version=stored.version + 1,
                updated_at=self._clock.now(),
            )
            _check_role(changed.role, changed.resource_id)
            if changed.role is not Role.OWNER:
                await _refuse_last_owner(repository, stored)
            await repository.save(changed)
            contact = await self._change_contact(tx, stored, change)
            await tx.audit.add(AuditNote(subject=stored.id, fields=change.fields))
        return changed.user(contact)

    async def delete(self, operation: Operation, user_id: str, *, expected_version: int | None) -> None:
        """Remove a user, with their sessions. Raises NotFound, VersionConflict, LastOwner."""
        async with self._unit_of_work.begin(operation) as tx:
            repository = UserRepository(tx.connection, tx.tenant_id)
            await repository.lock()
            stored = await repository.get(user_id)
            _check_version(stored, expected_version)
            await _refuse_last_owner(repository, stored)
            of_sessions = await UserSessionRepository(tx.connection, tx.tenant_id).find_secrets_of(stored.id)
            await repository.delete(stored.id)
            await self._secrets(tx).delete(stored.secret_id, *of_sessions)
            await tx.audit.add(AuditNote(subject=stored.id))

    async def find_or_add(self, operation: Operation, details: UserDetails) -> UserId:
        """Find the user with that address, else add them. Raises ValidationFailed, MasterKeyMissing."""
        async with self._unit_of_work.snapshot(operation.tenant_id) as connection:
            digests = self._digests(details.email).values()
            found = await UserRepository(connection, operation.tenant_id).find_by_email(digests)
        return found.id if found is not None else (await self.create(operation, details)).id

    async def _change_contact(self, tx: Transaction, stored: StoredUser, change: UserChange) -> UserContact:
        """Seal the personal data anew, if any of it changes; links to a former address open nothing any more."""
        secrets = self._secrets(tx)
        before = UserContact.opened(await secrets.open(SECRET_PURPOSE, stored.secret_id))
        contact = UserContact(
            email=before.email if isinstance(change.email, Unset) else change.email,
            name=before.name if isinstance(change.name, Unset) else change.name,
        )
        if contact == before:
            return contact
        await secrets.replace(SECRET_PURPOSE, stored.secret_id, contact.sealable())
        if contact.email == before.email:
            return contact
        repository, digests = UserRepository(tx.connection, tx.tenant_id), self._digests(contact.email)
        other = await repository.find_by_email(digests.values())
        if other is not None and other.id != stored.id:
            raise ValidationFailed.of("email", _TAKEN)
        key_id = self._keys.current_key_id
        await repository.save_email(stored.id, key_id=key_id, digest=digests[key_id])
        await UserSessionRepository(tx.connection, tx.tenant_id).delete_links(stored.id)
        return contact

    async def _resource_id(self, tenant_id: TenantId, name: str | None) -> ResourceId | None:
        """The resource with that id or key. Raises ValidationFailed."""
        if name is None:
            return None
        catalogue = await self._catalogues.catalogue(tenant_id, naming=[name])
        try:
            return ResourceId(find_live_object(ObjectKind.RESOURCE, name, catalogue).id)
        except NotFound as error:
            raise ValidationFailed.of("resource", error.detail) from None

    def _digests(self, email: str) -> dict[str, bytes]:
        return dict(self._keys.digests(compared_email(email), DIGEST_PURPOSE))

    def _secrets(self, tx: Transaction) -> SecretStore:
        return SecretStore(tx.connection, tx.tenant_id, self._keys)


async def _note_reading(tx: Transaction, found: Sequence[StoredUser]) -> None:
    """Note whose personal data was read."""
    if found:
        first, *others = [user.id for user in found]
        await tx.audit.add(AuditNote(subject=first, more_subjects=others, fields=_PERSONAL))


def _check_role(role: Role, resource_id: ResourceId | None) -> None:
    if role not in USER_ROLES:
        raise ValidationFailed.of("role", f"must be {', '.join(USER_ROLES[:-1])} or {USER_ROLES[-1]}")
    if role is Role.STAFF and resource_id is None:
        raise ValidationFailed.of("resource", "must be named for staff: it is the one whose calendar is theirs")


def _check_version(stored: StoredUser, expected: int | None) -> None:
    if expected is not None and expected != stored.version:
        raise VersionConflict(f"The object is at version {stored.version}.")


async def _refuse_last_owner(repository: UserRepository, stored: StoredUser) -> None:
    """Raise LastOwner if nobody else is an owner. Whoever calls this has locked the users of the business."""
    if stored.role is Role.OWNER and await repository.count(Role.OWNER) <= 1:
        raise LastOwner
