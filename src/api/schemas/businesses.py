"""Businesses in requests and answers of the operator."""

from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import ConfigDict, Field, with_config
from pydantic.config import JsonDict
from typing_extensions import TypedDict

from api.schemas.fields import RequestModel
from businesses.model import BusinessAccount, NewAccount
from catalogue.model.business import Mode
from catalogue.model.document_fields import Currency, Title, Zone
from catalogue.model.quotas import MOST, Quota

_ID: Final = "5b6b5d0c-5f0e-4b7e-9d0f-6b0f3f0c7a11"
ACCOUNT_EXAMPLE: Final[JsonDict] = {
    "id": _ID,
    "name": "Fade & Co",
    "timezone": "Asia/Jerusalem",
    "currency": "ILS",
    "mode": "live",
    "created_at": "2026-11-30T15:01:12Z",
    "suspended": False,
    "suspended_at": None,
    "quotas": {
        "resources": 20,
        "users": None,
        "webhook_endpoints": None,
        "api_keys": None,
        "appointments_per_day": None,
        "live_holds": None,
    },
}
NEW_ACCOUNT_EXAMPLE: Final[JsonDict] = {
    **ACCOUNT_EXAMPLE,
    "secret_key": "hfs_Yq0v3m1cJr8wq3a4Jb7R0dXo9hM2n5pVtK6sLzE1uQw",
    "publishable_key": "hfp_9hM2n5pVtK6sLzE1uQwYq0v3m1cJr8wq3a4Jb7R0dXo",
}


class CreateBusiness(RequestModel):
    """A business to make."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "Fade & Co", "timezone": "Asia/Jerusalem", "currency": "ILS"}]}
    )

    name: Annotated[Title, Field(description="What the business is called.")]
    timezone: Annotated[Zone, Field(description="IANA name.")]
    currency: Annotated[Currency, Field(description="ISO 4217 code.")]
    mode: Annotated[
        Mode, Field(strict=False, description="`sandbox`: it may set its own clock, for trying things out.")
    ] = Mode.LIVE


def _quota(of: str) -> Any:  # noqa: ANN401 - as pydantic declares it
    return Field(ge=0, le=MOST, description=f"The most {of}. Null: as many as the engine allows.")


class ChangeQuotas(RequestModel):
    """Quotas to set; what is absent stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"resources": 20}]})

    resources: Annotated[int | None, _quota("resources that are not archived")] = None
    users: Annotated[int | None, _quota("users")] = None
    webhook_endpoints: Annotated[int | None, _quota("webhook endpoints")] = None
    api_keys: Annotated[int | None, _quota("API keys that open the business")] = None
    appointments_per_day: Annotated[int | None, _quota("appointments that are made in a day of UTC")] = None
    live_holds: Annotated[int | None, _quota("holds that live at once")] = None


class ChangeBusiness(RequestModel):
    """Changes of a business; what is absent stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"suspended": True}]})

    suspended: Annotated[
        bool | None, Field(description="True: its credentials are refused with `business_suspended`.")
    ] = None
    name: Annotated[Title | None, Field(description="What the business is called.")] = None
    quotas: Annotated[
        ChangeQuotas | None, Field(description="What exceeds a new quota stays; only more of it is refused.")
    ] = None


class QuotasAnswer(TypedDict):
    """The most of each kind that the business may have; null: as many as the engine allows."""

    resources: int | None
    users: int | None
    webhook_endpoints: int | None
    api_keys: int | None
    appointments_per_day: int | None
    live_holds: int | None


class _AccountFields(TypedDict):
    id: str
    name: str
    timezone: str
    currency: str
    mode: Mode
    created_at: datetime
    suspended: bool
    suspended_at: Annotated[datetime | None, Field(description="Null: it is not suspended.")]
    quotas: QuotasAnswer


@with_config(ConfigDict(json_schema_extra={"examples": [ACCOUNT_EXAMPLE]}))
class BusinessAccountAnswer(_AccountFields):
    """A business, as the operator sees it."""


@with_config(ConfigDict(json_schema_extra={"examples": [NEW_ACCOUNT_EXAMPLE]}))
class NewAccountAnswer(_AccountFields):
    """A business with its first keys, which are shown this once."""

    secret_key: Annotated[str, Field(description="Acts as the owner, for back ends.")]
    publishable_key: Annotated[str, Field(description="For widgets.")]


class BusinessAccountsAnswer(TypedDict):
    """A page of businesses, the oldest first."""

    data: list[BusinessAccountAnswer]
    next_cursor: Annotated[str | None, Field(description="To be sent as `cursor` for the next page; null at the end.")]


def account_answer(account: BusinessAccount) -> BusinessAccountAnswer:
    """The answer that describes a business."""
    return {
        "id": str(account.id),
        "name": account.name,
        "timezone": account.timezone,
        "currency": account.currency,
        "mode": account.mode,
        "created_at": account.created_at,
        "suspended": account.suspended_at is not None,
        "suspended_at": account.suspended_at,
        "quotas": {
            "resources": account.quotas.get(Quota.RESOURCES),
            "users": account.quotas.get(Quota.USERS),
            "webhook_endpoints": account.quotas.get(Quota.WEBHOOK_ENDPOINTS),
            "api_keys": account.quotas.get(Quota.API_KEYS),
            "appointments_per_day": account.quotas.get(Quota.APPOINTMENTS_PER_DAY),
            "live_holds": account.quotas.get(Quota.LIVE_HOLDS),
        },
    }


def new_account_answer(opened: NewAccount) -> NewAccountAnswer:
    """The answer that shows a new business."""
    return {
        **account_answer(opened.account),
        "secret_key": opened.secret_key,
        "publishable_key": opened.publishable_key,
    }
