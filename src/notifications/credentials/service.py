"""Use cases on the channels of a business: whoever owns it sets them, and reads everything but secrets."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, assert_never

from kernel.clock import Clock
from kernel.errors import FieldError, NotFound, ValidationFailed, VersionConflict
from kernel.operation import Operation
from messages.channels.smtp_server import Tls
from messages.channels.web_push_keys import new_key_pair
from messages.model import ChannelName
from notifications.credentials.model import (
    SECRET_PURPOSE,
    BusinessChannel,
    ChannelRow,
    ChannelSettings,
    EmailChannel,
    HttpChannel,
    PushChannel,
    SmsChannel,
    from_secret,
    name_of,
    to_secret,
)
from notifications.credentials.repository import ChannelRepository
from outbound.client import OutboundClient, OutboundFailed
from outbound.signing import new_secret, secret_text
from outbound.targets import read_target
from persistence.audit import AuditNote
from persistence.sealing import MasterKeys
from persistence.secrets import SecretStore
from persistence.unit_of_work import Transaction, UnitOfWork

# Below 1024 listens what must not be spoken to, but for what mail servers listen at.
_MAIL_PORTS: Final = frozenset({25, 465, 587, 2525})
_FIRST_FREE_PORT: Final = 1024
# A look-up that takes longer tells nothing yet; the first message will.
_CHECK_SECONDS: Final = 3.0


class ChannelSettingsService:
    """Use cases on the channels of a business. Every process goes by a change within seconds."""

    def __init__(self, *, unit_of_work: UnitOfWork, keys: MasterKeys, outbound: OutboundClient, clock: Clock) -> None:
        self._unit_of_work = unit_of_work
        self._keys = keys
        self._outbound = outbound
        self._clock = clock

    async def list_all(self, operation: Operation) -> Sequence[BusinessChannel]:
        """List the channels that are set."""
        async with self._unit_of_work.snapshot(operation.tenant_id) as connection:
            rows = await ChannelRepository(connection, operation.tenant_id).find_all()
            secrets = SecretStore(connection, operation.tenant_id, self._keys)
            opened = await secrets.open_all(SECRET_PURPOSE, [row.secret_id for row in rows])
        return [BusinessChannel(row=row, settings=from_secret(row.name, opened[row.secret_id])) for row in rows]

    async def get(self, operation: Operation, name: ChannelName) -> BusinessChannel:
        """Read one. Raises NotFound."""
        async with self._unit_of_work.snapshot(operation.tenant_id) as connection:
            row = _found(await ChannelRepository(connection, operation.tenant_id).find(name), name)
            secrets = SecretStore(connection, operation.tenant_id, self._keys)
            return BusinessChannel(
                row=row, settings=from_secret(name, await secrets.open(SECRET_PURPOSE, row.secret_id))
            )

    async def put_email(
        self, operation: Operation, settings: EmailChannel, *, expected_version: int | None
    ) -> BusinessChannel:
        """Send mails by a server of the business's own, in the place of a former one.

        Raises ValidationFailed, TargetNotAllowed, VersionConflict, MasterKeyMissing.
        """
        return await self._put(operation, settings, expected_version)

    async def put_sms(
        self, operation: Operation, settings: SmsChannel, *, expected_version: int | None
    ) -> BusinessChannel:
        """Send text messages by an account of the business's own. Raises what put_email raises."""
        return await self._put(operation, settings, expected_version)

    async def put_push(self, operation: Operation, subject: str, *, expected_version: int | None) -> BusinessChannel:
        """Let browsers subscribe. A key pair that there is stays, so that what is subscribed stays so too.

        Raises VersionConflict, MasterKeyMissing.
        """
        public_key, private_key = new_key_pair()
        settings = PushChannel(subject=subject, public_key=public_key, private_key=private_key)
        return await self._put(operation, settings, expected_version)

    async def put_http(self, operation: Operation, url: str, *, expected_version: int | None) -> BusinessChannel:
        """Hand messages to an endpoint, signed by a secret that is new. Raises what put_email raises."""
        settings = HttpChannel(url=url, secret=secret_text(new_secret()))
        return await self._put(operation, settings, expected_version)

    async def delete(self, operation: Operation, name: ChannelName, *, expected_version: int | None) -> None:
        """Forget a channel and its secrets. Raises NotFound, VersionConflict."""
        async with self._unit_of_work.begin(operation) as tx:
            repository = ChannelRepository(tx.connection, tx.tenant_id)
            row = _found(await repository.find(name, for_update=True), name)
            _check_version(row, expected_version)
            await repository.delete(name)
            await self._secrets(tx).delete(row.secret_id)
            await tx.audit.add(_note(tx, name))

    async def _put(
        self, operation: Operation, settings: ChannelSettings, expected_version: int | None
    ) -> BusinessChannel:
        await self._check(settings)
        name, now = name_of(settings), self._clock.now()
        async with self._unit_of_work.begin(operation) as tx:
            repository, secrets = ChannelRepository(tx.connection, tx.tenant_id), self._secrets(tx)
            former = await repository.find(name, for_update=True)
            _check_version(former, expected_version)
            if former is not None and isinstance(settings, PushChannel):
                settings = _with_keys_of(await secrets.open(SECRET_PURPOSE, former.secret_id), settings)
            row = ChannelRow(
                name=name,
                secret_id=await secrets.add(SECRET_PURPOSE, to_secret(settings)),
                version=1 if former is None else former.version + 1,
                created_at=now if former is None else former.created_at,
                updated_at=now,
            )
            if not await repository.save(row):
                raise _changed()
            if former is not None:
                await secrets.delete(former.secret_id)
            await tx.audit.add(_note(tx, name))
        return BusinessChannel(row=row, settings=settings)

    async def _check(self, settings: ChannelSettings) -> None:
        """Judge what a business names, before any transaction. A host without an address may get one yet."""
        match settings:
            case EmailChannel():
                _check_server(settings)
                await self._check_host("host", f"https://{_authority(settings.host)}/")
            case SmsChannel():
                if (settings.from_ is None) == (settings.messaging_service is None):
                    raise ValidationFailed.of("from", "must be given, or messaging_service, and not both")
                await self._check_host("base_url", settings.base_url)
            case HttpChannel():
                await self._check_host("url", settings.url)
            case PushChannel():
                pass
            case _:
                assert_never(settings)

    async def _check_host(self, pointer: str, url: str) -> None:
        try:
            target = read_target(url)
        except ValueError as error:
            raise ValidationFailed.of(pointer, str(error)) from None
        with suppress(OutboundFailed, TimeoutError):
            async with asyncio.timeout(_CHECK_SECONDS):
                await self._outbound.check(target)

    def _secrets(self, tx: Transaction) -> SecretStore:
        return SecretStore(tx.connection, tx.tenant_id, self._keys)


