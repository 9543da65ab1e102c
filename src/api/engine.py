"""The engine behind an application."""

from dataclasses import dataclass, field
from typing import cast

from fastapi import Request

from api.allowed_origins import AllowedOrigins
from api.authentication import Authenticator
from api.key_guesses import KeyGuesses
from api.rate_limiting import RateLimiting
from api.stream_tickets import StreamTickets
from api.visitors import VisitorAddresses
from bootstrap.context import Context
from bootstrap.services import Services
from persistence.idempotency import IdempotencyService
from persistence.sealing import MasterKeys


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """Everything one application serves from."""

    context: Context
    services: Services
    authenticator: Authenticator
    origins: AllowedOrigins
    visitors: VisitorAddresses
    stream_tickets: StreamTickets
    rate_limiting: RateLimiting
    idempotency_keys: IdempotencyService
    master_keys: MasterKeys
    key_guesses: KeyGuesses = field(default_factory=KeyGuesses)


def engine_of(request: Request) -> Engine:
    """The engine of the application that serves the request."""
    return cast("Engine", request.app.state.engine)
