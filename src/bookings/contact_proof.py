"""The proof that an address belongs to whoever books with it: who needs one, and what counts as one."""

import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Final

from bookings.customer_address import is_signed_in_customer
from bookings.customers import identity
from bookings.model import CustomerDetails
from catalogue.model.rules.verification import Verification
from holds.model import Hold
from kernel.errors import DomainError
from kernel.operation import Operation

_PURPOSE: Final = b"proof of a contact|"
_FIRST: Final = {
    Verification.EMAIL: "Prove the e-mail address first: send it to POST /v1/holds/{id}/verification, then the code.",
    Verification.SMS: "Prove the telephone number first: send it to POST /v1/holds/{id}/verification, then the code.",
}
_WITHOUT_HOLD: Final = "Place a hold first: a visitor proves their address for a hold, and then confirms that."
_ANOTHER: Final = {
    Verification.EMAIL: "Another contact than this e-mail address was proved for the hold. Give that, or prove this.",
    Verification.SMS: "Another contact than this telephone number was proved for the hold. Give that, or prove this.",
}


class VerificationRequired(DomainError):
    """The booking needs a contact that its visitor has proved (fact `channel`); nothing was booked."""

    code: ClassVar[str] = "verification_required"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactProof:
    """Knowledge of who gave the contact of a booking."""

    is_proved: bool
    """True if the address that tells customers apart is proved, or the business vouches for it."""
    is_of_visitor: bool
    """True if a visitor gave it: with a publishable key, or signed in as a customer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Giver:
    """A person who gives the contact of a booking."""

    operation: Operation
    details: CustomerDetails
    country: str | None
    """That of a telephone number without a country code; None: unknown."""
    is_signed_in: bool = False
    """True if they are signed in as the customer whose address it is."""

    @property
    def needs_none(self) -> bool:
        """True for the business, which vouches for the contacts that it gives."""
        return not self.operation.is_by_customer


def contact_of(verification: Verification, details: CustomerDetails, country: str | None) -> str | None:
    """The contact that a code of this kind proves, in the form in which two are compared; None: there is none."""
    match verification:
        case Verification.EMAIL:
            return identity(CustomerDetails(name="", email=details.email), country)
        case Verification.SMS:
            return identity(CustomerDetails(name="", phone=details.phone), country)


def contact_digest(contact: str, secret: bytes) -> str:
    """The digest of a contact, by which nobody without the secret of the business can guess it."""
    return hmac.digest(secret, _PURPOSE + contact.encode(), "sha256").hex()


def judge(verification: Verification | None, giver: Giver, hold: Hold, secret: bytes) -> ContactProof:
    """Tell whether the address of a booking is proved, where this rule is in force.

    Raises VerificationRequired where the rule asks for a proof that is not there.
    """
    if verification is not None:
        require_proof(verification, giver, hold, secret)
    kind = giver.details.told_apart_by
    is_proved = kind is not None and (giver.is_signed_in or _is_proved(kind, giver, hold, secret))
    return ContactProof(is_proved=giver.needs_none or is_proved, is_of_visitor=not giver.needs_none)


def require_proof(verification: Verification, giver: Giver, hold: Hold, secret: bytes) -> None:
    """Raise VerificationRequired unless the contact is proved for the hold, or its giver needs no proof.

    The business needs none, and neither does a customer who is signed in and gives their own address.
    """
    if giver.needs_none or giver.is_signed_in or _is_proved(verification, giver, hold, secret):
        return
    sentences = _FIRST if hold.proof is None else _ANOTHER
    raise VerificationRequired(sentences[verification], channel=verification.value)


def check_before_hold(
    verification: Verification | None, givers: Iterable[Giver], proved_by: Hold | None, secret: bytes
) -> None:
    """Raise VerificationRequired where a visitor has to prove their address, and has no hold that it was proved for.

    `givers`: the visitor, in each country that a telephone number may be of. Customers who are signed in are judged
    when their address is known to be theirs.
    """
    for giver in givers:
        if verification is None or giver.needs_none or is_signed_in_customer(giver.operation):
            return
        if proved_by is not None and _is_proved(verification, giver, proved_by, secret):
            return
    if verification is not None:
        sentence = _WITHOUT_HOLD if proved_by is None else _ANOTHER[verification]
        raise VerificationRequired(sentence, channel=verification.value)


def _is_proved(verification: Verification, giver: Giver, hold: Hold, secret: bytes) -> bool:
    contact = contact_of(verification, giver.details, giver.country)
    if contact is None or hold.proof is None:
        return False
    return hmac.compare_digest(contact_digest(contact, secret), hold.proof)
