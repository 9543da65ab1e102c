"""Channels of a business: what is set, what is shown of it, and by which of them its messages go."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, Final

import asyncpg
import pytest

from bootstrap.services import build_services
from kernel.ids import TenantId
from messages.channels.mime import MailSender
from messages.model import ChannelName, Mail, SendFailed, SendFault, Sent, TextMessage
from notifications.credentials import channels as channels_module
from notifications.credentials.channels import Channels, SharedChannels
from tests.support.door import Door, open_door
from tests.support.engine import FixedClock
from tests.support.smtp import mail_server

_PATH: Final = "/v1/notification-channels"
_EMAIL: Final = {"host": "mail.fade.example", "user": "hello", "password": "Zyxwvut", "sender": "hello@fade.example"}
_MAIL: Final = Mail(id="ntf_1", to="noa@fade.example", subject="Hello", text="text", html="<p>html</p>")


class _Kept:
    """A shared channel that keeps what it is given."""

    def __init__(self) -> None:
        self.messages: list[Any] = []

    async def send(self, message: Any) -> Sent:
        """Keep a message."""
        self.messages.append(message)
        return Sent()


@pytest.fixture
async def door(database_url: str, redis_url: str) -> AsyncIterator[Door]:
    async with open_door(database_url, redis_url) as opened:
        yield opened


@pytest.fixture
def mails() -> _Kept:
    return _Kept()


@pytest.fixture
async def channels(door: Door, mails: _Kept, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Channels]:
    """The channels of a process that remembers none."""
    monkeypatch.setattr(channels_module, "FRESH_SECONDS", 0.0)
    made = Channels(
        unit_of_work=build_services(door.context).unit_of_work,
        keys=door.context.settings.master_keys,
        outbound=door.context.outbound,
        shared=SharedChannels(
            mail=mails,
            text_messages=_Kept(),
            mail_sender=MailSender(address="no-reply@book.example", name="Holdfast"),
        ),
        clock=FixedClock(datetime(2026, 11, 30, 12, 0, tzinfo=UTC)),
    )
    yield made
    made.close()


async def _put(door: Door, name: str, body: Any, status: int = 200) -> Any:
    return await door.send("PUT", f"{_PATH}/{name}", json=body, status=status)


@pytest.mark.parametrize(
    ("name", "body", "settings"),
    [
        (
            "email",
            _EMAIL,
            {
                "host": "mail.fade.example",
                "port": 587,
                "tls": "starttls",
                "user": "hello",
                "sender": "hello@fade.example",
            },
        ),
        (
            "email",
            {"url": "smtps://hello:Zyxwvut@mail.fade.example"},
            {"host": "mail.fade.example", "port": 465, "tls": "tls", "user": "hello", "sender": None},
        ),
        (
            "email",
            {"host": "mail.fade.example", "tls": "none"},
            {"host": "mail.fade.example", "port": 587, "tls": "none", "user": None, "sender": None},
        ),
        (
            "sms",
            {"account": "AC1", "token": "Zyxwvut", "messaging_service": "MG1"},
            {"account": "AC1", "from": None, "messaging_service": "MG1", "base_url": "https://api.twilio.com"},
        ),
        ("http", {"url": "https://messages.fade.example/x"}, {"url": "https://messages.fade.example/x"}),
    ],
)
async def test_channel_is_shown_without_its_secrets(door: Door, name: str, body: Any, settings: Any) -> None:
    stored = await _put(door, name, body)
    read = await door.send("GET", f"{_PATH}/{name}", status=200)
    listed = await door.send("GET", _PATH, status=200)

    assert (read["channel"], read["settings"], read["version"]) == (name, settings, 1)
    assert listed == {"data": [read]}
    assert {**stored, "secret": None} == read
    assert "Zyxwvut" not in f"{stored}{read}"


@pytest.mark.parametrize(
    ("name", "body", "pointer"),
    [
        ("email", {"host": "mail.fade.example", "port": 80}, "port"),
        ("email", {"host": "mail.fade.example", "user": "a"}, "password"),
        ("email", {"host": "mail.fade.example", "user": "a", "password": "b", "tls": "offered"}, "tls"),
        ("email", {"host": "not a host"}, "host"),
        ("email", {"url": "smtp://a:b@mail.fade.example", "host": "mail.fade.example"}, ""),
        ("email", {"url": "https://mail.fade.example"}, ""),
        ("email", {}, ""),
        ("sms", {"account": "AC1", "token": "b"}, "from"),
        ("sms", {"account": "AC1", "token": "b", "from": "+15551234567", "base_url": "ftp://x"}, "base_url"),
        ("push", {"subject": "hello"}, "subject"),
        ("http", {"url": "messages.fade.example"}, "url"),
    ],
)
async def test_channel_that_cannot_work_is_refused(door: Door, name: str, body: Any, pointer: str) -> None:
    refused = await _put(door, name, body, status=422)

    assert refused["code"] == "validation"
    assert pointer in {error["pointer"] for error in refused["errors"]} | {""}
    await door.send("GET", f"{_PATH}/{name}", status=404)


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("email", {"host": "10.0.0.5"}),
        ("sms", {"account": "AC1", "token": "b", "from": "+15551234567", "base_url": "https://[::ffff:10.0.0.5]"}),
        ("http", {"url": "https://169.254.169.254/"}),
    ],
)
async def test_host_inside_the_network_is_refused(door: Door, name: str, body: Any) -> None:
    refused = await _put(door, name, body, status=422)

    assert refused["code"] == "target_not_allowed"


async def test_nothing_of_a_channel_is_readable_in_the_database(door: Door, outside: "asyncpg.Connection[Any]") -> None:
    await _put(door, "email", _EMAIL)

    rows = await outside.fetch(
        "SELECT t::text FROM notification_channels AS t WHERE tenant_id = $1"
        " UNION ALL SELECT t::text FROM secrets AS t WHERE tenant_id = $1",
        door.tenant_id,
    )
    kept = " ".join(row["t"] for row in rows)
    sealed = [value.encode().hex() for value in _EMAIL.values()]
    assert not any(value in kept for value in (*_EMAIL.values(), *sealed))


async def test_secret_of_a_channel_goes_with_it(door: Door, outside: "asyncpg.Connection[Any]") -> None:
    for body in (_EMAIL, {**_EMAIL, "password": "another"}):
        await _put(door, "email", body)
    count = "SELECT count(*) FROM secrets WHERE tenant_id = $1 AND purpose = 'notification_channel'"
    kept = await outside.fetchval(count, door.tenant_id)
    await door.send("DELETE", f"{_PATH}/email", status=204)

    assert (kept, await outside.fetchval(count, door.tenant_id)) == (1, 0)


async def test_key_pair_stays_until_the_channel_is_removed(door: Door) -> None:
    first = await _put(door, "push", {"subject": "mailto:a@fade.example"})
    second = await _put(door, "push", {"subject": "mailto:b@fade.example"})
    await door.send("DELETE", f"{_PATH}/push", status=204)
    third = await _put(door, "push", {"subject": "mailto:b@fade.example"})

    keys = [one["settings"]["public_key"] for one in (first, second, third)]
    assert keys[0] == keys[1] != keys[2]
    assert second["settings"]["subject"] == "mailto:b@fade.example"


async def test_secret_of_an_endpoint_is_shown_once(door: Door) -> None:
    first = await _put(door, "http", {"url": "https://messages.fade.example/"})
    second = await _put(door, "http", {"url": "https://messages.fade.example/"})

    assert first["secret"] != second["secret"]
    assert all(one["secret"].startswith("whsec_") for one in (first, second))


async def test_own_server_wins_and_mails_come_from_the_business(door: Door, channels: Channels, mails: _Kept) -> None:
    async with mail_server() as server:
        body = {"url": f"smtp://127.0.0.1:{server.port}", "sender": "hello@fade.example"}
        await _put(door, "email", body)
        channel = await channels.mail(door.tenant_id)
        await channel.send(_MAIL)
        channels.close()

    (mail,) = server.mails
    assert mail["From"] == "Holdfast <hello@fade.example>"
    assert mails.messages == []


async def test_business_without_a_channel_sends_by_that_of_the_engine(
    door: Door, channels: Channels, mails: _Kept
) -> None:
    await (await channels.mail(door.tenant_id)).send(_MAIL)

    assert mails.messages == [_MAIL]


@pytest.mark.parametrize("name", [ChannelName.PUSH, ChannelName.HTTP])
async def test_channel_that_nobody_shares_is_told(door: Door, channels: Channels, name: ChannelName) -> None:
    channel = await channels.for_business(door.tenant_id, name)
    with pytest.raises(SendFailed, match=f"{_PATH}/{name.value}") as failed:
        await channel.send(_MAIL)

    assert failed.value.fault is SendFault.NO_CHANNEL


async def test_channel_of_one_business_is_none_of_another(
    door: Door, channels: Channels, mails: _Kept, database_url: str, redis_url: str
) -> None:
    async with open_door(database_url, redis_url) as other, mail_server() as server:
        await _put(other, "email", {"url": f"smtp://127.0.0.1:{server.port}"})
        await (await channels.mail(TenantId(door.tenant_id))).send(_MAIL)

    assert (server.mails, mails.messages) == ([], [_MAIL])


async def test_text_messages_go_by_the_account_of_the_business(door: Door, channels: Channels) -> None:
    body = {"account": "AC1", "token": "t", "from": "+15551234567", "base_url": "http://127.0.0.1:1024"}
    await _put(door, "sms", body)
    channel = await channels.text_messages(door.tenant_id)

    with pytest.raises(SendFailed) as failed:
        await channel.send(TextMessage(id="ntf_1", to="+15557654321", text="Hello"))
    assert failed.value.fault is SendFault.NO_ANSWER
