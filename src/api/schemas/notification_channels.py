"""Channels of notifications in requests and answers."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final, assert_never

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, model_validator, with_config
from pydantic.config import JsonDict
from typing_extensions import TypedDict

from api.schemas.fields import RequestModel, storable
from kernel.email_address import email_address
from messages.channels.smtp_server import Tls, read_smtp_url
from notifications.credentials.model import (
    BusinessChannel,
    ChannelSettings,
    EmailChannel,
    HttpChannel,
    PushChannel,
    SmsChannel,
)
from outbound.targets import MAX_URL_CHARACTERS

TWILIO: Final = "https://api.twilio.com"
_PORTS: Final = {Tls.FROM_START: 465}
_SUBMISSION_PORT: Final = 587
_TIMES: Final[JsonDict] = {
    "version": 1,
    "created_at": "2026-11-30T15:01:12Z",
    "updated_at": "2026-11-30T15:01:12Z",
}
EMAIL_EXAMPLE: Final[JsonDict] = {
    "channel": "email",
    "settings": {
        "host": "mail.fade.example",
        "port": 587,
        "tls": "starttls",
        "user": "hello@fade.example",
        "sender": "hello@fade.example",
    },
    "secret": None,
    **_TIMES,
}
SMS_EXAMPLE: Final[JsonDict] = {
    "channel": "sms",
    "settings": {
        "account": "AC0123456789abcdef0123456789abcdef",
        "from": "+15551234567",
        "messaging_service": None,
        "base_url": TWILIO,
    },
    "secret": None,
    **_TIMES,
}
PUSH_EXAMPLE: Final[JsonDict] = {
    "channel": "push",
    "settings": {
        "subject": "mailto:hello@fade.example",
        "public_key": "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8",
    },
    "secret": None,
    **_TIMES,
}
HTTP_EXAMPLE: Final[JsonDict] = {
    "channel": "http",
    "settings": {"url": "https://messages.fade.example/holdfast"},
    "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=",
    **_TIMES,
}

_Line = Annotated[str, StringConstraints(min_length=1, max_length=255), AfterValidator(storable)]
_Url = Annotated[str, StringConstraints(min_length=1, max_length=MAX_URL_CHARACTERS), AfterValidator(storable)]
_Address = Annotated[str, StringConstraints(min_length=3, max_length=254), AfterValidator(email_address)]


class SetEmailChannel(RequestModel):
    """A mail server: either a URL, or its parts."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "host": "mail.fade.example",
                    "port": 587,
                    "tls": "starttls",
                    "user": "hello@fade.example",
                    "password": "correct horse battery staple",
                    "sender": "hello@fade.example",
                }
            ]
        }
    )

    url: Annotated[
        Annotated[str, StringConstraints(min_length=1, max_length=MAX_URL_CHARACTERS), AfterValidator(storable)] | None,
        Field(description="`smtp://user:password@host:587`, or `smtps://…`: in place of the members below but sender."),
    ] = None
    host: Annotated[_Line | None, Field(description="Name of the server, or its address.")] = None
    port: Annotated[int | None, Field(ge=1, le=65535, description="25, 465, 587, 2525, or one from 1024.")] = None
    tls: Annotated[
        Tls | None,
        Field(strict=False, description="`tls` from the start, `starttls`, `offered` (if the server can) or `none`."),
    ] = None
    user: Annotated[_Line | None, Field(description="Name for the login; with `password`.")] = None
    password: Annotated[_Line | None, Field(description="Never shown again.")] = None
    sender: Annotated[
        _Address | None, Field(description="Address that mails come from.", json_schema_extra={"format": "idn-email"})
    ] = None

    @model_validator(mode="after")
    def _one_form(self) -> "SetEmailChannel":
        parts = (self.host, self.port, self.tls, self.user, self.password)
        if self.url is not None and any(part is not None for part in parts):
            raise ValueError("give url, or host and its other parts, and not both")
        if self.url is None and self.host is None:
            raise ValueError("give url, or host")
        if self.url is not None:
            read_smtp_url(self.url)
        return self

    def settings(self) -> EmailChannel:
        """The channel as the use case takes it."""
        if self.url is not None:
            server = read_smtp_url(self.url)
            return EmailChannel(
                host=server.host,
                port=server.port,
                tls=server.tls,
                user=server.user,
                password=server.password,
                sender=self.sender,
            )
        assert self.host is not None, "one of both is given"
        tls = self.tls or Tls.STARTTLS
        return EmailChannel(
            host=self.host,
            port=self.port or _PORTS.get(tls, _SUBMISSION_PORT),
            tls=tls,
            user=self.user,
            password=self.password,
            sender=self.sender,
        )


