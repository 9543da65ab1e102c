"""Key pairs of P-256, by which push services know whoever sends (RFC 8292)."""

import base64
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

CURVE: Final = ec.SECP256R1()
_SCALAR_BYTES: Final = 32


def new_key_pair() -> tuple[str, str]:
    """A fresh public key and its private key, both in base64url."""
    private = ec.generate_private_key(CURVE)
    scalar = private.private_numbers().private_value.to_bytes(_SCALAR_BYTES, "big")
    return to_base64url(point_of(private.public_key())), to_base64url(scalar)


def read_private_key(text: str) -> ec.EllipticCurvePrivateKey:
    """Read a private key that new_key_pair has made."""
    return ec.derive_private_key(int.from_bytes(from_base64url(text), "big"), CURVE)


def point_of(key: ec.EllipticCurvePublicKey) -> bytes:
    """The uncompressed point of a public key, 65 bytes."""
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def to_base64url(data: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def from_base64url(text: str) -> bytes:
    """Read base64url, with or without padding. Raises ValueError."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
