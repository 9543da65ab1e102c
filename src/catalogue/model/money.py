"""Prices."""

from typing import Annotated

from pydantic import Field

from catalogue.limits import MAX_AMOUNT_MINOR
from catalogue.model.document_fields import Currency
from catalogue.model.documents import Document, JsonObject
from kernel.money import Money


class MoneyDocument(Document):
    """An amount in the currency's smallest unit, and its ISO 4217 code."""

    amount_minor: Annotated[int, Field(ge=0, le=MAX_AMOUNT_MINOR)]
    currency: Currency


def desired_money(entry: MoneyDocument | None) -> Money | None:
    """The amount in the document."""
    return Money(amount_minor=entry.amount_minor, currency=entry.currency) if entry else None


def money_document(money: Money | None) -> JsonObject | None:
    """The amount as a document."""
    return {"amount_minor": money.amount_minor, "currency": money.currency} if money else None


def stored_money(amount_minor: int | None, currency: str | None) -> Money | None:
    """The amount in two columns, which are null together."""
    if amount_minor is None or currency is None:
        return None
    return Money(amount_minor=amount_minor, currency=currency)
