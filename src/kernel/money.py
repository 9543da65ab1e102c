"""Amounts of money in minor units."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """An amount in the currency's smallest unit (agorot, cents) and the ISO 4217 code of the currency."""

    amount_minor: int
    currency: str

    def percent(self, percent: int) -> "Money":
        """Take so many hundredths of the amount, rounded half up to a whole minor unit."""
        return Money(amount_minor=(self.amount_minor * percent + 50) // 100, currency=self.currency)

    def plus(self, more_minor: int) -> "Money":
        """The amount and that many units more."""
        return Money(amount_minor=self.amount_minor + more_minor, currency=self.currency)

    def minus(self, other: "Money", *, at_least: int) -> "Money":
        """The difference, or that amount where it is less; both amounts must be of one currency."""
        assert self.currency == other.currency, "amounts of two currencies have no difference"
        return Money(amount_minor=max(self.amount_minor - other.amount_minor, at_least), currency=self.currency)
