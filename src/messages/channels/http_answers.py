"""Answers of services over HTTP, as far as several channels read them alike."""

from http import HTTPStatus
from typing import Final

from messages.model import SendFailed, SendFault
from outbound.client import OutboundClient, OutboundFailed, OutboundFault, TargetNotAllowed
from outbound.connection import OutboundAnswer
from outbound.targets import Target

MOST_RETRY_SECONDS: Final = 3600.0
"""A service that asks for more is asked again after this."""
_LATER: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})
_NO_LOGIN: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


async def post(
    client: OutboundClient, target: Target, *, headers: dict[str, str], body: bytes, service: str
) -> OutboundAnswer:
    """Send a message to a service that is called so in sentences. Raises SendFailed where there is no answer."""
    try:
        return await client.send("POST", target, headers=headers, body=body)
    except OutboundFailed as failure:
        fault = SendFault.TIMEOUT if failure.fault is OutboundFault.TIMEOUT else SendFault.NO_ANSWER
        raise SendFailed(fault, f"{service} gave no answer.") from None
    except TargetNotAllowed:
        detail = f"HOLDFAST_OUTBOUND_ALLOW does not admit the address of {service[0].lower()}{service[1:]}."
        raise SendFailed(SendFault.NO_ANSWER, detail) from None


def is_taken(answer: OutboundAnswer) -> bool:
    """True if the service has taken the message."""
    return HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES


def refusal(answer: OutboundAnswer, service: str) -> SendFailed:
    """Failure that an answer stands for, by its status alone: what it says else may name a person."""
    status = answer.status
    if status in _NO_LOGIN:
        fault, what = SendFault.LOGIN, "refuses the login"
    elif HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR and status not in _LATER:
        fault, what = SendFault.REFUSED, "refuses the message"
    else:
        fault, what = SendFault.DEFERRED, "takes no message now"
    pause = retry_seconds(answer) if fault is SendFault.DEFERRED else None
    return SendFailed(fault, f"{service} {what} ({status}).", retry_seconds=pause)


def retry_seconds(answer: OutboundAnswer) -> float | None:
    """The pause that the service asks for; None: it says nothing of it, or names a date."""
    asked = answer.headers.get("retry-after", "").strip()
    return min(float(asked), MOST_RETRY_SECONDS) if asked.isascii() and asked.isdigit() else None
