"""Use case of callbacks: whether one is signed, and what follows from it."""

from collections.abc import Mapping
from typing import Final, Protocol

from kernel.errors import Forbidden
from kernel.ids import TenantId
from kernel.operation import by_system
from messages.model import ChannelName
from notifications.callbacks.repository import find_name
from notifications.callbacks.signature import is_signed
from notifications.callbacks.status import TextMessageStatus, read_status
from notifications.callbacks.words import OptOut, OptOutWish, answer_to, wish_of
from notifications.credentials.model import SECRET_PURPOSE, SmsChannel, from_secret
from notifications.credentials.repository import ChannelRepository
from notifications.suppressions.model import SuppressionReason
from notifications.suppressions.repository import SuppressionRepository
from persistence.sealing import MasterKeys
from persistence.secrets import SecretStore
from persistence.unit_of_work import Transaction, UnitOfWork

PATH: Final = "/v1/notification-callbacks/sms/"
_NAME: Final = "text-messages"
# The error of a receiver who has told the service to stop.
_OPTED_OUT: Final = "21610"
_UNKNOWN: Final = "The callback is not signed by an account of this business."


class StatusReports(Protocol):
    """Keeper of what became of messages."""

    async def note(self, tx: Transaction, reference: str, status: TextMessageStatus, error: str | None) -> None:
        """Note a status that may be late; a name that is unknown is passed over."""


class NoReports:
    """Stands where nobody keeps them."""

    async def note(self, tx: Transaction, reference: str, status: TextMessageStatus, error: str | None) -> None:
        """Note nothing."""


class TextMessageCallbackService:
    """Use case of everything that a service for text messages tells of a business."""

    def __init__(
        self,
        *,
        unit_of_work: UnitOfWork,
        keys: MasterKeys,
        public_url: str,
        shared_token: str | None,
        reports: StatusReports | None = None,
    ) -> None:
        """`shared_token`: of the account by which businesses send that have none of their own."""
        self._unit_of_work = unit_of_work
        self._keys = keys
        self._public_url = public_url.rstrip("/")
        self._shared_token = shared_token
        self._reports = reports or NoReports()

    async def take(self, tenant_id: TenantId, fields: Mapping[str, str], signature: str) -> str | None:
        """Do what follows from a callback; the text message that answers it, if any.

        Raises Forbidden unless an account of the business has signed it.
        """
        name = await self._checked_name(tenant_id, fields, signature)
        if "MessageStatus" in fields:
            await self._take_status(tenant_id, fields)
            return None
        wish = _wish(fields)
        if wish is None or not fields.get("From"):
            return None
        was_granted = await self._grant(tenant_id, wish, fields["From"])
        # A service that names the wish has answered it already, and takes nothing for this number after a STOP.
        return answer_to(wish, name) if was_granted and "OptOutType" not in fields else None

    async def _checked_name(self, tenant_id: TenantId, fields: Mapping[str, str], signature: str) -> str:
        async with self._unit_of_work.snapshot(tenant_id) as connection:
            name = await find_name(connection, tenant_id)
            row = await ChannelRepository(connection, tenant_id).find(ChannelName.SMS)
            token = self._shared_token
            if row is not None:
                secrets = SecretStore(connection, tenant_id, self._keys)
                settings = from_secret(ChannelName.SMS, await secrets.open(SECRET_PURPOSE, row.secret_id))
                assert isinstance(settings, SmsChannel)
                token = settings.token
        url = f"{self._public_url}{PATH}{tenant_id}"
        if name is None or token is None or not is_signed(signature, token, url, fields):
            raise Forbidden(_UNKNOWN)
        return name

    async def _take_status(self, tenant_id: TenantId, fields: Mapping[str, str]) -> None:
        status, error = read_status(fields["MessageStatus"]), fields.get("ErrorCode")
        reference, receiver = fields.get("MessageSid", ""), fields.get("To")
        async with self._unit_of_work.begin(by_system(tenant_id, _NAME)) as tx:
            if status is not None and reference:
                await self._reports.note(tx, reference, status, error)
            if error == _OPTED_OUT and receiver:
                suppressions = SuppressionRepository(tx.connection, tenant_id)
                await suppressions.add(ChannelName.SMS, receiver, SuppressionReason.OPTED_OUT)

    async def _grant(self, tenant_id: TenantId, wish: OptOutWish, number: str) -> bool:
        """Suppress a number, or write to it again; False if that was so before, as after a callback that came twice."""
        async with self._unit_of_work.begin(by_system(tenant_id, _NAME)) as tx:
            suppressions = SuppressionRepository(tx.connection, tenant_id)
            if wish.kind is OptOut.STOP:
                return await suppressions.add(ChannelName.SMS, number, SuppressionReason.OPTED_OUT)
            return await suppressions.remove(ChannelName.SMS, number, SuppressionReason.OPTED_OUT)


def _wish(fields: Mapping[str, str]) -> OptOutWish | None:
    """The wish that an inbound message expresses, by the service's own reading of it where there is one."""
    named, said = fields.get("OptOutType", "").upper(), wish_of(fields.get("Body", ""))
    if named in set(OptOut):
        return OptOutWish(kind=OptOut(named), language="en" if said is None else said.language)
    return said
