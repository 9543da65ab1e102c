"""Rule on moving an appointment."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field

from catalogue.limits import MAX_RESCHEDULES
from catalogue.model.document_fields import AdvanceMinutes
from catalogue.model.documents import Document, JsonObject
from catalogue.model.rules.rule import RuleCodec, from_record, record_of


class FeeAfterMove(StrEnum):
    """Effect of a customer's move on the fee of a later cancellation."""

    KEEP = "keep"
    """The cost of a cancellation at the move stays the least that one costs."""
    NEW = "new"
    """Only the new start counts."""


class MovePrice(StrEnum):
    """The price of a visit that moves."""

    KEEP = "keep"
    NEW = "new"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReschedulePolicy:
    """Limits on a customer who moves an appointment, and what a move does to its fee and price."""

    until_minutes: int = 0
    """Up to that many minutes before the start (the boundary itself is allowed)."""
    max_times: int | None = None
    fee: FeeAfterMove = FeeAfterMove.KEEP
    price: MovePrice | None = None
    """None: new where a resource was asked for, and kept where the engine chose it."""

    def keeps_price(self, *, with_requested_resource: bool) -> bool:
        """True if a move leaves the price as it is, whatever the new time and resources cost."""
        if self.price is None:
            return not with_requested_resource
        return self.price is MovePrice.KEEP


class RescheduleDocument(Document):
    """Limits on a customer who moves an appointment, and what a move does to its fee and price."""

    until_minutes: AdvanceMinutes = 0
    max_times: Annotated[int, Field(ge=0, le=MAX_RESCHEDULES)] | None = None
    fee: Annotated[FeeAfterMove, Field(strict=False)] = FeeAfterMove.KEEP
    price: Annotated[MovePrice, Field(strict=False)] | None = None


def _desired(entry: RescheduleDocument) -> ReschedulePolicy:
    return ReschedulePolicy(
        until_minutes=entry.until_minutes, max_times=entry.max_times, fee=entry.fee, price=entry.price
    )


def _document(policy: ReschedulePolicy) -> JsonObject:
    return {"until_minutes": policy.until_minutes, "max_times": policy.max_times, **_newer(policy)}


def _stored(record: Mapping[str, object]) -> ReschedulePolicy:
    policy = from_record(ReschedulePolicy, record)
    return replace(policy, fee=FeeAfterMove(policy.fee), price=policy.price and MovePrice(policy.price))


def _record(policy: ReschedulePolicy) -> JsonObject:
    known = {name: member for name, member in record_of(policy).items() if name not in {"fee", "price"}}
    return {**known, **_newer(policy)}


def _newer(policy: ReschedulePolicy) -> JsonObject:
    """The members that version 0.1 does not know, unless they say what it does."""
    fee: JsonObject = {} if policy.fee is FeeAfterMove.KEEP else {"fee": policy.fee.value}
    return fee if policy.price is None else {**fee, "price": policy.price.value}


RESCHEDULE: Final = RuleCodec(desired=_desired, document=_document, stored=_stored, record=_record)
