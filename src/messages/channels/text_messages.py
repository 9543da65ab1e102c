"""Text messages to telephones, and the channels that carry them: files, nothing, or a service over HTTP."""

import base64
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

import orjson
import structlog

from messages.channels.files import write_file
from messages.channels.http_answers import is_taken, post, refusal
from messages.model import SendFailed, SendFault, Sent, TextMessage
from outbound.client import OutboundClient
from outbound.connection import OutboundAnswer
from outbound.targets import Target, read_target

_MISSPELLED: Final = (
    "must be https://account:token@host?from=+15551234567, or ?messaging_service=MG…; in the token write @ as %40"
)
# The error of a service whose receiver has said STOP.
_OPTED_OUT: Final = 21610
_MOST_REFERENCE: Final = 64
_SERVICE: Final = "The service for text messages"
_SENDERS: Final = {"from": "From", "messaging_service": "MessagingServiceSid"}
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class TextMessageAccount:
    """An account at a service that takes text messages in the form of Twilio."""

    target: Target
    user: str
    token: str
    sender: tuple[str, str]
    """The field that names the sender, and its value."""

    @classmethod
    def of(
        cls, *, base: str, user: str, token: str, from_: str | None, messaging_service: str | None
    ) -> "TextMessageAccount":
        """The account at a service with that URL, by one of the two senders. Raises ValueError."""
        named = {"from": from_, "messaging_service": messaging_service}
        kind, sender = next((kind, one) for kind, one in named.items() if one is not None)
        url = f"{base.rstrip('/')}/2010-04-01/Accounts/{quote(user, safe='')}/Messages.json"
        return cls(target=read_target(url), user=user, token=token, sender=(_SENDERS[kind], sender))


def read_sms_url(url: str) -> TextMessageAccount:
    """Read `https://account:token@host?from=+15551234567`. Raises ValueError, which repeats no part of it."""
    try:
        parts = urlsplit(url)
        senders = parse_qs(parts.query, strict_parsing=True)
        port = "" if parts.port is None else f":{parts.port}"
    except ValueError:
        raise ValueError(_MISSPELLED) from None
    is_good = parts.username and parts.password and parts.hostname and len(senders) == 1 and not parts.fragment
    if not is_good or not (parts.scheme == "https" or (parts.scheme == "http" and _is_local(parts.hostname or ""))):
        raise ValueError(_MISSPELLED)
    ((kind, values),) = senders.items()
    if kind not in _SENDERS or len(values) != 1:
        raise ValueError(_MISSPELLED)
    user = unquote(parts.username or "")
    # A plus in a query stands for a blank.
    sender = values[0].strip()
    number = f"+{sender}" if kind == "from" and sender.isdigit() else sender
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    try:
        return TextMessageAccount.of(
            base=f"{parts.scheme}://{host}{port}{parts.path}",
            user=user,
            token=unquote(parts.password or ""),
            from_=number if kind == "from" else None,
            messaging_service=number if kind == "messaging_service" else None,
        )
    except ValueError:
        raise ValueError(_MISSPELLED) from None


def _is_local(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class HttpTextMessages:
    """Hands each message to a service in the form of Twilio."""

    def __init__(self, client: OutboundClient, account: TextMessageAccount) -> None:
        self._client = client
        self._account = account

    async def send(self, message: TextMessage) -> Sent:
        """Hand the message to the service. Raises SendFailed: GONE for whoever has told the service to stop."""
        account = self._account
        credentials = base64.b64encode(f"{account.user}:{account.token}".encode()).decode()
        field, sender = account.sender
        fields = {"To": message.to, field: sender, "Body": message.text}
        if message.status_url is not None:
            fields["StatusCallback"] = message.status_url
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Authorization": f"Basic {credentials}"}
        body = urlencode(fields).encode()
        answer = await post(self._client, account.target, headers=headers, body=body, service=_SERVICE)
        told = _members(answer)
        if is_taken(answer):
            reference = told.get("sid")
            # Without a name it was taken all the same; what becomes of it is not known then.
            return Sent(reference if isinstance(reference, str) and len(reference) <= _MOST_REFERENCE else None)
        if told.get("code") == _OPTED_OUT:
            raise SendFailed(SendFault.GONE, f"The receiver has told the service to stop ({_OPTED_OUT}).")
        raise refusal(answer, _SERVICE)


def _members(answer: OutboundAnswer) -> dict[str, Any]:
    """The members of an answer in JSON; none of any other."""
    try:
        told = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return {}
    return told if isinstance(told, dict) else {}


class TextMessageFiles:
    """Writes each message as a .txt file that its owner alone may read, and says where."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def send(self, message: TextMessage) -> Sent:
        """Write the message. Raises SendFailed."""
        content = f"To: {message.to}\n\n{message.text}\n".encode()
        try:
            file = await write_file(self._folder, f"{message.id}.txt", content)
        except OSError as error:
            detail = f"The text message cannot be written: {error.strerror}."
            raise SendFailed(SendFault.NOT_WRITTEN, detail) from None
        _log.info("text_message.written", file=str(file))
        return Sent(message.id)


class NoTextMessages:
    """Stands where nothing is set up."""

    async def send(self, _message: TextMessage) -> Sent:
        """Send nothing. Raises SendFailed."""
        detail = "HOLDFAST_SMS_URL is not set, so no text message can be sent."
        raise SendFailed(SendFault.NO_CHANNEL, detail)
