"""Mails as MIME: text and HTML side by side."""

from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Final

from messages.model import Mail

# With room for a long link in one line of text.
_POLICY: Final = SMTP.clone(max_line_length=200)


def mime_of(mail: Mail, *, sender: str, sender_name: str, now: datetime) -> EmailMessage:
    """The mail as it is sent. It asks receivers to send no automatic answers."""
    message = EmailMessage(policy=_POLICY)
    message["Subject"] = mail.subject
    message["From"] = _address(sender, sender_name)
    message["To"] = _address(mail.to)
    message["Date"] = format_datetime(now)
    message["Message-ID"] = f"<{mail.id}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    message.set_content(mail.text)
    message.add_alternative(mail.html, subtype="html")
    return message


def _address(address: str, name: str = "") -> Address:
    local_part, _, domain = address.rpartition("@")
    return Address(display_name=name, username=local_part, domain=domain)
