"""Text messages by a service in the form of Twilio: what it is sent, and what becomes of a message by its answer."""

from collections.abc import AsyncIterator
from ipaddress import ip_network
from typing import Final

import pytest

from messages.channels.text_messages import HttpTextMessages, TextMessageAccount
from messages.model import SendFailed, SendFault, TextMessage
from outbound.client import OutboundClient
from tests.support.text_message_service import ACCOUNT, TOKEN, TextMessageService, text_message_service

_TO: Final = "+972501234567"


@pytest.fixture
async def service() -> AsyncIterator[TextMessageService]:
    async with text_message_service() as running:
        yield running


@pytest.fixture
async def client() -> AsyncIterator[OutboundClient]:
    opened = OutboundClient([ip_network("127.0.0.0/8")], total_seconds=0.5)
    yield opened
    await opened.aclose()


def _channel(client: OutboundClient, service: TextMessageService, token: str = TOKEN) -> HttpTextMessages:
    account = TextMessageAccount.of(
        base=service.url, user=ACCOUNT, token=token, from_="+15551234567", messaging_service=None
    )
    return HttpTextMessages(client, account)


async def _failure(channel: HttpTextMessages) -> SendFailed:
    with pytest.raises(SendFailed) as failed:
        await channel.send(TextMessage(id="ntf_1", to=_TO, text="Hello"))
    assert _TO not in failed.value.reason
    return failed.value


async def test_message_is_taken_under_the_name_of_the_service(
    client: OutboundClient, service: TextMessageService
) -> None:
    status_url = "https://book.example/v1/notification-callbacks/sms/x"
    sent = await _channel(client, service).send(
        TextMessage(id="ntf_1", to=_TO, text="תור מחר + 10:00 & more", status_url=status_url)
    )

    assert sent.reference == "SM00000000000000000000000000000001"
    assert service.messages == [
        {"To": _TO, "From": "+15551234567", "Body": "תור מחר + 10:00 & more", "StatusCallback": status_url}
    ]


async def test_receiver_who_has_said_stop_is_gone(client: OutboundClient, service: TextMessageService) -> None:
    service.stopped.add(_TO)
    failure = await _failure(_channel(client, service))

    assert (failure.fault, failure.is_final, service.messages) == (SendFault.GONE, True, [])


async def test_number_that_is_none_is_refused(client: OutboundClient, service: TextMessageService) -> None:
    service.invalid.add(_TO)
    failure = await _failure(_channel(client, service))

    assert (failure.fault, failure.is_final) == (SendFault.REFUSED, True)


async def test_wrong_token_is_told(client: OutboundClient, service: TextMessageService) -> None:
    failure = await _failure(_channel(client, service, token="another"))

    assert failure.fault is SendFault.LOGIN


@pytest.mark.parametrize(
    ("raw", "fault", "seconds"),
    [
        (b"HTTP/1.1 429 X\r\nretry-after: 12\r\ncontent-length: 0\r\n\r\n", SendFault.DEFERRED, 12),
        (b"HTTP/1.1 500 X\r\ncontent-length: 9\r\n\r\n<b>no</b>", SendFault.DEFERRED, None),
        (b"HTTP/1.1 400 X\r\ncontent-length: 7\r\n\r\n[21610]", SendFault.REFUSED, None),
        (b'HTTP/1.1 400 X\r\ncontent-length: 9\r\n\r\n{"code": ', SendFault.REFUSED, None),
        (b"HTTP/1.1 201 X\r\ncontent-length: 99\r\n\r\n{", SendFault.TIMEOUT, None),
        (b"HTTP/1.1 ", SendFault.TIMEOUT, None),
        (b"SMTP?\r\n\r\n", SendFault.NO_ANSWER, None),
        (b"", SendFault.NO_ANSWER, None),
    ],
)
async def test_service_that_misbehaves_costs_an_attempt(
    client: OutboundClient, service: TextMessageService, raw: bytes, fault: SendFault, seconds: float | None
) -> None:
    service.raw = raw
    failure = await _failure(_channel(client, service))

    assert (failure.fault, failure.retry_seconds) == (fault, seconds)


@pytest.mark.parametrize("body", [b"", b"queued", b"[]", b'{"sid": 7}', b'{"sid": "' + b"S" * 65 + b'"}'])
async def test_message_that_was_taken_without_a_name_is_not_sent_again(
    client: OutboundClient, service: TextMessageService, body: bytes
) -> None:
    service.raw = f"HTTP/1.1 201 X\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body
    sent = await _channel(client, service).send(TextMessage(id="ntf_1", to=_TO, text="Hello"))

    assert sent.reference is None
