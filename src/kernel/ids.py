"""Identifiers: what they look like, and how a new one is made."""

import hmac
import os
import re
import time
from datetime import UTC, datetime, timedelta
from typing import Final, NewType
from uuid import UUID

TenantId = NewType("TenantId", UUID)
LocationId = NewType("LocationId", str)
ResourceId = NewType("ResourceId", str)
ServiceId = NewType("ServiceId", str)
CustomerId = NewType("CustomerId", str)
HoldId = NewType("HoldId", str)
AppointmentId = NewType("AppointmentId", str)
TimeOffId = NewType("TimeOffId", str)
ApiKeyId = NewType("ApiKeyId", str)
CommitId = NewType("CommitId", str)
EventId = NewType("EventId", str)
SecretId = NewType("SecretId", str)
WebhookEndpointId = NewType("WebhookEndpointId", str)
WebhookDeliveryId = NewType("WebhookDeliveryId", str)
UserId = NewType("UserId", str)
UserSessionId = NewType("UserSessionId", str)
SigningKeyId = NewType("SigningKeyId", str)
AuditEntryId = NewType("AuditEntryId", str)
NotificationId = NewType("NotificationId", str)

_CROCKFORD: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_CROCKFORD_PAIRS: Final = [one + other for one in _CROCKFORD for other in _CROCKFORD]
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ID: Final = re.compile(
    r"(loc|res|svc|cus|hld|apt|tof|key|op|evt|sec|whe|whd|usr|ses|sgk|aud|ntf|ext)_[0-9a-hjkmnp-tv-z]{26}"
)
KEY_PATTERN: Final = r"^[a-z0-9][a-z0-9-]{0,62}$"
_KEY: Final = re.compile(KEY_PATTERN)


def new_ulid() -> str:
    """A fresh identifier body of 26 characters; later ones sort after earlier ones (to the millisecond)."""
    return _ulid(time.time_ns() // 1_000_000 << 80 | int.from_bytes(os.urandom(10), "big"))


def first_appointment_id(instant: datetime) -> str:
    """The lower bound of the ids of appointments that are made from an instant on."""
    return f"apt_{_ulid(int(instant.timestamp() * 1000) << 80)}"


def made_at(appointment_id: AppointmentId) -> datetime:
    """The instant at which the id of an appointment was made, to the millisecond."""
    milliseconds = 0
    for character in appointment_id.removeprefix("apt_")[:10]:
        milliseconds = milliseconds << 5 | _CROCKFORD.index(character)
    return _EPOCH + timedelta(milliseconds=milliseconds)


def _ulid(number: int) -> str:
    """48 bits of time and 80 bits of entropy in Crockford's base 32 (the ULID layout, lower case)."""
    # Written out, because every request makes some.
    pairs = _CROCKFORD_PAIRS
    return (
        f"{pairs[number >> 120]}{pairs[number >> 110 & 1023]}{pairs[number >> 100 & 1023]}{pairs[number >> 90 & 1023]}"
        f"{pairs[number >> 80 & 1023]}{pairs[number >> 70 & 1023]}{pairs[number >> 60 & 1023]}"
        f"{pairs[number >> 50 & 1023]}{pairs[number >> 40 & 1023]}{pairs[number >> 30 & 1023]}"
        f"{pairs[number >> 20 & 1023]}{pairs[number >> 10 & 1023]}{pairs[number & 1023]}"
    )


def new_location_id() -> LocationId:
    """A fresh `loc_…`."""
    return LocationId(f"loc_{new_ulid()}")


def new_resource_id() -> ResourceId:
    """A fresh `res_…`."""
    return ResourceId(f"res_{new_ulid()}")


def new_service_id() -> ServiceId:
    """A fresh `svc_…`."""
    return ServiceId(f"svc_{new_ulid()}")


def new_customer_id() -> CustomerId:
    """A fresh `cus_…`."""
    return CustomerId(f"cus_{new_ulid()}")


def new_hold_id() -> HoldId:
    """A fresh `hld_…`."""
    return HoldId(f"hld_{new_ulid()}")


def hold_id_for(secret: bytes, attempt: str) -> HoldId:
    """The hold that every repetition of an attempt stands for: always the same one, and not to be guessed.

    A direct booking that is sent twice thereby meets its own first attempt, even when the process that served it died
    before it could answer. HMAC-SHA-256 with the business's secret, cut to the 128 bits of an id.
    """
    digest = hmac.digest(secret, f"attempt:{attempt}".encode(), "sha256")
    return HoldId(f"hld_{_ulid(int.from_bytes(digest[:16], 'big'))}")


def external_id_for(secret: bytes, issuer: str, subject: str) -> str:
    """The `ext_…` of somebody whom an identity provider names: always the same one, and nothing that it says of them.

    What a provider calls its people may be personal, an e-mail address for example. HMAC-SHA-256 with the business's
    secret, cut to the 128 bits of an id.
    """
    digest = hmac.digest(secret, f"external:{len(issuer)}:{issuer}{subject}".encode(), "sha256")
    return f"ext_{_ulid(int.from_bytes(digest[:16], 'big'))}"


def new_appointment_id() -> AppointmentId:
    """A fresh `apt_…`."""
    return AppointmentId(f"apt_{new_ulid()}")


def new_time_off_id() -> TimeOffId:
    """A fresh `tof_…`."""
    return TimeOffId(f"tof_{new_ulid()}")


def new_api_key_id() -> ApiKeyId:
    """A fresh `key_…`."""
    return ApiKeyId(f"key_{new_ulid()}")


def new_commit_id() -> CommitId:
    """A fresh `op_…`: names one writing transaction of the engine (see persistence.unit_of_work)."""
    return CommitId(f"op_{new_ulid()}")


def new_event_id() -> EventId:
    """A fresh `evt_…`, for what is in no feed: those of the feed are given by the relay."""
    return EventId(f"evt_{new_ulid()}")


def new_secret_id() -> SecretId:
    """A fresh `sec_…`."""
    return SecretId(f"sec_{new_ulid()}")


def new_webhook_endpoint_id() -> WebhookEndpointId:
    """A fresh `whe_…`."""
    return WebhookEndpointId(f"whe_{new_ulid()}")


def new_user_id() -> UserId:
    """A fresh `usr_…`."""
    return UserId(f"usr_{new_ulid()}")


def new_user_session_id() -> UserSessionId:
    """A fresh `ses_…`."""
    return UserSessionId(f"ses_{new_ulid()}")


def new_signing_key_id() -> SigningKeyId:
    """A fresh `sgk_…`."""
    return SigningKeyId(f"sgk_{new_ulid()}")


def new_audit_entry_id() -> AuditEntryId:
    """A fresh `aud_…`."""
    return AuditEntryId(f"aud_{new_ulid()}")


def new_notification_id() -> NotificationId:
    """A fresh `ntf_…`."""
    return NotificationId(f"ntf_{new_ulid()}")


def is_id(text: str) -> bool:
    """True if the text has the shape of an identifier made by the engine."""
    return _ID.fullmatch(text) is not None


def is_key(text: str) -> bool:
    """True if the text may serve as a key chosen by the client (see KEY_PATTERN)."""
    return _KEY.fullmatch(text) is not None
