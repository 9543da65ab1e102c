"""Message with a code, and the task that sends it."""

import html
import secrets
from string import Template
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
_SUBJECT: Final = Template("$code is your code for $business")
_TEXT: Final = Template(
    """Your code for $business: $code

Enter it on the page on which you are booking, within $minutes minutes. If you are not booking, you need not do
anything: without this code nobody books with your address. Give it to nobody.
"""
)
_HTML: Final = Template(
    """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark"><title>Your code for $business</title></head>
<body style="margin:0;padding:32px 16px;background:#f4f3ef;font-family:system-ui,-apple-system,'Segoe UI',sans-serif">
<div style="max-width:440px;margin:0 auto;padding:32px;background:#ffffff;border-radius:12px;color:#1c1b19">
<h1 style="margin:0 0 16px;font-size:22px;line-height:1.3">Your code for $business</h1>
<p style="margin:0 0 24px;font-size:32px;font-weight:600;letter-spacing:6px" dir="ltr">$code</p>
<p style="margin:0;font-size:14px;line-height:1.5;color:#5d5a54">Enter it on the page on which you are booking, within
$minutes minutes. If you are not booking, you need not do anything: without this code nobody books with your address.
Give it to nobody.</p>
</div></body></html>
"""
)
_SMS: Final = Template("$code is your code for $business. It works for $minutes minutes. Give it to nobody.")
_MOST_NAME_CHARACTERS: Final = 60
"""The part of a business's name in a text message, which is to be one message."""
_log = structlog.get_logger(__name__)


def code_mail(*, to: str, business: str, code: str, mail_id: str) -> Mail:
    """The mail that brings a visitor a code."""
    values = {"business": business, "code": code, "minutes": str(_MINUTES)}
    return Mail(
        id=mail_id,
        to=to,
        subject=_SUBJECT.substitute(values),
        text=_TEXT.substitute(values),
        html=_HTML.substitute({**values, "business": html.escape(business)}),
    )


def code_text_message(*, to: str, business: str, code: str, message_id: str) -> TextMessage:
    """The text message that does."""
    name = business[:_MOST_NAME_CHARACTERS]
    return TextMessage(id=message_id, to=to, text=_SMS.substitute(business=name, code=code, minutes=str(_MINUTES)))


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
            await self._mail(task, contact, business, code)
        else:
            await self._send_text(task, contact, business, code)
        return None

    async def _mail(self, task: Task, contact: HoldContact, business: str, code: str) -> None:
        mail = code_mail(to=contact.address, business=business, code=code, mail_id=f"ml_{new_ulid()}")
        try:
            await self._mails.send(mail)
        except SendFailed as failure:
            self._metrics.add(MAILS, label=failure.fault)
            if not failure.is_final:
                raise TaskFailed(failure.reason) from None
            _note_refused(task, failure.reason)
        else:
            self._metrics.add(MAILS, label="sent")

    async def _send_text(self, task: Task, contact: HoldContact, business: str, code: str) -> None:
        message = code_text_message(to=contact.address, business=business, code=code, message_id=f"sms_{new_ulid()}")
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
        return secret, " ".join(name.split())


def _note_refused(task: Task, reason: str) -> None:
    _log.warning("code_message.refused", business=str(task.tenant_id), hold=task.subject, reason=reason)
