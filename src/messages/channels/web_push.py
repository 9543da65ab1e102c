"""Channel of messages to browsers: sealed for one of them (RFC 8291), by a sender whom its service knows (RFC 8292)."""

import base64
import hashlib
import os
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from typing import Final

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from kernel.clock import Clock
from messages.channels.http_answers import is_taken, post, refusal
from messages.channels.web_push_keys import CURVE, from_base64url, point_of, read_private_key
from messages.model import PushMessage, SendFailed, SendFault, Sent
from outbound.client import OutboundClient
from outbound.targets import Target, read_target

MOST_BYTES: Final = 3_993
"""Bytes that a message may have before it is sealed: services take 4,096 of the sealed one."""
AUTH_BYTES: Final = 16
_TOKEN_LASTS: Final = timedelta(hours=12)
_SALT_BYTES: Final = 16
_KEY_BYTES: Final = 16
_NONCE_BYTES: Final = 12
_SECRET_BYTES: Final = 32
_RECORD_BYTES: Final = 4096
# A record that is the last one ends so.
_LAST: Final = b"\x02"
_TOPIC_CHARACTERS: Final = 32
_SERVICE: Final = "The push service"


@dataclass(frozen=True, slots=True, kw_only=True)
class PushSender:
    """The business as push services know it."""

    subject: str
    public_key: str
    private_key: str = field(repr=False)


class WebPushChannel:
    """Hands each message to the service of its browser, sealed, so that the service reads nothing of it."""

    def __init__(self, client: OutboundClient, sender: PushSender, clock: Clock) -> None:
        self._client = client
        self._sender = sender
        self._signing_key = read_private_key(sender.private_key)
        self._clock = clock

    async def send(self, message: PushMessage) -> Sent:
        """Hand the message over. Raises SendFailed: GONE for a browser that has unsubscribed."""
        content = orjson.dumps({"id": message.id, "title": message.title, "body": message.body, "url": message.url})
        if len(content) > MOST_BYTES:
            raise SendFailed(SendFault.REFUSED, f"The message has more than {MOST_BYTES} bytes.")
        try:
            target = read_target(message.endpoint)
            public_key, auth = from_base64url(message.public_key), from_base64url(message.auth_secret)
            body = seal(content, public_key=public_key, auth=auth)
        except ValueError:
            raise SendFailed(SendFault.REFUSED, "The subscription of the browser is malformed.") from None
        headers = {
            "TTL": str(message.expires_in_seconds),
            "Urgency": "normal",
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "Authorization": f"vapid t={self._token(target)}, k={self._sender.public_key}",
        }
        if message.topic is not None:
            headers["Topic"] = _topic(message.topic)
        answer = await post(self._client, target, headers=headers, body=body, service=_SERVICE)
        if answer.status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
            raise SendFailed(SendFault.GONE, f"The browser has unsubscribed ({answer.status}).")
        if answer.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            # Of another key than the one it was made with: no later attempt goes better.
            raise SendFailed(SendFault.REFUSED, f"The push service refuses the key of the business ({answer.status}).")
        if not is_taken(answer):
            raise refusal(answer, _SERVICE)
        return Sent(message.id)

    def _token(self, target: Target) -> str:
        """Sign for one service, and for some hours, that the business sends."""
        claims = {
            "aud": f"{target.scheme}://{target.authority}",
            "exp": int((self._clock.now() + _TOKEN_LASTS).timestamp()),
            "sub": self._sender.subject,
        }
        return jwt.encode(claims, self._signing_key, algorithm="ES256")


def seal(
    content: bytes,
    *,
    public_key: bytes,
    auth: bytes,
    salt: bytes | None = None,
    key: ec.EllipticCurvePrivateKey | None = None,
) -> bytes:
    """Seal a message for a browser, in one record of aes128gcm (RFC 8188). Raises ValueError.

    `salt` and `key` are fresh but in a test.
    """
    if len(auth) != AUTH_BYTES:
        message = f"auth has {AUTH_BYTES} bytes"
        raise ValueError(message)
    browser = ec.EllipticCurvePublicKey.from_encoded_point(CURVE, public_key)
    salt, key = salt or os.urandom(_SALT_BYTES), key or ec.generate_private_key(CURVE)
    sender_point = point_of(key.public_key())
    shared = key.exchange(ec.ECDH(), browser)
    secret = _derived(shared, auth, b"WebPush: info\x00" + public_key + sender_point, _SECRET_BYTES)
    content_key = _derived(secret, salt, b"Content-Encoding: aes128gcm\x00", _KEY_BYTES)
    nonce = _derived(secret, salt, b"Content-Encoding: nonce\x00", _NONCE_BYTES)
    header = salt + _RECORD_BYTES.to_bytes(4, "big") + len(sender_point).to_bytes(1, "big") + sender_point
    return header + AESGCM(content_key).encrypt(nonce, content + _LAST, None)


def _derived(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=salt, info=info).derive(secret)


def _topic(topic: str) -> str:
    """A name that tells the service nothing, in the characters and the length that it takes."""
    return base64.urlsafe_b64encode(hashlib.sha256(topic.encode()).digest()).decode()[:_TOPIC_CHARACTERS]
