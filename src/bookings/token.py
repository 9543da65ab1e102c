"""Tokens that open one appointment to its customer; they are signed, not stored."""

import base64
import hmac
import re
from typing import Final
from uuid import UUID

from kernel.ids import AppointmentId, TenantId

PREFIX: Final = "hft_"
_TOKEN: Final = re.compile(r"hft_([0-9a-f]{32})([0-9a-hjkmnp-tv-z]{26})([A-Za-z0-9_-]{43})")


def make_token(secret: bytes, tenant_id: TenantId, appointment_id: AppointmentId) -> str:
    """Sign the token of an appointment by HMAC-SHA-256 with the business's own secret.

    The result is always the same, so that a repeated confirmation gives the same token again.
    """
    body = f"{tenant_id.hex}{appointment_id.removeprefix('apt_')}"
    signature = hmac.digest(secret, f"appointment:{body}".encode(), "sha256")
    return f"{PREFIX}{body}{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def parse(token: str) -> tuple[TenantId, AppointmentId] | None:
    """Read the business and the appointment that a token claims to open, unverified; None for any other text."""
    match = _TOKEN.fullmatch(token)
    if match is None:
        return None
    return TenantId(UUID(hex=match[1])), AppointmentId(f"apt_{match[2]}")


def is_genuine(token: str, secret: bytes, tenant_id: TenantId, appointment_id: AppointmentId) -> bool:
    """Check that this business signed the token for this appointment."""
    return hmac.compare_digest(token, make_token(secret, tenant_id, appointment_id))
