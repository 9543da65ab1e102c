"""Challenges: proofs that a person is at the visitor's browser, as a service of others judges them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from typing import ClassVar, Final, Protocol
from urllib.parse import urlencode

import orjson
import structlog

from holds.model import ProofRefusal, Visitor
from kernel.errors import DomainError
from outbound.client import OutboundClient, OutboundFailed, TargetNotAllowed
from outbound.targets import Target, read_target

TURNSTILE_URL: Final = "https://challenges.cloudflare.com/turnstile/v0/siteverify"
SCRIPT_URL: Final = "https://challenges.cloudflare.com/turnstile/v0/api.js?render=explicit"
SECONDS: Final = 3.0
"""Limit of the wait for the judgement: the visitor waits for it."""
_IPV4_BYTES: Final = 4
_OK: Final = 200
_HEADERS: Final = {"Content-Type": "application/x-www-form-urlencoded"}
_log = structlog.get_logger(__name__)


class ChallengeRequired(DomainError):
    """The request needs the answer to a challenge that is good, and has none; nothing was done."""

    code: ClassVar[str] = "challenge_required"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChallengeScript:
    """The script by which pages show the challenge."""

    site_key: str
    """Public name of the operator at the service."""
    url: str
    """The script of the service, which makes `turnstile`."""


class Challenge(Protocol):
    """Judges answers to challenges."""

    async def check(self, response: str | None, address: bytes | None) -> bool:
        """True if the response is good; False where none was sent, and none has to be. Raises ChallengeRequired.

        `address`: of the visitor, where it is known.
        """
        ...

    def required(self) -> ChallengeRequired:
        """The refusal of a request that needs a response."""
        ...


@asynccontextmanager
async def judging(
    challenge: Challenge | None, visitor: Visitor | None, response: str | None
) -> AsyncIterator[Visitor | None]:
    """Judge the response of a visitor, and do in the block what they ask for, as the visitor that it gives.

    Without a challenge nobody is asked.

    Where the block finds that a response is needed, and there was none, the refusal says how to get one. Raises
    ChallengeRequired.
    """
    if visitor is None or challenge is None:
        yield visitor
        return
    is_proven = await challenge.check(response, visitor.address)
    try:
        yield replace(visitor, is_proven=is_proven, may_be_asked=True)
    except ProofRefusal as needed:
        raise challenge.required() from needed


class Turnstile:
    """Asks the service of Cloudflare, or any other with the same form, about each response."""

    def __init__(
        self,
        client: OutboundClient,
        *,
        url: str,
        secret: str,
        fails_open: bool,
        asks_always: bool = True,
        script: ChallengeScript | None = None,
    ) -> None:
        """`fails_open`: whether visitors get through while the service gives no judgement.

        `asks_always`: whether each request needs a response, also where nothing is unusual. `script`: told to pages.
        """
        self._client = client
        self._target: Target = read_target(url)
        self._secret = secret
        self._fails_open = fails_open
        self._asks_always = asks_always
        self._facts = {} if script is None else {"site_key": script.site_key, "script": script.url}

    def required(self) -> ChallengeRequired:
        """The refusal of a request without a response."""
        return ChallengeRequired("Send the response of the challenge on your page as challenge.", **self._facts)

    async def check(self, response: str | None, address: bytes | None) -> bool:
        """True if the response is good; False where none was sent, and none has to be. Raises ChallengeRequired."""
        if not response:
            if self._asks_always:
                raise self.required()
            return False
        is_good = await self._judgement(response, address)
        if is_good is None:
            _log.warning("challenge.not_judged", fails_open=self._fails_open)
        if not (self._fails_open if is_good is None else is_good):
            raise ChallengeRequired(
                "The response of the challenge is not valid, or was used before. Get a new one.", **self._facts
            )
        return True

    async def _judgement(self, response: str, address: bytes | None) -> bool | None:
        """The judgement of the service; None where it gives none."""
        fields = {"secret": self._secret, "response": response}
        # Of an address of IPv6 only its network is known.
        if address is not None and len(address) == _IPV4_BYTES:
            fields["remoteip"] = str(IPv4Address(address))
        try:
            async with asyncio.timeout(SECONDS):
                answer = await self._client.send(
                    "POST", self._target, headers=_HEADERS, body=urlencode(fields).encode()
                )
            found = orjson.loads(answer.body)
        except (OutboundFailed, TargetNotAllowed, TimeoutError, orjson.JSONDecodeError):
            return None
        if answer.status != _OK or not isinstance(found, dict) or not isinstance(found.get("success"), bool):
            return None
        # With a wrong secret of ours, no visitor could ever pass.
        if "invalid-input-secret" in (found.get("error-codes") or ()):
            return None
        return bool(found["success"])
