"""Channel that hands messages to an endpoint of the business, which carries them on."""

from typing import Final

import orjson

from kernel.clock import Clock
from messages.channels.http_answers import is_taken, post, refusal
from messages.model import HttpMessage, SendFailed, SendFault, Sent
from outbound.client import OutboundClient
from outbound.signing import signed_headers
from outbound.targets import Target

MOST_BYTES: Final = 100_000
_SERVICE: Final = "The endpoint"


class EndpointChannel:
    """Posts each message, signed as webhooks are (Standard Webhooks). Any 2xx is a receipt."""

    def __init__(self, client: OutboundClient, target: Target, *, secret: bytes, clock: Clock) -> None:
        self._client = client
        self._target = target
        self._secret = secret
        self._clock = clock

    async def send(self, message: HttpMessage) -> Sent:
        """Hand the message over. Raises SendFailed."""
        body = orjson.dumps(
            {
                "id": message.id,
                "to": dict(message.to),
                "subject": message.subject,
                "text": message.text,
                "data": dict(message.data),
            }
        )
        if len(body) > MOST_BYTES:
            raise SendFailed(SendFault.REFUSED, f"The message has more than {MOST_BYTES} bytes.")
        timestamp = int(self._clock.now().timestamp())
        signed = signed_headers([self._secret], message.id, timestamp, body)
        headers = {"Content-Type": "application/json", **signed}
        answer = await post(self._client, self._target, headers=headers, body=body, service=_SERVICE)
        if not is_taken(answer):
            raise refusal(answer, _SERVICE)
        return Sent(message.id)
