"""Receivers of a notice: the customer, and those of the business who are to know."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from messages.content.model import Audience


class RecipientKind(StrEnum):
    """The kind of the id of a receiver."""

    CUSTOMER = "customer"
    USER = "user"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """A receiver by their id alone."""

    audience: Audience
    kind: RecipientKind
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Colleague:
    """A user of the business, as far as it decides what they are told."""

    id: str
    is_owner: bool
    resource_id: str | None
    """The resource whose calendar is theirs; None: none."""


def staff_to_tell(colleagues: Sequence[Colleague], resource_ids: Collection[str]) -> list[Recipient]:
    """Users who serve, each once. Where none of them signs in, it is the owners."""
    serving = [one for one in colleagues if one.resource_id in resource_ids and one.resource_id is not None]
    if serving:
        return [_recipient(one.id, Audience.STAFF) for one in serving]
    return [_recipient(one.id, Audience.OWNER) for one in colleagues if one.is_owner]


def _recipient(user_id: str, audience: Audience) -> Recipient:
    return Recipient(audience=audience, kind=RecipientKind.USER, id=user_id)
