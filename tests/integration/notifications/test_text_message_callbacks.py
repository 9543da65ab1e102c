"""Callbacks of a service for text messages: signed ones are heard, and STOP is answered once and for good."""

import base64
import hashlib
import hmac
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final
from uuid import uuid4

import httpx
import pytest

from kernel.operation import by_system
from messages.model import ChannelName
from notifications.suppressions.model import SuppressionReason
from notifications.suppressions.repository import SuppressionRepository
from persistence.unit_of_work import UnitOfWork
from tests.support.door import Door, open_door
from tests.support.text_message_service import ACCOUNT, TOKEN

_NUMBER: Final = "+972501234567"
_EMPTY: Final = '<?xml version="1.0" encoding="UTF-8"?><Response></Response>'


def _signature(token: str, url: str, fields: dict[str, str]) -> str:
    """Sign as the service publishes it."""
    signed = url + "".join(name + fields[name] for name in sorted(fields))
    return base64.b64encode(hmac.new(token.encode(), signed.encode(), hashlib.sha1).digest()).decode()


@dataclass(frozen=True)
class Service:
    """The service of one business."""

    door: Door

    async def post(self, *, business: object = None, token: str = TOKEN, **fields: str) -> httpx.Response:
        """Send a callback."""
        path = f"/v1/notification-callbacks/sms/{business or self.door.tenant_id}"
        url = f"{self.door.context.settings.link_base}{path}"
        headers = {"X-Twilio-Signature": _signature(token, url, fields)}
        return await self.door.http.post(path, data=fields, headers=headers)

    async def say(self, body: str, **more: str) -> str:
        """Let the number say something; the text of the answer."""
        response = await self.post(From=_NUMBER, To="+15551234567", MessageSid="SM1", Body=body, **more)
        assert response.status_code == 200, response.text
        assert response.headers["content-type"].startswith("text/xml")
        return response.text

    async def is_suppressed(self, number: str = _NUMBER) -> bool:
        """Tell whether the number is written to no more."""
        async with UnitOfWork(self.door.context.engine).begin(by_system(self.door.tenant_id, "tested")) as tx:
            return await SuppressionRepository(tx.connection, tx.tenant_id).is_suppressed(ChannelName.SMS, number)


@pytest.fixture
async def service(database_url: str, redis_url: str) -> AsyncIterator[Service]:
    async with open_door(database_url, redis_url) as door:
        await door.set_up("barbershop")
        body = {"account": ACCOUNT, "token": TOKEN, "from": "+15551234567"}
        await door.send("PUT", "/v1/notification-channels/sms", json=body, status=200)
        yield Service(door)


@pytest.mark.parametrize(("stop", "start"), [("STOP", "start"), ("הסר!", "התחל"), ("إيقاف", "ابدأ")])
async def test_stop_is_answered_once_and_start_reopens(service: Service, stop: str, start: str) -> None:
    """N12."""
    answers = [await service.say(stop), await service.say(stop), await service.say("STOP")]
    stopped = await service.is_suppressed()
    reopened = [await service.say(start), await service.say(start)]

    assert ["<Message>" in answer for answer in answers] == [True, False, False]
    assert "Fade &amp; Co" in answers[0]
    assert stopped
    assert ["<Message>" in answer for answer in reopened] == [True, False]
    assert not await service.is_suppressed()


async def test_wish_that_the_service_has_read_is_not_answered_again(service: Service) -> None:
    stop = await service.say("Bitte Schluss", OptOutType="STOP")
    stopped = await service.is_suppressed()
    start = await service.say("START", OptOutType="START")

    assert (stop, stopped, start) == (_EMPTY, True, _EMPTY)
    assert not await service.is_suppressed()


async def test_other_messages_change_nothing(service: Service) -> None:
    assert await service.say("please don't stop by tomorrow") == _EMPTY
    assert await service.say("HELP", OptOutType="HELP") == _EMPTY
    assert not await service.is_suppressed()


async def test_start_does_not_revive_a_number_that_is_none(service: Service) -> None:
    async with UnitOfWork(service.door.context.engine).begin(by_system(service.door.tenant_id, "tested")) as tx:
        suppressions = SuppressionRepository(tx.connection, tx.tenant_id)
        await suppressions.add(ChannelName.SMS, _NUMBER, SuppressionReason.BOUNCED)

    assert await service.say("START") == _EMPTY
    assert await service.is_suppressed()


@pytest.mark.parametrize("error", ["21610", "30003"])
async def test_receiver_who_has_told_the_service_to_stop_is_suppressed(service: Service, error: str) -> None:
    response = await service.post(MessageSid="SM1", MessageStatus="failed", ErrorCode=error, To=_NUMBER)

    assert (response.status_code, response.text) == (200, _EMPTY)
    assert await service.is_suppressed() == (error == "21610")


@pytest.mark.parametrize("status", ["sent", "delivered", "read", ""])
async def test_status_of_an_unknown_message_is_passed_over(service: Service, status: str) -> None:
    response = await service.post(MessageSid="SM404", MessageStatus=status)

    assert response.status_code == 200


async def test_callback_that_is_not_signed_by_the_account_is_refused(
    service: Service, database_url: str, redis_url: str
) -> None:
    fields = {"From": _NUMBER, "Body": "STOP"}
    path = f"/v1/notification-callbacks/sms/{service.door.tenant_id}"
    refused = [
        await service.post(token="another", **fields),
        await service.door.http.post(path, data=fields),
        await service.door.http.post(path, data=fields, headers={b"X-Twilio-Signature": b"\xe9"}),
        await service.post(business=uuid4(), **fields),
    ]
    async with open_door(database_url, redis_url) as other:
        refused.append(await service.post(business=other.tenant_id, **fields))

    assert [response.status_code for response in refused] == [403] * 5
    assert len({response.json()["detail"] for response in refused}) == 1
    assert not await service.is_suppressed()


@pytest.mark.parametrize("content", [b"\xff=1", b"no form"])
async def test_body_that_is_no_form_is_invalid(service: Service, content: bytes) -> None:
    path = f"/v1/notification-callbacks/sms/{service.door.tenant_id}"
    response = await service.door.http.post(path, content=content)

    assert response.status_code == 422