class SetSmsChannel(RequestModel):
    """An account at a service for text messages that has the API of Twilio."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "account": "AC0123456789abcdef0123456789abcdef",
                    "token": "0123456789abcdef0123456789abcdef",
                    "from": "+15551234567",
                }
            ]
        }
    )

    account: Annotated[_Line, Field(description="Account SID.")]
    token: Annotated[_Line, Field(description="Auth token; never shown again.")]
    from_: Annotated[
        Annotated[str, StringConstraints(pattern=r"^(\+[1-9][0-9]{6,14}|[0-9]{3,8}|[A-Za-z0-9 ]{1,11})$")] | None,
        Field(alias="from", description="Number in E.164, short code or name. Or `messaging_service`."),
    ] = None
    messaging_service: Annotated[_Line | None, Field(description="SID of a messaging service.")] = None
    base_url: Annotated[_Url, Field(description="Where the API is.")] = TWILIO

    def settings(self) -> SmsChannel:
        """The channel as the use case takes it."""
        return SmsChannel(
            account=self.account,
            token=self.token,
            from_=self.from_,
            messaging_service=self.messaging_service,
            base_url=self.base_url,
        )


class SetPushChannel(RequestModel):
    """The business, as push services of browsers know it."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"subject": "mailto:hello@fade.example"}]})

    subject: Annotated[
        str,
        StringConstraints(max_length=255, pattern=r"^(mailto:[!-~]+@[!-~]+|https://[!-~]+)$"),
        Field(description="Where push services reach you: `mailto:` with an address, or an https URL."),
    ]


class SetHttpChannel(RequestModel):
    """An endpoint that carries messages on."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"url": "https://messages.fade.example/holdfast"}]})

    url: Annotated[_Url, Field(description="It is sent a POST for each message.")]


class EmailSettings(TypedDict):
    """A mail server, without its password."""

    host: str
    port: int
    tls: str
    user: str | None
    sender: str | None


SmsSettings = TypedDict(
    "SmsSettings", {"account": str, "from": str | None, "messaging_service": str | None, "base_url": str}
)
"""An account for text messages, without its token."""


class PushSettings(TypedDict):
    """The public part of a key pair, with which browsers subscribe."""

    subject: str
    public_key: str


class HttpSettings(TypedDict):
    """An endpoint, without its secret."""

    url: str


@with_config(ConfigDict(json_schema_extra={"examples": [EMAIL_EXAMPLE]}))
class NotificationChannelAnswer(TypedDict):
    """A channel of the business."""

    channel: Annotated[str, Field(description="`email`, `sms`, `push` or `http`.")]
    settings: Annotated[
        EmailSettings | SmsSettings | PushSettings | HttpSettings, Field(description="Everything but secrets.")
    ]
    secret: Annotated[
        str | None, Field(description="Of `http`, when it is set and never again: each message is signed with it.")
    ]
    version: Annotated[int, Field(description="Counts the changes; the ETag.")]
    created_at: datetime
    updated_at: datetime


class NotificationChannelsAnswer(TypedDict):
    """The channels that the business has set."""

    data: list[NotificationChannelAnswer]


def channel_answer(channel: BusinessChannel, *, shows_secret: bool = False) -> NotificationChannelAnswer:
    """The answer that describes the channel."""
    settings = channel.settings
    return {
        "channel": channel.row.name.value,
        "settings": _settings(settings),
        "secret": settings.secret if shows_secret and isinstance(settings, HttpChannel) else None,
        "version": channel.row.version,
        "created_at": channel.row.created_at,
        "updated_at": channel.row.updated_at,
    }


def channels_answer(channels: Sequence[BusinessChannel]) -> NotificationChannelsAnswer:
    """The answer that lists them."""
    return {"data": [channel_answer(channel) for channel in channels]}


def _settings(settings: ChannelSettings) -> EmailSettings | SmsSettings | PushSettings | HttpSettings:
    match settings:
        case EmailChannel():
            return EmailSettings(
                host=settings.host,
                port=settings.port,
                tls=settings.tls.value,
                user=settings.user,
                sender=settings.sender,
            )
        case SmsChannel():
            return {
                "account": settings.account,
                "from": settings.from_,
                "messaging_service": settings.messaging_service,
                "base_url": settings.base_url,
            }
        case PushChannel():
            return PushSettings(subject=settings.subject, public_key=settings.public_key)
        case HttpChannel():
            return HttpSettings(url=settings.url)
        case _:
            assert_never(settings)
