"""Operations on the contacts that visitors prove for a hold."""

from fastapi import APIRouter, Depends
from starlette.responses import Response

from access.contacts.model import NoCode, WrongCode
from access.rates.model import RateLimited
from api.answers import answer
from api.dependencies import Permitted, SentBy, ServicesOf, refuse_dry_run
from api.idempotency import HoldsRoute
from api.openapi_responses import merge, refusals, success
from api.parameters import HoldPath
from api.schemas.verifications import (
    CODE_EXAMPLE,
    VERIFICATION_EXAMPLE,
    CodeAnswer,
    CodeRequest,
    VerificationAnswer,
    VerificationAttempt,
    code_answer,
    verification_answer,
)
from bookings.model import LimitReached
from holds.model import HoldBusy, HoldExpired, HoldNotFound, HoldsUnavailable, MoveHoldRefusal

router = APIRouter(tags=["Holds"], route_class=HoldsRoute, dependencies=[Depends(refuse_dry_run)])


@router.post(
    "/v1/holds/{hold_id}/verification",
    operation_id="sendVerificationCode",
    summary="Send a code to the visitor",
    status_code=202,
    responses=merge(
        success(202, CodeAnswer, "The code is on its way.", CODE_EXAMPLE),
        refusals(
            HoldNotFound, HoldExpired, HoldBusy, MoveHoldRefusal, RateLimited, LimitReached, HoldsUnavailable
        ),
    ),
)  # fmt: skip
async def send_verification_code(
    services: ServicesOf, caller: Permitted, visitor: SentBy, hold_id: HoldPath, body: CodeRequest
) -> Response:
    """Send six digits to an e-mail address or a telephone number. With them its reader proves that it is theirs.

    The first code of a hold lets it live as long as the code, ten minutes, at most until `extendable_until`. A hold has
    three codes at most, each 30 seconds apart; a new one replaces the one before.
    """
    sending = await services.contacts.send(caller.operation, hold_id, body.details(), visitor)
    return answer(code_answer(sending), status=202)


@router.post(
    "/v1/holds/{hold_id}/verification/check",
    operation_id="checkVerificationCode",
    summary="Prove a contact by its code",
    responses=merge(
        success(200, VerificationAnswer, "The contact that is proved for this hold.", VERIFICATION_EXAMPLE),
        refusals(WrongCode, NoCode, HoldNotFound, HoldExpired, HoldsUnavailable),
    ),
)
async def check_verification_code(
    services: ServicesOf, caller: Permitted, hold_id: HoldPath, body: VerificationAttempt
) -> Response:
    """Compare a code with the one that was sent last. Each has five tries.

    The hold can then be confirmed with that contact. A hold that replaces it takes the proof over.
    """
    return answer(verification_answer(await services.contacts.check(caller.operation, hold_id, body.code)))
