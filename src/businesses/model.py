"""Businesses of an engine as values, with the refusals that only they have."""

from dataclasses import dataclass, field
from datetime import datetime

from catalogue.model.business import Mode
from catalogue.model.quotas import Quotas
from kernel.errors import DomainError
from kernel.ids import TenantId


@dataclass(frozen=True, slots=True, kw_only=True)
class BusinessAccount:
    """A business as the operator of the engine sees it."""

    id: TenantId
    name: str
    timezone: str
    currency: str
    mode: Mode
    created_at: datetime
    suspended_at: datetime | None
    """None: it is not suspended."""
    quotas: Quotas


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAccount:
    """A business that was just made, with its first two keys, which are never available again."""

    account: BusinessAccount
    secret_key: str = field(repr=False)
    publishable_key: str = field(repr=False)
    is_repeated: bool = False
    """True if an earlier request with the same idempotency key made it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorRequest:
    """A request that the operator may repeat, by digests."""

    key: bytes
    """Digest of the idempotency key."""
    digest: bytes
    """Digest of the request."""


class BusinessSuspended(DomainError):
    """The operator of the engine has suspended the business: its credentials open nothing for now."""

    code = "business_suspended"

    def __init__(self) -> None:
        super().__init__("The operator of this engine has suspended this business. Nothing was done.")


class BusinessNotSuspended(DomainError):
    """Only a suspended business is deleted: nobody works with it any more."""

    code = "business_not_suspended"

    def __init__(self) -> None:
        super().__init__("This business is not suspended, and was not deleted. Suspend it first.")


class RequestMismatch(Exception):
    """The idempotency key came with a different request before."""


class AnswerUnreadable(Exception):
    """The request has succeeded before, and no master key opens its answer any more."""
