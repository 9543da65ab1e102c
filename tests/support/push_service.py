"""A push service and its browsers, after RFC 8030, 8291 and 8292: what is pushed is opened as a browser opens it."""

import asyncio
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.utils import base64url_decode, base64url_encode

from tests.support.peers import Peer, PeerRequest, running_peer


def _extract(salt: bytes, secret: bytes) -> bytes:
    return hmac.digest(salt, secret, "sha256")


def _expand(key: bytes, info: bytes, length: int) -> bytes:
    return hmac.digest(key, info + b"\x01", "sha256")[:length]


@dataclass(eq=False)
class Browser:
    """A subscription, with the keys that stay in the browser."""

    path: str
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    auth: bytes = b"0123456789abcdef"

    @property
    def point(self) -> bytes:
        """Its public key."""
        return self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    @property
    def keys(self) -> dict[str, str]:
        """The keys as the browser gives them away."""
        return {"p256dh": base64url_encode(self.point).decode(), "auth": base64url_encode(self.auth).decode()}

    def open(self, body: bytes) -> bytes:
        """Open a message of one record. Raises InvalidTag."""
        salt, size, id_length = body[:16], int.from_bytes(body[16:20], "big"), body[20]
        sender, record = body[21 : 21 + id_length], body[21 + id_length :]
        assert len(record) <= size
        shared = self.key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender))
        secret = _expand(_extract(self.auth, shared), b"WebPush: info\x00" + self.point + sender, 32)
        extracted = _extract(salt, secret)
        key = _expand(extracted, b"Content-Encoding: aes128gcm\x00", 16)
        nonce = _expand(extracted, b"Content-Encoding: nonce\x00", 12)
        content = AESGCM(key).decrypt(nonce, record, None).rstrip(b"\x00")
        assert content.endswith(b"\x02")
        return content[:-1]


@dataclass(eq=False)
class PushService:
    """What browsers were shown, and how the service answers."""

    peer: Peer
    public_key: str = ""
    """The key that subscriptions were made with."""
    browsers: dict[str, Browser] = field(default_factory=dict)
    shown: list[Any] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    raw: bytes | None = None

    @property
    def origin(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.peer.port}"

    def subscribe(self, name: str) -> Browser:
        """Let a browser subscribe."""
        return self.browsers.setdefault(f"/push/{name}", Browser(f"/push/{name}"))

    async def respond(self, request: PeerRequest, writer: asyncio.StreamWriter) -> None:
        """Answer as a service does."""
        if self.raw is not None:
            writer.write(self.raw)
            if not self.raw:
                writer.close()
            return
        writer.write(f"HTTP/1.1 {self._judged(request)} X\r\ncontent-length: 0\r\n\r\n".encode())

    def _judged(self, request: PeerRequest) -> int:
        browser = self.browsers.get(request.line.split()[1])
        if browser is None:
            return 410
        headers = request.headers
        if "ttl" not in headers or headers.get("content-encoding") != "aes128gcm":
            return 400
        if len(request.body) > 4096:
            return 413
        scheme, _, parameters = headers.get("authorization", "").partition(" ")
        given = dict(one.strip().split("=", 1) for one in parameters.split(","))
        if scheme != "vapid" or given["k"] != self.public_key:
            return 403
        point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), base64url_decode(given["k"]))
        options = {"verify_exp": False, "require": ["aud", "exp", "sub"]}
        jwt.decode(given["t"], point, algorithms=["ES256"], audience=self.origin, options=options)  # type: ignore[arg-type]
        self.shown.append(orjson.loads(browser.open(request.body)))
        self.headers.append(headers)
        return 201


@asynccontextmanager
async def push_service() -> AsyncIterator[PushService]:
    """Serve while the block runs."""
    services: list[PushService] = []

    async def respond(request: PeerRequest, writer: asyncio.StreamWriter) -> None:
        await services[0].respond(request, writer)

    async with running_peer(respond) as peer:
        services.append(PushService(peer))
        yield services[0]
