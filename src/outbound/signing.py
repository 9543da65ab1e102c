"""Signatures of messages to endpoints of businesses, after Standard Webhooks 1.0.0."""

import base64
import hmac
import os
from collections.abc import Iterable, Mapping
from typing import Final

PREFIX: Final = "whsec_"
_SECRET_BYTES: Final = 32


def new_secret() -> bytes:
    """A fresh signing secret."""
    return os.urandom(_SECRET_BYTES)


def secret_text(secret: bytes) -> str:
    """The secret as its owner gets it: `whsec_…`."""
    return PREFIX + base64.b64encode(secret).decode()


def read_secret(text: str) -> bytes:
    """Read a secret as its owner got it, with or without its prefix. Raises ValueError."""
    return base64.b64decode(text.removeprefix(PREFIX), validate=True)


def signed_headers(secrets: Iterable[bytes], message_id: str, timestamp: int, body: bytes) -> Mapping[str, str]:
    """Sign a message with each secret: during a rotation, the old one and the new one.

    `timestamp` is that of this attempt, in seconds since 1970.
    """
    content = b".".join([message_id.encode(), str(timestamp).encode(), body])
    signatures = [base64.b64encode(hmac.digest(secret, content, "sha256")).decode() for secret in secrets]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
