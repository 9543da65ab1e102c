"""Callbacks of services for text messages. Their form is the services' own, so the OpenAPI document has none of it."""

from typing import Final
from urllib.parse import parse_qsl
from uuid import UUID
from xml.sax.saxutils import escape

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import ServicesOf
from kernel.errors import ValidationFailed
from kernel.ids import TenantId
from notifications.callbacks.service import PATH

router = APIRouter(include_in_schema=False)
_MOST_FIELDS: Final = 100
"""A service sends some thirty."""
_HEAD: Final = '<?xml version="1.0" encoding="UTF-8"?>'


@router.post(f"{PATH}{{business}}")
async def take_callback(services: ServicesOf, request: Request, business: UUID) -> Response:
    """Note what became of a text message, or what its receiver answers. The answer may be a text message."""
    content = await request.body()
    try:
        pairs = parse_qsl(
            content.decode(), keep_blank_values=True, strict_parsing=bool(content), max_num_fields=_MOST_FIELDS
        )
    except ValueError:
        raise ValidationFailed.of("body", "must be a form (application/x-www-form-urlencoded)") from None
    signature = request.headers.get("X-Twilio-Signature", "")
    reply = await services.text_message_callbacks.take(TenantId(business), dict(pairs), signature)
    message = "" if reply is None else f"<Message>{escape(reply)}</Message>"
    return Response(f"{_HEAD}<Response>{message}</Response>", media_type="text/xml")
