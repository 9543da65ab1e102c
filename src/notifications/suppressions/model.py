"""Suppressions as values: the addresses that are written to no more, and why."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class SuppressionReason(StrEnum):
    """The reason why an address is written to no more."""

    BOUNCED = "bounced"
    """There is nobody at the address."""
    OPTED_OUT = "opted_out"
    """Its owner has said so."""
    COMPLAINED = "complained"
    """Its owner has reported a message as unwanted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppression:
    """An address that is written to no more by one channel."""

    reason: SuppressionReason
    since: datetime