def _check_server(settings: EmailChannel) -> None:
    faults = []
    if settings.port < _FIRST_FREE_PORT and settings.port not in _MAIL_PORTS:
        faults.append(FieldError("port", "must be 25, 465, 587, 2525, or one from 1024 to 65535"))
    if (settings.user is None) != (settings.password is None):
        faults.append(FieldError("password", "must be given with user, and only with it"))
    if settings.password is not None and settings.tls in {Tls.NONE, Tls.AS_OFFERED}:
        faults.append(FieldError("tls", "must be starttls or tls where there is a password"))
    if faults:
        raise ValidationFailed(faults)


def _with_keys_of(former: bytes, settings: PushChannel) -> PushChannel:
    kept = from_secret(ChannelName.PUSH, former)
    assert isinstance(kept, PushChannel)
    return PushChannel(subject=settings.subject, public_key=kept.public_key, private_key=kept.private_key)


def _authority(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _note(tx: Transaction, name: ChannelName) -> AuditNote:
    return AuditNote(subject=str(tx.tenant_id), fields=[f"{name.value}_channel"])


def _found(row: ChannelRow | None, name: ChannelName) -> ChannelRow:
    if row is None:
        raise NotFound(f'This business has set no channel "{name.value}".')
    return row


def _check_version(row: ChannelRow | None, expected: int | None) -> None:
    if expected is not None and expected != (None if row is None else row.version):
        raise _changed()


def _changed() -> VersionConflict:
    return VersionConflict("The channel was changed or removed since you read it.")
