"""Credentials as OpenAPI describes them."""

from collections.abc import Mapping, Sequence
from typing import Final

from access.permissions import admitted_roles
from access.roles import Role
from api.authentication import TOKEN_HEADER

SECURITY_SCHEMES: Final[Mapping[str, Mapping[str, str]]] = {
    "SecretKey": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "hfs_…",
        "description": "A secret key, for back ends: full access to its business.",
    },
    "PublishableKey": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "hfp_…",
        "description": "A publishable key, for widgets: availability, holds and booking.",
    },
    "AppointmentToken": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "hft_…",
        "description": "The token returned with a booking: it reads, moves and cancels that one appointment.",
    },
    "AppointmentTokenHeader": {
        "type": "apiKey",
        "in": "header",
        "name": TOKEN_HEADER,
        "description": "An appointment token sent with a publishable key; the query parameter `token` works too.",
    },
    "OperatorKey": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "hfo_…",
        "description": "A key of HOLDFAST_OPERATOR_KEY: makes, lists and suspends businesses, and opens none of them.",
    },
    "StreamTicket": {
        "type": "apiKey",
        "in": "query",
        "name": "ticket",
        "description": "A ticket from `POST /v1/stream-tickets`, for browsers: their EventSource sends no headers.",
    },
}
OPERATOR: Final = "operator"
"""The dependency of operations that no role has."""
_SCHEMES_BY_ROLE: Final[Mapping[Role, Sequence[str]]] = {
    Role.OWNER: ("SecretKey",),
    Role.VISITOR: ("PublishableKey",),
    Role.HOLDER: ("AppointmentToken", "AppointmentTokenHeader"),
}
_SCHEMES_BY_DEPENDENCY: Final[Mapping[str, Sequence[str]]] = {"caller": (), "stream": ("StreamTicket",)}


def schemes_of(operation_id: str, dependency: str) -> list[str]:
    """The alternatives that give access to an operation, whose route finds its caller by that dependency."""
    if dependency == OPERATOR:
        return ["OperatorKey"]
    by_role = [name for role in admitted_roles(operation_id) for name in _SCHEMES_BY_ROLE.get(role, ())]
    return [*by_role, *_SCHEMES_BY_DEPENDENCY[dependency]]
