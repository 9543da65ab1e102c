"""E-mail addresses as customers type them."""

import re
from functools import lru_cache
from typing import Final

from email_validator import EmailNotValidError, validate_email

# RFC 5322's dot-atom, of which nothing needs folding: the part before the @ of nearly all addresses.
_PLAIN_LOCAL_PART: Final = re.compile(r"[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*", re.ASCII)
_MAX_LOCAL_PART_CHARACTERS: Final = 64
_MAX_EMAIL_CHARACTERS: Final = 254
_PLACEHOLDER: Final = "a"


def email_address(typed: str) -> str:
    """The address with its domain in lower case. Raises ValueError.

    The domain stays as it is spelled otherwise: customers are found by their address, also those of earlier versions.
    """
    address = typed.strip()
    local_part, _, domain = address.rpartition("@")
    is_plain = len(local_part) <= _MAX_LOCAL_PART_CHARACTERS and _PLAIN_LOCAL_PART.fullmatch(local_part)
    if is_plain and domain.isascii() and len(address) <= _MAX_EMAIL_CHARACTERS:
        return f"{local_part}@{_domain(domain)}"
    return judged_address(address)


@lru_cache(maxsize=4096)
def _domain(spelled: str) -> str:
    """The domain as it is stored. Few are those of most customers, and judging one takes longer than all the rest."""
    return judged_address(f"{_PLACEHOLDER}@{spelled}").removeprefix(f"{_PLACEHOLDER}@")


def judged_address(address: str) -> str:
    """The address as `email_address` gives it, all of it judged by the library."""
    try:
        valid = validate_email(address, check_deliverability=False, strict=True, test_environment=True)
    except EmailNotValidError as error:
        detail = f"must be an e-mail address: {error}"
        raise ValueError(detail) from None
    domain = address.rpartition("@")[2].lower()
    return f"{valid.local_part}@{domain if domain == valid.ascii_domain else valid.domain}"
