"""Codes by which visitors prove their contacts, in requests and answers."""

from datetime import datetime
from typing import Annotated, Final, NotRequired, Self

from pydantic import ConfigDict, Field, StringConstraints, model_validator, with_config
from pydantic.config import JsonDict
from typing_extensions import TypedDict

from access.contacts.model import CODE_DIGITS, CodeResult
from api.schemas.appointment_requests import PhoneNumber
from api.schemas.fields import RequestModel
from bookings.model import CustomerDetails
from catalogue.model.document_fields import EmailAddress
from catalogue.model.documents import FaultsError
from catalogue.model.rules.verification import Verification
from holds.contact_seal import HoldContact
from kernel.errors import FieldError

_EXAMPLE: Final[JsonDict] = {"email": "dana@example.com"}


class CodeRequest(RequestModel):
    """The contact that a visitor proves: an e-mail address, or a telephone number."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    email: EmailAddress | None = None
    phone: PhoneNumber | None = None

    @model_validator(mode="after")
    def _one_contact(self) -> Self:
        if (self.email is None) == (self.phone is None):
            raise FaultsError([FieldError("email", "give either email or phone")])
        return self

    def details(self) -> CustomerDetails:
        """The contact, as details of a customer without a name."""
        return CustomerDetails(name="", email=self.email, phone=self.phone)


class VerificationAttempt(RequestModel):
    """A code that a visitor was sent."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"code": "493817"}]})

    code: Annotated[
        str,
        StringConstraints(strip_whitespace=True, pattern=f"^[0-9]{{{CODE_DIGITS}}}$"),
        Field(description="The six digits."),
    ]


CODE_EXAMPLE: Final[JsonDict] = {
    "channel": "email",
    "sent_to": "d…@e….com",
    "expires_at": "2026-11-30T15:10:00Z",
    "hold_expires_at": "2026-11-30T15:10:00Z",
    "codes_left": 2,
}
VERIFICATION_EXAMPLE: Final[JsonDict] = {"channel": "email", "email": "dana@example.com"}


@with_config(ConfigDict(json_schema_extra={"examples": [CODE_EXAMPLE]}))
class CodeAnswer(TypedDict):
    """A code that is on its way."""

    channel: Verification
    sent_to: Annotated[str, Field(description="The address, of which most is hidden.")]
    expires_at: Annotated[datetime, Field(description="The end of the code.")]
    hold_expires_at: Annotated[
        datetime,
        Field(description="The end of the hold, at most its `extendable_until`: it may come before the code's."),
    ]
    codes_left: Annotated[int, Field(description="Codes that may still be sent for this hold, each 30 seconds apart.")]


@with_config(ConfigDict(json_schema_extra={"examples": [VERIFICATION_EXAMPLE]}))
class VerificationAnswer(TypedDict):
    """The contact that is proved for the hold."""

    channel: Verification
    email: NotRequired[str]
    phone: NotRequired[Annotated[str, Field(description="In E.164.")]]


def code_answer(sending: CodeResult) -> CodeAnswer:
    """The answer to a request for a code."""
    return {
        "channel": sending.verification,
        "sent_to": sending.sent_to,
        "expires_at": sending.expires_at,
        "hold_expires_at": sending.hold_expires_at,
        "codes_left": sending.codes_left,
    }


def verification_answer(contact: HoldContact) -> VerificationAnswer:
    """The answer to the right code."""
    if contact.verification is Verification.EMAIL:
        return {"channel": contact.verification, "email": contact.address}
    return {"channel": contact.verification, "phone": contact.address}
