"""Messages to browsers: sealed as RFC 8291 has it, signed as RFC 8292 has it, and what a service answers."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Any, Final

import pytest

from messages.channels.http_answers import MOST_RETRY_SECONDS
from messages.channels.web_push import MOST_BYTES, PushSender, WebPushChannel, seal
from messages.channels.web_push_keys import from_base64url, new_key_pair, read_private_key, to_base64url
from messages.model import PushMessage, SendFailed, SendFault
from outbound.client import OutboundClient
from tests.support.engine import FixedClock
from tests.support.push_service import Browser, PushService, push_service

_NOW: Final = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)


@pytest.fixture
async def service() -> AsyncIterator[PushService]:
    async with push_service() as running:
        yield running


@pytest.fixture
async def channel(service: PushService) -> AsyncIterator[WebPushChannel]:
    public_key, private_key = new_key_pair()
    service.public_key = public_key
    sender = PushSender(subject="mailto:hello@fade.example", public_key=public_key, private_key=private_key)
    client = OutboundClient([ip_network("127.0.0.0/8")], total_seconds=5)
    yield WebPushChannel(client, sender, FixedClock(_NOW))
    await client.aclose()


def _message(service: PushService, browser: Browser, **more: Any) -> PushMessage:
    keys = browser.keys
    given: dict[str, Any] = {
        "id": "ntf_1",
        "endpoint": f"{service.origin}{browser.path}",
        "public_key": keys["p256dh"],
        "auth_secret": keys["auth"],
        "title": "מחר ב-10:00",
        "body": "Haircut",
        "url": "https://book.example/a/x",
        "expires_in_seconds": 3600,
        **more,
    }
    return PushMessage(**given)


async def _failure(channel: WebPushChannel, message: PushMessage) -> SendFailed:
    with pytest.raises(SendFailed) as failed:
        await channel.send(message)
    assert "127.0.0.1" not in failed.value.reason
    return failed.value


def test_message_is_sealed_as_the_example_of_rfc_8291_is() -> None:
    """Appendix A: the same keys and salt make the same bytes."""
    sealed = seal(
        b"When I grow up, I want to be a watermelon",
        public_key=from_base64url(
            "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
        ),
        auth=from_base64url("BTBZMqHH6r4Tts7J_aSIgg"),
        salt=from_base64url("DGv6ra1nlYgDCS1FRnbzlw"),
        key=read_private_key("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"),
    )

    assert to_base64url(sealed) == (
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl"
        "7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
    )


async def test_browser_shows_what_was_sent(service: PushService, channel: WebPushChannel) -> None:
    await channel.send(_message(service, service.subscribe("a"), topic="apt_1 reminder"))
    await channel.send(_message(service, service.subscribe("a"), topic="apt_1 reminder"))

    shown = {"id": "ntf_1", "title": "מחר ב-10:00", "body": "Haircut", "url": "https://book.example/a/x"}
    assert service.shown == [shown, shown]
    assert service.headers[0]["ttl"] == "3600"
    topics = {one["topic"] for one in service.headers}
    assert len(topics) == 1
    assert len(topics.pop()) == 32


async def test_longest_message_is_taken_and_a_longer_one_is_not_sent(
    service: PushService, channel: WebPushChannel
) -> None:
    browser = service.subscribe("a")
    rest = len('{"id":"ntf_1","title":"","body":"","url":"https://book.example/a/x"}')
    await channel.send(_message(service, browser, title="", body="x" * (MOST_BYTES - rest)))
    failure = await _failure(channel, _message(service, browser, title="", body="x" * (MOST_BYTES - rest + 1)))

    assert (len(service.shown), failure.fault) == (1, SendFault.REFUSED)


async def test_browser_that_has_unsubscribed_is_gone(service: PushService, channel: WebPushChannel) -> None:
    failure = await _failure(channel, _message(service, Browser("/push/gone")))

    assert failure.fault is SendFault.GONE


async def test_subscription_of_another_key_is_refused_for_good(service: PushService, channel: WebPushChannel) -> None:
    service.public_key = new_key_pair()[0]
    failure = await _failure(channel, _message(service, service.subscribe("a")))

    assert (failure.fault, failure.is_final) == (SendFault.REFUSED, True)


@pytest.mark.parametrize(
    "more", [{"public_key": "AAAA"}, {"auth_secret": "AAAA"}, {"public_key": "é"}, {"endpoint": "ftp://push.example/"}]
)
async def test_malformed_subscription_is_refused(
    service: PushService, channel: WebPushChannel, more: dict[str, str]
) -> None:
    failure = await _failure(channel, _message(service, service.subscribe("a"), **more))

    assert failure.fault is SendFault.REFUSED
    assert service.shown == []


@pytest.mark.parametrize(
    ("raw", "fault", "seconds"),
    [
        (b"HTTP/1.1 404 X\r\ncontent-length: 0\r\n\r\n", SendFault.GONE, None),
        (b"HTTP/1.1 400 X\r\ncontent-length: 0\r\n\r\n", SendFault.REFUSED, None),
        (b"HTTP/1.1 413 X\r\ncontent-length: 0\r\n\r\n", SendFault.REFUSED, None),
        (b"HTTP/1.1 429 X\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n", SendFault.DEFERRED, 7),
        (b"HTTP/1.1 429 X\r\nretry-after: 99999\r\ncontent-length: 0\r\n\r\n", SendFault.DEFERRED, MOST_RETRY_SECONDS),
        (b"HTTP/1.1 503 X\r\nretry-after: soon\r\ncontent-length: 0\r\n\r\n", SendFault.DEFERRED, None),
        (b"HTTP/1.1 302 X\r\nlocation: http://127.0.0.1/\r\ncontent-length: 0\r\n\r\n", SendFault.DEFERRED, None),
        (b"not HTTP at all\r\n\r\n", SendFault.NO_ANSWER, None),
        (b"", SendFault.NO_ANSWER, None),
    ],
)
async def test_service_that_does_not_take_it_says_whether_to_try_again(
    service: PushService, channel: WebPushChannel, raw: bytes, fault: SendFault, seconds: float | None
) -> None:
    service.raw = raw
    failure = await _failure(channel, _message(service, service.subscribe("a")))

    assert (failure.fault, failure.retry_seconds) == (fault, seconds)


async def test_endpoint_inside_the_network_is_not_reached(service: PushService) -> None:
    public_key, private_key = new_key_pair()
    client = OutboundClient()
    sender = PushSender(subject="mailto:a@fade.example", public_key=public_key, private_key=private_key)
    with pytest.raises(SendFailed, match="HOLDFAST_OUTBOUND_ALLOW"):
        await WebPushChannel(client, sender, FixedClock(_NOW)).send(_message(service, service.subscribe("a")))
    await client.aclose()

    assert service.peer.connections == 0
