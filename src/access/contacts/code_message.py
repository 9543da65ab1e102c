"""Message with a code, and the task that sends it."""

import secrets
from collections.abc import Sequence
from typing import Final

import structlog

from access.contacts.model import CODE_DIGITS
from access.contacts.service import CODE_MESSAGE
from bookings.repository import AppointmentRepository
from catalogue.model.rules.verification import Verification
from catalogue.repositories.tenants import TenantRepository
from holds.code_store import CODE_SECONDS, HoldCodeStore
from holds.contact_seal import HoldContact, code_digest, opened_contact
from kernel.ids import HoldId, TenantId, new_ulid
from messages.content.model import Audience, BusinessFacts, MessageFacts, MessageKind, Written
from messages.content.write import write
from messages.model import Channel, Mail, SendFailed, TextMessage
from persistence.errors import RedisUnavailable
from persistence.unit_of_work import UnitOfWork
from tasks.model import RunAgain, Task, TaskFailed, TaskKind
from telemetry.measures import MAILS, TEXT_MESSAGES
from telemetry.metrics import Metrics

KIND: Final = TaskKind(
    name=CODE_MESSAGE,
    # A conversation with a server takes 30 seconds at most.
    lease_seconds=40,
    # Somebody waits for it, and after ten minutes nobody does.
    retry_seconds=(2, 5, 15, 30, 60, 120, 240),
    concurrency=20,
)
_MINUTES: Final = CODE_SECONDS // 60
_log = structlog.get_logger(__name__)


def code_words(business: str, code: str, *, languages: Sequence[str] = ()) -> Written:
    """Words of the message that brings a visitor a code."""
    facts = MessageFacts(
        kind=MessageKind.CODE,
        audience=Audience.CUSTOMER,
        business=BusinessFacts(name=business),
        code=code,
        minutes=_MINUTES,
    )
    return write(facts, languages=languages, templates={})


class CodeMessageHandler:
    """Does the tasks of one kind: each sends a code for one hold. A repetition sends another, which replaces it."""

    kind = KIND

    def __init__(
        self,
        *,
        unit_of_work: UnitOfWork,
        codes: HoldCodeStore,
        mails: Channel[Mail],
        text_messages: Channel[TextMessage],
        metrics: Metrics,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._codes = codes
        self._mails = mails
        self._text_messages = text_messages
        self._metrics = metrics

    async def run(self, task: Task) -> RunAgain | None:
        """Send the code, if somebody still waits for it. Raises TaskFailed, StoreUnavailable."""
        tenant_id, hold_id = task.tenant_id, HoldId(task.subject)
        secret, business = await self._business(tenant_id)
        if secret is None:
            return None
        code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}d}"
        try:
            sealed = await self._codes.put(tenant_id, hold_id, code_digest(code, hold_id, secret))
        except RedisUnavailable:
            detail = "Redis does not answer, so no code can be kept."
            raise TaskFailed(detail) from None
        contact = None if sealed is None else opened_contact(sealed, hold_id, secret)
        if contact is None:
            _log.info("code_message.not_needed", business=str(tenant_id), hold=hold_id)
        elif contact.verification is Verification.EMAIL:
            await self._mail(task, contact, code_words(business, code))
        else:
            await self._send_text(task, contact, code_words(business, code))
        return None

    async def _mail(self, task: Task, contact: HoldContact, words: Written) -> None:
        mail = Mail(id=f"ml_{new_ulid()}", to=contact.address, subject=words.subject, text=words.text, html=words.html)
        try:
            await self._mails.send(mail)
        except SendFailed as failure:
            self._metrics.add(MAILS, label=failure.fault)
            if not failure.is_final:
                raise TaskFailed(failure.reason) from None
            _note_refused(task, failure.reason)
        else:
            self._metrics.add(MAILS, label="sent")

    async def _send_text(self, task: Task, contact: HoldContact, words: Written) -> None:
        message = TextMessage(id=f"sms_{new_ulid()}", to=contact.address, text=words.sms)
        try:
            await self._text_messages.send(message)
        except SendFailed as failure:
            self._metrics.add(TEXT_MESSAGES, label=failure.fault)
            if not failure.is_final:
                raise TaskFailed(failure.reason) from None
            _note_refused(task, failure.reason)
        else:
            self._metrics.add(TEXT_MESSAGES, label="sent")

    async def _business(self, tenant_id: TenantId) -> tuple[bytes | None, str]:
        """The secret of the business, None where there is none of that id, and its name."""
        async with self._unit_of_work.snapshot(tenant_id) as connection:
            secret = await AppointmentRepository(connection, tenant_id).find_token_secret()
            name = await TenantRepository(connection).name(tenant_id) or ""
        return secret, name


def _note_refused(task: Task, reason: str) -> None:
    _log.warning("code_message.refused", business=str(task.tenant_id), hold=task.subject, reason=reason)
