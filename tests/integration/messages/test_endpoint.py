"""Messages that an endpoint of a business carries on: signed, and taken by any 2xx."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Any, Final

import pytest
from standardwebhooks.webhooks import Webhook

from messages.channels.endpoint import MOST_BYTES, EndpointChannel
from messages.model import HttpMessage, SendFailed, SendFault
from outbound.client import OutboundClient
from outbound.signing import new_secret, secret_text
from outbound.targets import read_target
from tests.support.engine import FixedClock
from tests.support.peers import answering, running_peer

_SECRET: Final = new_secret()


@pytest.fixture
async def client() -> AsyncIterator[OutboundClient]:
    opened = OutboundClient([ip_network("127.0.0.0/8")], total_seconds=5)
    yield opened
    await opened.aclose()


def _channel(client: OutboundClient, port: int) -> EndpointChannel:
    target = read_target(f"http://127.0.0.1:{port}/messages")
    return EndpointChannel(client, target, secret=_SECRET, clock=FixedClock(datetime.now(UTC)))


def _message(**more: Any) -> HttpMessage:
    given: dict[str, Any] = {
        "id": "ntf_1",
        "to": {"phone": "+972501234567"},
        "subject": "Tomorrow",
        "text": "מחר",
        "data": {"appointment": "apt_1"},
        **more,
    }
    return HttpMessage(**given)


async def test_endpoint_verifies_what_it_is_sent(client: OutboundClient) -> None:
    async with running_peer(answering(204)) as peer:
        await _channel(client, peer.port).send(_message())

    (request,) = peer.requests
    assert Webhook(secret_text(_SECRET)).verify(request.body, request.headers) == {
        "id": "ntf_1",
        "to": {"phone": "+972501234567"},
        "subject": "Tomorrow",
        "text": "מחר",
        "data": {"appointment": "apt_1"},
    }
    assert request.headers["webhook-id"] == "ntf_1"


@pytest.mark.parametrize(
    ("status", "headers", "fault", "seconds"),
    [
        (400, {}, SendFault.REFUSED, None),
        (410, {}, SendFault.REFUSED, None),
        (401, {}, SendFault.LOGIN, None),
        (429, {"retry_after": "30"}, SendFault.DEFERRED, 30),
        (503, {}, SendFault.DEFERRED, None),
        (302, {"location": "http://127.0.0.1/"}, SendFault.DEFERRED, None),
    ],
)
async def test_answer_says_whether_to_try_again(
    client: OutboundClient, status: int, headers: dict[str, str], fault: SendFault, seconds: float | None
) -> None:
    async with running_peer(answering(status, b"", **headers)) as peer:
        with pytest.raises(SendFailed) as failed:
            await _channel(client, peer.port).send(_message())

    assert (failed.value.fault, failed.value.retry_seconds) == (fault, seconds)
    assert len(peer.requests) == 1


async def test_message_that_is_too_long_is_not_sent(client: OutboundClient) -> None:
    async with running_peer(answering()) as peer:
        with pytest.raises(SendFailed):
            await _channel(client, peer.port).send(_message(text="x" * MOST_BYTES))

    assert peer.requests == []
