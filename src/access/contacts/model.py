"""Codes by which visitors prove their contacts, as callers see them."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final

from catalogue.model.rules.verification import Verification
from holds.contact_seal import HoldContact
from kernel.errors import DomainError

CODE_DIGITS: Final = 6
_SHOWN_DIGITS: Final = 2


class WrongCode(DomainError):
    """The code is not the one that was sent (fact `tries_left`)."""

    code: ClassVar[str] = "wrong_code"


class NoCode(DomainError):
    """No code can be right: none was sent, or its time or its tries are over."""

    code: ClassVar[str] = "no_code"


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeResult:
    """A code that is on its way to a visitor."""

    verification: Verification
    sent_to: str
    """The address, of which most is hidden."""
    expires_at: datetime
    hold_expires_at: datetime
    """The end of the hold, which may come before that of the code."""
    codes_left: int
    """Codes that may still be sent for the hold."""


def masked(contact: HoldContact) -> str:
    """The address, told so that its owner knows it, and nobody else learns it."""
    address = contact.address
    if contact.verification is Verification.SMS:
        return f"…{address[-_SHOWN_DIGITS:]}"
    local_part, _, domain = address.rpartition("@")
    name, dot, rest = domain.partition(".")
    return f"{local_part[:1]}…@{name[:1]}…{dot}{rest}"
