"""Signatures of callbacks in the form of Twilio."""

import base64
import hmac
from collections.abc import Mapping


def signature_of(token: str, url: str, fields: Mapping[str, str]) -> str:
    """Sign a callback: the URL as the service was given it, then each name with its value, in the order of names."""
    signed = url + "".join(f"{name}{value}" for name, value in sorted(fields.items()))
    return base64.b64encode(hmac.digest(token.encode(), signed.encode(), "sha1")).decode()


def is_signed(signature: str, token: str, url: str, fields: Mapping[str, str]) -> bool:
    """True if whoever sent the callback has the token."""
    return hmac.compare_digest(signature.encode(), signature_of(token, url, fields).encode())
