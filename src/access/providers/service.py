"""Use cases on the identity provider of a business."""

from dataclasses import replace

from access.providers.key_source import KeysUnavailable, check_keys_url, fetch_keys
from access.providers.model import (
    MOST_KEYS,
    IdentityProvider,
    IdentityProviderTaken,
    ProviderDetails,
    read_key,
)
from access.providers.repository import IdentityProviderRepository, find_businesses
from access.sessions.access_tokens import ISSUER
from kernel.clock import Clock
from kernel.errors import FieldError, NotFound, ValidationFailed, VersionConflict
from kernel.operation import Operation
from outbound.client import OutboundClient
from persistence.audit import AuditNote
from persistence.unit_of_work import UnitOfWork

_FIELDS = ("identity_provider",)


class IdentityProviderService:
    """Use cases on the one provider of a business. Every process goes by a change within a second."""

    def __init__(self, *, unit_of_work: UnitOfWork, outbound: OutboundClient, clock: Clock) -> None:
        self._unit_of_work = unit_of_work
        self._outbound = outbound
        self._clock = clock

    async def get(self, operation: Operation) -> IdentityProvider:
        """Read the provider. Raises NotFound."""
        async with self._unit_of_work.snapshot(operation.tenant_id) as connection:
            return _found(await IdentityProviderRepository(connection, operation.tenant_id).find())

    async def put(
        self, operation: Operation, details: ProviderDetails, *, expected_version: int | None
    ) -> IdentityProvider:
        """Accept the tokens of a provider, in the place of a former one. Its keys are fetched now.

        Raises ValidationFailed, IdentityProviderTaken, VersionConflict.
        """
        _check(details)
        fetched = []
        if details.jwks_url is not None:
            try:
                fetched = list(await fetch_keys(self._outbound, details.jwks_url))
            except KeysUnavailable as failure:
                raise ValidationFailed.of("jwks_url", failure.reason) from None
        now = self._clock.now()
        provider = IdentityProvider(
            tenant_id=operation.tenant_id,
            details=details,
            fetched_keys=fetched,
            fetched_at=None if details.jwks_url is None else now,
            version=1,
            created_at=now,
            updated_at=now,
        )
        async with self._unit_of_work.begin(operation) as tx:
            repository = IdentityProviderRepository(tx.connection, tx.tenant_id)
            await repository.lock(details.issuer, details.audience)
            former = await repository.find()
            _check_version(former, expected_version)
            if former is not None:
                provider = replace(provider, version=former.version + 1, created_at=former.created_at)
            if set(await find_businesses(tx.connection, details.issuer, [details.audience])) - {tx.tenant_id}:
                raise IdentityProviderTaken(
                    "Tokens of this issuer for this audience belong to another business. Use an audience of your own."
                )
            await repository.save(provider)
            await tx.audit.add(AuditNote(subject=str(tx.tenant_id), fields=_FIELDS))
        return provider

    async def delete(self, operation: Operation, *, expected_version: int | None) -> None:
        """Accept no tokens of a provider any more. Raises NotFound, VersionConflict."""
        async with self._unit_of_work.begin(operation) as tx:
            repository = IdentityProviderRepository(tx.connection, tx.tenant_id)
            _check_version(_found(await repository.find()), expected_version)
            await repository.delete()
            await tx.audit.add(AuditNote(subject=str(tx.tenant_id), fields=_FIELDS))


def _found(provider: IdentityProvider | None) -> IdentityProvider:
    if provider is None:
        raise NotFound("This business has no identity provider.")
    return provider


def _check_version(former: IdentityProvider | None, expected: int | None) -> None:
    if expected is not None and expected != (None if former is None else former.version):
        detail = "The provider was changed or removed since you read it."
        raise VersionConflict(detail)


def _check(details: ProviderDetails) -> None:
    """Raise ValidationFailed unless these details can be those of a provider."""
    faults = []
    if details.issuer.casefold() == ISSUER:
        faults.append(FieldError("issuer", "is the name of this engine"))
    if (details.jwks_url is None) == (details.public_keys is None):
        faults.append(FieldError("jwks_url", "must be given, or public_keys, and not both"))
    if details.claims.role is None and details.claims.customer_id is None:
        faults.append(FieldError("claims", "must name the claim of the role, or that of the customer"))
    if details.jwks_url is not None:
        try:
            check_keys_url(details.jwks_url)
        except ValueError as error:
            faults.append(FieldError("jwks_url", str(error)))
    faults += _key_faults(details)
    if faults:
        raise ValidationFailed(faults)


def _key_faults(details: ProviderDetails) -> list[FieldError]:
    keys = details.public_keys or []
    faults = []
    ids: set[object] = set()
    if details.public_keys is not None and not 1 <= len(keys) <= MOST_KEYS:
        faults.append(FieldError("public_keys", f"must have 1 to {MOST_KEYS} keys"))
    for number, record in enumerate(keys[:MOST_KEYS]):
        key_id = record.get("kid", "")
        if not isinstance(key_id, str) or key_id in ids or (key_id == "" and len(keys) > 1):
            faults.append(FieldError(f"public_keys[{number}].kid", "must tell the key from the others"))
        ids.add(str(key_id))
        try:
            read_key(record)
        except ValueError as error:
            faults.append(FieldError(f"public_keys[{number}]", str(error)))
    return faults
