"""Credentials as OpenAPI describes them."""

from collections.abc import Mapping, Sequence
from typing import Final

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
    "StreamTicket": {
        "type": "apiKey",
        "in": "query",
        "name": "ticket",
        "description": "A ticket from `POST /v1/stream-tickets`, for browsers: their EventSource sends no headers.",
    },
}
SCHEMES_BY_CALLER: Final[Mapping[str, Sequence[str]]] = {
    "secret": ("SecretKey",),
    "widget": ("SecretKey", "PublishableKey"),
    "stream": ("SecretKey", "StreamTicket"),
    "visitor_stream": ("SecretKey", "PublishableKey", "StreamTicket"),
    "holder": ("SecretKey", "AppointmentToken", "AppointmentTokenHeader"),
}
"""The alternatives that give access to an operation, by the caller it admits."""
