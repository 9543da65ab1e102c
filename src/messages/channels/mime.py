"""Mails as MIME: text and HTML side by side, and an invitation with them."""

from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Final

from messages.model import Mail, Sender

# With room for a long link in one line, of text or of a header: split, a header would be no link any more.
_POLICY: Final = SMTP.clone(max_line_length=900)
_INVITATION: Final = "invite.ics"


@dataclass(frozen=True, slots=True, kw_only=True)
class MailSender:
    """The address that a channel sends from, and whether it may be another one."""

    address: str
    name: str
    is_own: bool = False
    """The server is that of the business: mails come from the address that they name. Else a receiver's server would
    find that the business's domain does not let this one send, and they come from `address`, with its name."""

    def of(self, mail: Mail) -> Sender:
        """The sender as the receiver of a mail reads it; answers go to the business in any case."""
        named = mail.sender
        if named is None:
            return Sender(address=self.address, name=self.name)
        if self.is_own and named.address:
            return named
        reply_to = named.reply_to or named.address or None
        return Sender(address=self.address, name=named.name or self.name, reply_to=reply_to)


def mime_of(mail: Mail, *, sender: MailSender, now: datetime) -> EmailMessage:
    """The mail as it is sent. It asks receivers to send no automatic answers."""
    named = sender.of(mail)
    message = EmailMessage(policy=_POLICY)
    message["Subject"] = mail.subject
    message["From"] = _address(named.address, named.name)
    message["To"] = _address(mail.to)
    if named.reply_to is not None:
        message["Reply-To"] = _address(named.reply_to)
    message["Date"] = format_datetime(now)
    message["Message-ID"] = f"<{mail.id}@{named.address.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    if mail.unsubscribe_url is not None:
        message["List-Unsubscribe"] = f"<{mail.unsubscribe_url}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(mail.text)
    message.add_alternative(mail.html, subtype="html")
    if mail.calendar is not None:
        _add_invitation(message, mail.calendar.content, mail.calendar.method)
    return message


def _add_invitation(message: EmailMessage, content: bytes, method: str) -> None:
    """Add it twice, with the same bytes: Gmail shows the alternative, and Outlook what is attached to the mail.

    The attachment has a type of its own, as in the mails of Google's calendar: two parts with a method would be two
    invitations.
    """
    kind = {"method": method, "charset": "utf-8"}
    message.add_alternative(content, maintype="text", subtype="calendar", params=kind)
    message.add_attachment(content, maintype="application", subtype="ics", filename=_INVITATION)


def _address(address: str, name: str = "") -> Address:
    local_part, _, domain = address.rpartition("@")
    return Address(display_name=name, username=local_part, domain=domain)
