"""A service for text messages as Twilio publishes it: accounts, messages, refusals, and numbers that have said STOP."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs

import orjson

from tests.support.peers import Peer, PeerRequest, running_peer

ACCOUNT = "AC0123456789abcdef0123456789abcdef"
TOKEN = "0123456789abcdef0123456789abcdef"


@dataclass(eq=False)
class TextMessageService:
    """The messages that were taken, and what the service does with the next ones."""

    peer: Peer
    messages: list[dict[str, str]] = field(default_factory=list)
    tries: int = 0
    stopped: set[str] = field(default_factory=set)
    invalid: set[str] = field(default_factory=set)
    raw: bytes | None = None
    """An answer in place of the service's own; empty: it ends the connection."""

    @property
    def url(self) -> str:
        """Where its API is."""
        return f"http://127.0.0.1:{self.peer.port}"

    async def respond(self, request: PeerRequest, writer: asyncio.StreamWriter) -> None:
        """Answer as the service does."""
        self.tries += 1
        if self.raw is not None:
            writer.write(self.raw)
            if not self.raw:
                writer.close()
            return
        status, body = self._judged(request)
        content = orjson.dumps(body)
        head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n"
        writer.write(head.encode() + content)

    def _judged(self, request: PeerRequest) -> tuple[int, object]:
        expected = base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {expected}":
            return 401, {"code": 20003, "message": "Authenticate", "status": 401}
        if request.line != f"POST /2010-04-01/Accounts/{ACCOUNT}/Messages.json HTTP/1.1":
            return 404, {"code": 20404, "message": "Not found", "status": 404}
        fields = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        if "To" not in fields or "Body" not in fields or not {"From", "MessagingServiceSid"} & fields.keys():
            return 400, {"code": 21604, "message": "A parameter is missing", "status": 400}
        if fields["To"] in self.stopped:
            return 400, {"code": 21610, "message": f"Recipient {fields['To']} has opted out", "status": 400}
        if fields["To"] in self.invalid:
            return 400, {"code": 21211, "message": f"{fields['To']} is not a valid number", "status": 400}
        self.messages.append(fields)
        sid = f"SM{len(self.messages):032x}"
        return 201, {"sid": sid, "status": "queued", "error_code": None, "to": fields["To"]}


@asynccontextmanager
async def text_message_service() -> AsyncIterator[TextMessageService]:
    """Serve while the block runs."""
    services: list[TextMessageService] = []

    async def respond(request: PeerRequest, writer: asyncio.StreamWriter) -> None:
        await services[0].respond(request, writer)

    async with running_peer(respond) as peer:
        services.append(TextMessageService(peer))
        yield services[0]
