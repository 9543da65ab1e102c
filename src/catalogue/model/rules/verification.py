"""Rule on visitors who have to prove that an address is theirs before they book."""

from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field

from catalogue.model.rules.rule import RuleCodec


class Verification(StrEnum):
    """Ways in which a code reaches a visitor, who proves by it that an address is theirs."""

    EMAIL = "email"
    SMS = "sms"


_NONE: Final = "none"


class VerificationName(StrEnum):
    """Values of the rule in a document."""

    EMAIL = "email"
    SMS = "sms"
    NONE = "none"


VerifyRule = Annotated[
    VerificationName,
    Field(
        strict=False,
        description="What a visitor proves before they book: that they read mails to the e-mail address (`email`) or "
        "messages to the telephone number (`sms`) that they give, or nothing.",
    ),
]


def _value(name: str) -> Verification | None:
    return None if name == _NONE else Verification(name)


def _name(verification: Verification | None) -> str:
    return _NONE if verification is None else verification.value


VERIFY: Final = RuleCodec(desired=_value, document=_name, stored=_value, record=_name)
