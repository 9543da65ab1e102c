"""Operation on the tokens that customers have for their appointments."""

from fastapi import APIRouter
from starlette.responses import Response

from api.answers import answer
from api.dependencies import Permitted, ServicesOf
from api.idempotency import RepeatableRoute
from api.openapi_responses import merge, refusals, success
from api.schemas.appointment_tokens import (
    ROTATION_EXAMPLE,
    RotateAppointmentTokens,
    TokenRotationAnswer,
    rotation_answer,
)
from bookings.token_secrets import TokensRotating
from persistence.sealing import MasterKeyMissing

router = APIRouter(tags=["Access"], route_class=RepeatableRoute)


@router.post(
    "/v1/appointment-tokens/rotate",
    operation_id="rotateAppointmentTokens",
    summary="Rotate the secret of appointment tokens",
    responses=merge(
        success(200, TokenRotationAnswer, "The end of the tokens that were made before.", ROTATION_EXAMPLE),
        refusals(TokensRotating, MasterKeyMissing),
    ),
)
async def rotate_appointment_tokens(services: ServicesOf, caller: Permitted, body: RotateAppointmentTokens) -> Response:
    """Sign the tokens of appointments by a new secret, because the one before may be known to somebody.

    Tokens that were made before go on to work for the overlap. To end them now, on every server, send 0: links in
    mails that were sent before open nothing then.
    """
    until = await services.token_rotation.rotate(caller.operation, overlap_days=body.overlap_days)
    return answer(rotation_answer(until))
