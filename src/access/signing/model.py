"""Keys that sign tokens."""

from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kernel.ids import SigningKeyId

ALGORITHM: Final = "EdDSA"


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """A key that signs tokens."""

    id: SigningKeyId
    private_key: Ed25519PrivateKey
